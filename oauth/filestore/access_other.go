//go:build !unix

package filestore

import "os"

// noFollow is nothing: Windows lets administrators alone make symbolic links.
const noFollow = 0

// checkAccess finds nothing: who may use a directory follows from the one above it,
// which is the user's own.
func checkAccess(*os.Root) error { return nil }

// syncDir does nothing: a directory cannot be synced.
func syncDir(*os.Root) {}
