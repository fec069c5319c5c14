//go:build unix

package filestore

import (
	"fmt"
	"os"
	"syscall"
)

// checkAccess returns an error unless this user owns the directory and no other user has access to
// it.
func checkAccess(root *os.Root) error {
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%w: unknown owner", ErrUnsafe)
	}
	return judge(info.Mode().Perm(), int(stat.Uid), os.Geteuid())
}

// judge returns an error if a directory with the given mode and owner belongs to another user, or
// if other users have access to it.
func judge(mode os.FileMode, owner, user int) error {
	switch {
	case owner != user:
		return fmt.Errorf("%w: owned by user %d, this process runs as user %d", ErrUnsafe, owner, user)
	case mode&0o077 != 0:
		return fmt.Errorf("%w: mode %#o, must be 0700 (run chmod 700)", ErrUnsafe, mode)
	}
	return nil
}
