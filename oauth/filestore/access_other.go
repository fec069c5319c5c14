//go:build !unix

package filestore

import "os"

// noFollow has no effect: on Windows only administrators can make symbolic links.
const noFollow = 0

// checkAccess checks nothing: a directory inherits its access rights from the user's own directory
// above it.
func checkAccess(*os.Root) error { return nil }

// syncDir does nothing: directories cannot be synced.
func syncDir(*os.Root) {}
