//go:build unix

package sharedfile

import (
	"os"
	"syscall"
)

// noFollow is a flag for opening files. It makes opening a symbolic link fail.
const noFollow = syscall.O_NOFOLLOW

// syncDir makes a rename survive a power failure, where the file system supports that.
func syncDir(root *os.Root) {
	dir, err := root.Open(".")
	if err != nil {
		return
	}
	defer dir.Close()
	_ = dir.Sync() // not all file systems support syncing a directory
}
