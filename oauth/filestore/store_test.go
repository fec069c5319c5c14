package filestore_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/filestore"
	"github.com/hawser-mcp/hawser/oauth/storetest"
)

func newStore(t *testing.T) *filestore.Store {
	t.Helper()
	s, err := filestore.New(filepath.Join(t.TempDir(), "a", "store"))
	require.NoError(t, err)
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func() oauth.Store { return newStore(t) })
}

// saved saves a value and returns its version and the path of its file.
func saved(t *testing.T, s *filestore.Store, key, value string) (version, file string) {
	t.Helper()
	version, err := s.Save(t.Context(), key, []byte(value), "")
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(s.Dir(), "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return version, files[0]
}

func TestTwoStoresShareADirectory(t *testing.T) {
	one := newStore(t)
	two, err := filestore.New(one.Dir())
	require.NoError(t, err)
	version, _ := saved(t, one, "key", "value")
	value, loaded, err := two.Load(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", string(value))
	require.Equal(t, version, loaded)

	release, err := one.Lease(t.Context(), "key", time.Minute)
	require.NoError(t, err)
	got := make(chan func())
	go func() {
		r, _ := two.Lease(t.Context(), "key", time.Minute) // if it fails, calling r below panics
		got <- r
	}()
	release()
	second := <-got
	release() // a second call must not release the other holder's lease
	third := make(chan func())
	go func() {
		r, _ := one.Lease(t.Context(), "key", time.Minute)
		third <- r
	}()
	select {
	case <-third:
		t.Fatal("a second call of release released another holder's lease")
	case <-time.After(5 * time.Millisecond): // enough time to take a free lease
	}
	second()
	(<-third)()
}

func TestDefaultDirectory(t *testing.T) {
	home := t.TempDir()
	for _, variable := range []string{"HOME", "XDG_CONFIG_HOME", "AppData", "home"} { // every system uses one of these
		t.Setenv(variable, home)
	}
	s, err := filestore.New("")
	require.NoError(t, err)
	config, err := os.UserConfigDir()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(config, "hawser", "oauth"), s.Dir())
	require.DirExists(t, s.Dir())
}

func TestRelativeDirectoryStaysWhereItWas(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := filestore.New("store")
	require.NoError(t, err)
	_, file := saved(t, s, "key", "value")
	t.Chdir(t.TempDir())
	_, _, err = s.Load(t.Context(), "key")
	require.NoError(t, err)
	require.FileExists(t, file)
}

// A user may delete all tokens by removing the directory. The store then creates it again.
func TestDirectoryThatWasRemoved(t *testing.T) {
	s := newStore(t)
	version, _ := saved(t, s, "key", "value")
	require.NoError(t, os.RemoveAll(s.Dir()))
	_, _, err := s.Load(t.Context(), "key")
	require.ErrorIs(t, err, oauth.ErrNotFound)
	require.NoError(t, os.RemoveAll(s.Dir()))
	_, err = s.Save(t.Context(), "key", []byte("value"), version)
	require.ErrorIs(t, err, oauth.ErrConflict)
	saved(t, s, "key", "value")
}

func TestFileInPlaceOfTheDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	_, err := filestore.New(file)
	require.ErrorContains(t, err, file)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "mine", string(data))
}

// If a file is invalid, the store does not change it. The error names the file.
func TestDamagedFile(t *testing.T) {
	foreign := func(change func(map[string]any)) func(good []byte) []byte {
		return func(good []byte) []byte {
			var m map[string]any
			_ = json.Unmarshal(good, &m)
			change(m)
			data, _ := json.Marshal(m)
			return data
		}
	}
	for name, damage := range map[string]func(good []byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"cut":               func(good []byte) []byte { return good[:len(good)/2] },
		"doubled":           func(good []byte) []byte { return append(good, good...) },
		"zeros":             func(good []byte) []byte { return make([]byte, len(good)) },
		"another program's": func([]byte) []byte { return []byte(`{"access_token":"SECRET"}`) },
		"another version's": foreign(func(m map[string]any) { m["format"] = "hawser oauth store 2" }),
		"another key's":     foreign(func(m map[string]any) { m["key"] = "other" }),
		"no version":        foreign(func(m map[string]any) { delete(m, "version") }),
		"no base64":         foreign(func(m map[string]any) { m["value"] = "SECRET!" }),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			version, file := saved(t, s, "key", "SECRET value")
			good, err := os.ReadFile(file)
			require.NoError(t, err)
			bad := damage(good)
			require.NoError(t, os.WriteFile(file, bad, 0o600))

			_, _, loaded := s.Load(t.Context(), "key")
			_, replaced := s.Save(t.Context(), "key", []byte("new"), version)
			_, added := s.Save(t.Context(), "key", []byte("new"), "")
			deleted := s.Delete(t.Context(), "key", version)
			for _, err := range []error{loaded, replaced, added, deleted} {
				require.ErrorIs(t, err, filestore.ErrDamaged)
				require.ErrorContains(t, err, s.Dir())
				require.ErrorContains(t, err, filepath.Base(file))
				require.NotContains(t, err.Error(), "SECRET")
			}
			now, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(bad), string(now))

			require.NoError(t, os.Rename(file, file+".old")) // what the error message advises
			_, err = s.Save(t.Context(), "key", []byte("new"), "")
			require.NoError(t, err)
		})
	}
}

// If a process crashes during Save, it leaves a temporary file. The store still returns the
// previous value, and can save again.
func TestFileLeftByACrash(t *testing.T) {
	s := newStore(t)
	version, file := saved(t, s, "key", "value")
	rest := file[:len(file)-len(".json")] + ".tmp"
	require.NoError(t, os.WriteFile(rest, []byte(`{"format":"haw`), 0o600))
	value, _, err := s.Load(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", string(value))
	_, err = s.Save(t.Context(), "key", []byte("next"), version)
	require.NoError(t, err)
	require.NoFileExists(t, rest)
}
