package sharedfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOneHolderOfALock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(t.Context(), path)
	require.NoError(t, err)
	patience := errors.New("no patience")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Millisecond, patience)
	defer cancel()
	_, err = Lock(ctx, path)
	require.Equal(t, patience, err)

	got := make(chan func())
	go func() {
		next, _ := Lock(t.Context(), path) // if it fails, calling next below panics
		got <- next
	}()
	unlock()
	(<-got)()
}

func TestLockDoesNotFollowLinks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "lock")))
	_, err := Lock(t.Context(), filepath.Join(dir, "lock"))
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(dir, "elsewhere"))
}

func TestReplace(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	require.NoError(t, root.WriteFile("temp", []byte("left by a crash"), 0o644))
	require.NoError(t, Replace(root, "name", "temp", []byte("one")))
	before, err := root.Stat("name")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), before.Mode().Perm())
	require.NoError(t, Replace(root, "name", "temp", []byte("two")))
	text, err := root.ReadFile("name")
	require.NoError(t, err)
	require.Equal(t, "two", string(text))
	after, err := root.Stat("name")
	require.NoError(t, err)
	require.False(t, os.SameFile(before, after), "the file is replaced, and never written in place")
	_, err = root.Stat("temp")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// If the file cannot be replaced, it stays, and nothing else does.
func TestReplaceFails(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	require.NoError(t, root.MkdirAll("name/child", 0o700))
	require.Error(t, Replace(root, "name", "temp", []byte("data")))
	require.Error(t, Replace(root, "file", "name", []byte("data")), "a directory is in the place of the temporary file")
	_, err = root.Stat("name/child")
	require.NoError(t, err)
	_, err = root.Stat("temp")
	require.ErrorIs(t, err, os.ErrNotExist)
}
