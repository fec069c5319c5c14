//go:build unix

package filestore

import (
	"fmt"
	"os"
	"syscall"
)

// noFollow refuses to open a symbolic link.
const noFollow = syscall.O_NOFOLLOW

// checkAccess looks at who owns the directory and who may use it.
func checkAccess(root *os.Root) error {
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%w: its owner is not known", ErrUnsafe)
	}
	return judge(info.Mode().Perm(), int(stat.Uid), os.Geteuid())
}

// judge says whether a directory of that mode and owner is this user's alone.
func judge(mode os.FileMode, owner, user int) error {
	switch {
	case owner != user:
		return fmt.Errorf("%w: its owner is user %d, and this is user %d", ErrUnsafe, owner, user)
	case mode&0o077 != 0:
		return fmt.Errorf("%w: its mode is %#o, and must be 0700 (chmod 700)", ErrUnsafe, mode)
	}
	return nil
}

// syncDir makes a rename outlive a power failure, where the file system can do that.
func syncDir(root *os.Root) {
	dir, err := root.Open(".")
	if err != nil {
		return
	}
	defer dir.Close()
	_ = dir.Sync() // not all can
}
