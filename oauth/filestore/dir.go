package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// open opens the directory, and makes it if it does not exist. It checks every time who has access
// to the directory. Symbolic links cannot lead out of an os.Root.
func (s *Store) open() (*os.Root, error) {
	root, err := os.OpenRoot(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(s.dir); err != nil {
			return nil, s.failed(err)
		}
		root, err = os.OpenRoot(s.dir)
	}
	if err != nil {
		return nil, s.failed(err)
	}
	if err := checkAccess(root); err != nil {
		_ = root.Close() // nothing was written, so the error does not matter
		return nil, s.failed(err)
	}
	return root, nil
}

// makeDir makes a directory for this user alone, whatever the umask is. It does not change an
// existing directory, which may be a user's home.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process made it first
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // a directory needs the x bit
}
