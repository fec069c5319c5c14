package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMasked(t *testing.T) {
	w := &world{secrets: []string{"https://user:password@modules.example.com/x/", "direct", "file:///a"}}
	require.Equal(t, "get GOPROXY/m/@v/list or GOPROXY/b, direct",
		w.masked("get https://user:password@modules.example.com/x/m/@v/list or file:///a/b, direct"))
}

func TestNextVersion(t *testing.T) {
	next, err := nextVersion()
	require.NoError(t, err)
	require.Regexp(t, `^v\d+\.[1-9]\d*\.0$`, next)
}

func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"go.mod", "a/b.go", "a/node_modules/x.js", ".tools/tool", ".ci/run"} {
		file := filepath.Join(from, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(name), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(from, ".git"), []byte("of a worktree"), 0o600))
	require.NoError(t, copyTree(from, to))
	var found []string
	require.NoError(t, filepath.WalkDir(to, func(name string, entry os.DirEntry, err error) error {
		if !entry.IsDir() {
			rel, _ := filepath.Rel(to, name)
			found = append(found, filepath.ToSlash(rel))
		}
		return err
	}))
	require.Equal(t, []string{".ci/run", "a/b.go", "go.mod"}, found)
}
