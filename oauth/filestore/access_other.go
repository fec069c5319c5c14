//go:build !unix

package filestore

import "os"

// noFollow is 0, which has no effect. On Windows, only administrators can create symbolic links.
const noFollow = 0

// checkAccess checks nothing: the directory inherits its access rights from its parent, which
// belongs to the user.
func checkAccess(*os.Root) error { return nil }

// syncDir does nothing, because directories cannot be synced here.
func syncDir(*os.Root) {}
