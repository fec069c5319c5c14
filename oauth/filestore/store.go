// Package filestore stores tokens in files, in a directory that only its owner can access. Any
// number of processes on one machine can share a directory.
//
//	store, err := filestore.New("")
//	auth, err := oauth.NewClient(url, &oauth.Config{Store: store, Login: &loopback.Login{}})
//
// The files are not encrypted: anyone who can read this user's files or their backups can read the
// tokens.
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/sharedfile"
	"github.com/hawser-mcp/hawser/oauth"
)

var (
	// ErrUnsafe says that other users have access to the directory. The store does not use such a
	// directory.
	ErrUnsafe = errors.New("other users have access to the directory")
	// ErrDamaged says that a file of the store is invalid. The store does not change the file.
	ErrDamaged = errors.New("damaged or not a file of this store")
)

// dirLock is the name of the file whose lock guards all values. Reads also take the lock, because
// Windows cannot replace a file while another process reads it.
const dirLock = "store.lock"

// Store is an [oauth.Store] in a directory. Each value is replaced as a whole: neither a crash nor
// a full disk leaves a partial value. Leases are file locks, which the kernel releases as soon as
// the process ends. A suspended process keeps its locks. On a network file system, the locks are
// only as reliable as that file system's flock.
type Store struct {
	dir  string
	turn chan struct{} // held by the goroutine of this process that waits for dirLock or holds it
}

var _ oauth.Store = (*Store)(nil)

// New returns the store in a directory, and creates the directory if it does not exist. An empty
// dir means [DefaultDir]. If other users have access to the directory, the error wraps [ErrUnsafe].
func New(dir string) (*Store, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(dir) // dir stays valid if the program changes its working directory
	if err != nil {
		return nil, fmt.Errorf("oauth/filestore: %w", err)
	}
	s := &Store{dir: dir, turn: make(chan struct{}, 1)}
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	return s, root.Close()
}

// DefaultDir returns the default directory of the user's store: hawser/oauth in [os.UserConfigDir].
func DefaultDir() (string, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("oauth/filestore: no default directory: %w", err)
	}
	return filepath.Join(config, "hawser", "oauth"), nil
}

// Dir returns the absolute path of the store's directory.
func (s *Store) Dir() string { return s.dir }

// Load implements [oauth.Store]. Its error wraps [ErrDamaged] if the file for key is invalid.
func (s *Store) Load(ctx context.Context, key string) (value []byte, version string, err error) {
	err = s.locked(ctx, func(root *os.Root) error {
		r, err := read(root, key)
		if err != nil {
			return err
		}
		value, version = r.Value, r.Version
		return nil
	})
	return value, version, err
}

// Save implements [oauth.Store]. It returns an error that wraps [ErrDamaged] instead of replacing
// an invalid file.
func (s *Store) Save(ctx context.Context, key string, value []byte, version string) (string, error) {
	next := newRecord(key, value)
	err := s.locked(ctx, func(root *os.Root) error {
		r, err := read(root, key)
		switch {
		case err != nil && !errors.Is(err, oauth.ErrNotFound):
			return err
		case r.Version != version:
			return oauth.ErrConflict
		}
		return write(root, key, next)
	})
	if err != nil {
		return "", err
	}
	return next.Version, nil
}

// Delete implements [oauth.Store].
func (s *Store) Delete(ctx context.Context, key, version string) error {
	return s.locked(ctx, func(root *os.Root) error {
		r, err := read(root, key)
		switch {
		case errors.Is(err, oauth.ErrNotFound):
			return nil
		case err != nil:
			return err
		case r.Version != version:
			return oauth.ErrConflict
		}
		return root.Remove(valueFile(key))
	})
}

// Lease implements [oauth.Store]. It ignores ttl, because the kernel releases the lease as soon as
// the process ends.
func (s *Store) Lease(ctx context.Context, key string, _ time.Duration) (release func(), err error) {
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	unlock, err := s.lock(ctx, leaseFile(key))
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(unlock), nil
}

// locked calls do while it holds the lock on the directory, and returns do's error.
func (s *Store) locked(ctx context.Context, do func(root *os.Root) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return s.failed(context.Cause(ctx))
	}
	root, err := s.open()
	if err != nil {
		return err
	}
	defer root.Close()
	unlock, err := s.lock(ctx, dirLock)
	if err != nil {
		return err
	}
	defer unlock()
	return s.failed(do(root))
}

// lock waits until it has the lock on the named file in the directory, or ctx ends.
func (s *Store) lock(ctx context.Context, name string) (unlock func(), err error) {
	unlock, err = sharedfile.Lock(ctx, filepath.Join(s.dir, name))
	switch {
	case err == nil:
		return unlock, nil
	case ctx.Err() != nil:
		return nil, s.failed(err)
	default:
		return nil, s.failed(fmt.Errorf("lock: %w", err))
	}
}

// failed adds the directory to err. A nil err stays nil.
func (s *Store) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("oauth/filestore: %s: %w", s.dir, err)
}

// open opens the directory, and creates it if it does not exist. It checks each time that only this
// user has access. It returns an os.Root, because symbolic links cannot lead out of one.
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

// makeDir creates a directory that only this user can access, whatever the umask. It does not
// change the mode of an existing directory, which may be the user's home.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process created it first
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // a directory needs the x bit
}
