package oauth

import (
	"context"
	"errors"
	"time"
)

// Store keeps what must outlive a process: tokens, registrations, keys. It is
// shared by clients, and may be shared by processes and machines. All methods may
// be called concurrently, and end with their context.
//
// A key is a text that this package chooses: it names a resource and an issuer, or an issuer. It may
// hold any characters, and it is no secret. A value is opaque and secret.
type Store interface {
	// Load returns the value of key and its version. [ErrNotFound] is wrapped if there is none.
	Load(ctx context.Context, key string) (value []byte, version string, err error)
	// Save replaces the value if its version is still the one given, "" for a value
	// that does not exist yet, and returns the new version. [ErrConflict] is wrapped
	// if somebody else was faster. When Save has returned, the value outlives the process.
	Save(ctx context.Context, key string, value []byte, version string) (newVersion string, err error)
	// Delete removes the value if its version is still the one given. It is no error if there is none.
	Delete(ctx context.Context, key, version string) error
	// Lease waits until nobody else, in any process, holds the lease of key, and takes it,
	// until release is called or, if the holder dies, at most ttl later. It guards the
	// use of a refresh token: Load, refresh, Save. It does not guard Save itself, versions do.
	Lease(ctx context.Context, key string, ttl time.Duration) (release func(), err error)
}

var (
	// ErrNotFound says that a Store has no value of that key.
	ErrNotFound = errors.New("oauth: not in the store")
	// ErrConflict says that a value in a Store was changed by somebody else.
	ErrConflict = errors.New("oauth: changed in the store meanwhile")
)
