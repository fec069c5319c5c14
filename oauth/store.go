package oauth

import (
	"context"
	"errors"
	"time"
)

// Store keeps what must outlive a process: tokens, registrations, keys. Clients, processes and
// machines may share it. All methods must be safe for concurrent use, and must return when their
// context ends.
//
// This package chooses the keys: each names a resource and an issuer, or an issuer. A key may hold
// any characters, and is not secret. A value is opaque and secret.
type Store interface {
	// Load returns the value of key and its version. Its error wraps [ErrNotFound] if there is no
	// value.
	Load(ctx context.Context, key string) (value []byte, version string, err error)
	// Save replaces the value if its version is still the given one, and returns the new version.
	// The version of a value that does not exist yet is "". The error wraps [ErrConflict] if the
	// version does not match. Once Save has returned, the value outlives the process.
	Save(ctx context.Context, key string, value []byte, version string) (newVersion string, err error)
	// Delete removes the value if its version is still the given one. Deleting a missing value is
	// not an error.
	Delete(ctx context.Context, key, version string) error
	// Lease waits until no other holder, in any process, has the lease of key, and takes it. The
	// lease ends when release is called or, if the holder crashes, at most ttl later. It guards the
	// use of a refresh token: Load, refresh, Save. It does not guard Save itself; versions do.
	Lease(ctx context.Context, key string, ttl time.Duration) (release func(), err error)
}

var (
	// ErrNotFound says that a Store has no value of that key.
	ErrNotFound = errors.New("oauth: not in the store")
	// ErrConflict says that a value in a Store was changed concurrently.
	ErrConflict = errors.New("oauth: changed concurrently in the store")
)
