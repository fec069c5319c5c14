//go:build !unix

package sharedfile

import "os"

// noFollow is 0, which has no effect. On Windows, only administrators can create symbolic links.
const noFollow = 0

// syncDir does nothing, because directories cannot be synced here.
func syncDir(*os.Root) {}
