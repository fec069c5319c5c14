// Package sharedfile locks and replaces files that several processes share.
package sharedfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often Lock tries to take a lock that another process holds. The kernel has no way
// to wait for a lock with a context.
const lockPoll = 10 * time.Millisecond

// Lock waits until it holds the lock on the file at path, which it creates with mode 0600 if it does
// not exist. The kernel releases the lock when the process ends. If ctx ends first, the error is the
// cause of ctx. Lock does not follow a symbolic link.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	f := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(0o600))
	_, err = f.TryLockContext(ctx, lockPoll)
	switch {
	case err == nil:
		return func() { _ = f.Close() }, nil // the file has no content, so the error does not matter
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	default:
		return nil, err
	}
}

// Replace creates or replaces the file name in root, with mode 0600. It writes the file temp, syncs
// it to disk and renames it, so neither a crash nor a full disk leaves a partial file. The caller
// holds a lock that excludes other calls with these names.
func Replace(root *os.Root, name, temp string, data []byte) error {
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) { // a process that crashed may have left it
		return err
	}
	err := writeNew(root, temp, data)
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp) // the first error is more specific
		return err
	}
	syncDir(root)
	return nil
}

// writeNew creates a file with the given data and syncs it to disk. It fails if the file exists.
func writeNew(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
}
