//go:build unix

package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth/filestore"
)

func mode(t *testing.T, name string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(name)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func TestOtherUsersHaveNoAccess(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o177} {
		t.Run(fmt.Sprintf("umask %#o", umask), func(t *testing.T) {
			parent := t.TempDir()
			before := syscall.Umask(umask)
			defer syscall.Umask(before)
			s, err := filestore.New(filepath.Join(parent, "store"))
			require.NoError(t, err)
			release, err := s.Lease(t.Context(), "key", time.Minute)
			require.NoError(t, err)
			defer release()
			_, file := saved(t, s, "key", "value")
			require.Equal(t, os.FileMode(0o700), mode(t, s.Dir()))
			require.Equal(t, os.FileMode(0o600), mode(t, file))
			files, err := os.ReadDir(s.Dir())
			require.NoError(t, err)
			for _, f := range files {
				require.Zero(t, mode(t, filepath.Join(s.Dir(), f.Name()))&0o177, f.Name())
			}
		})
	}
}

// The store refuses a directory that other users can access, because they could plant their own
// tokens there. It does not change the directory's mode: the user may have configured a home
// directory by mistake.
func TestDirectoryThatOthersMayUse(t *testing.T) {
	for _, loose := range []os.FileMode{0o755, 0o750, 0o701, 0o777} {
		dir := filepath.Join(t.TempDir(), "store")
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.Chmod(dir, loose))
		_, err := filestore.New(dir)
		require.ErrorIs(t, err, filestore.ErrUnsafe)
		require.ErrorContains(t, err, dir)
		require.Equal(t, loose, mode(t, dir))
	}
}

func TestDirectoryThatWasOpened(t *testing.T) {
	s := newStore(t)
	version, _ := saved(t, s, "key", "value")
	require.NoError(t, os.Chmod(s.Dir(), 0o777))
	_, _, loaded := s.Load(t.Context(), "key")
	_, saved := s.Save(t.Context(), "key", nil, version)
	_, leased := s.Lease(t.Context(), "key", time.Minute)
	for _, err := range []error{loaded, saved, leased, s.Delete(t.Context(), "key", version)} {
		require.ErrorIs(t, err, filestore.ErrUnsafe)
	}
}

// If a symbolic link replaces one of its files, the store neither reads nor writes the link's
// target.
func TestSymbolicLinks(t *testing.T) {
	s := newStore(t)
	release, err := s.Lease(t.Context(), "key", time.Minute)
	require.NoError(t, err)
	release()
	version, file := saved(t, s, "key", "value")
	name := strings.TrimSuffix(file, ".json")

	target := filepath.Join(t.TempDir(), "target")
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(target, good, 0o600))
	link := func(name string) {
		require.NoError(t, os.Remove(name))
		require.NoError(t, os.Symlink(target, name))
	}

	require.NoError(t, os.WriteFile(name+".tmp", nil, 0o600))
	link(name + ".tmp")
	version, err = s.Save(t.Context(), "key", []byte("value"), version)
	require.NoError(t, err)

	link(name + ".lease")
	_, err = s.Lease(t.Context(), "key", time.Minute)
	require.ErrorIs(t, err, syscall.ELOOP)

	link(file)
	_, _, loaded := s.Load(t.Context(), "key")
	_, saved := s.Save(t.Context(), "key", []byte("value"), version)
	for _, err := range []error{loaded, saved, s.Delete(t.Context(), "key", version)} {
		require.ErrorIs(t, err, filestore.ErrDamaged)
	}

	link(filepath.Join(s.Dir(), "store.lock"))
	_, _, err = s.Load(t.Context(), "key")
	require.ErrorIs(t, err, syscall.ELOOP)

	now, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, string(good), string(now))
}

func init() { children["fill the disk"] = fillDisk } //nolint:gochecknoinits // in init because Windows has no such role

// fillDisk is the code of a child process with a limit on the size of files. Writing a larger file
// fails, as it does on a full disk.
func fillDisk(ctx context.Context, args []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	store, err := filestore.New(args[0])
	if err != nil {
		return err
	}
	_, version, err := store.Load(ctx, "key")
	if err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: 4096, Max: 4096}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	_, err = store.Save(ctx, "key", make([]byte, 1<<16), version)
	if !errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("saved to a full disk: %w", err)
	}
	_, err = store.Save(ctx, "key", []byte("small"), version)
	return err
}

func TestFullDisk(t *testing.T) {
	s := newStore(t)
	saved(t, s, "key", "value")
	start(t, "fill the disk", s.Dir()).succeeds()
	value, _, err := s.Load(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "small", string(value))
	rest, err := filepath.Glob(filepath.Join(s.Dir(), "*.tmp"))
	require.NoError(t, err)
	require.Empty(t, rest)
}
