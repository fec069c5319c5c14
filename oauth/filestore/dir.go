package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// open opens the directory, makes it if it does not exist, and checks each time who has access to
// it. An os.Root cannot be left through symbolic links.
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
		_ = root.Close() // nothing was written
		return nil, s.failed(err)
	}
	return root, nil
}

// makeDir makes a directory for this user alone, whatever the umask is. It leaves an existing
// directory as it is, which may be somebody's home.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // a directory needs its x
}
