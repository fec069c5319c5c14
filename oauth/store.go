package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Store keeps what must outlive a process: tokens, registrations, keys. Clients, processes and
// machines may share it. All methods must be safe for concurrent use, and must return when their
// context ends.
//
// This package chooses the keys. A key names an endpoint, a resource or an issuer. It may contain
// any characters, and is not secret. A value is opaque and secret.
type Store interface {
	// Load returns the value of key and its version. Its error wraps [ErrNotFound] if there is no
	// value.
	Load(ctx context.Context, key string) (value []byte, version string, err error)
	// Save replaces the value of key if its current version equals version, and returns the new
	// version. The version of a value that does not exist yet is "". The error wraps [ErrConflict]
	// if the version does not match. After Save has returned without an error, the value outlives
	// the process.
	Save(ctx context.Context, key string, value []byte, version string) (newVersion string, err error)
	// Delete removes the value of key if its current version equals version. Otherwise the error
	// wraps [ErrConflict]. Deleting a missing value is not an error.
	Delete(ctx context.Context, key, version string) error
	// Lease waits until nothing in any process holds a lease on key, and then takes the lease. The
	// lease ends when release is called or, if the holder crashes, after ttl at the latest. The
	// lease ensures that only one holder at a time loads, refreshes and saves a token. It does not
	// block Load, Save or Delete: versions protect those.
	Lease(ctx context.Context, key string, ttl time.Duration) (release func(), err error)
}

var (
	// ErrNotFound says that a Store has no value for a key.
	ErrNotFound = errors.New("oauth: not in the store")
	// ErrConflict says that a value in a Store was changed concurrently.
	ErrConflict = errors.New("oauth: changed concurrently in the store")
)

// NewMemoryStore returns a Store that keeps its values in memory. Clients with the same Store share
// tokens and registrations.
func NewMemoryStore() Store {
	return &memoryStore{values: map[string]memoryValue{}, leases: map[string]*memoryLease{}}
}

type memoryStore struct {
	mu      sync.Mutex
	values  map[string]memoryValue  // guarded by mu
	leases  map[string]*memoryLease // guarded by mu
	version uint64                  // guarded by mu
}

type memoryValue struct {
	data    []byte
	version string
}

// memoryLease is one lease. It is held from when it is added to the map until gone is closed.
type memoryLease struct {
	gone  chan struct{}
	timer *time.Timer
}

// Load implements Store.
func (s *memoryStore) Load(ctx context.Context, key string) ([]byte, string, error) {
	if ctx.Err() != nil {
		return nil, "", context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	if !ok {
		return nil, "", fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	return bytes.Clone(v.data), v.version, nil
}

// Save implements Store.
func (s *memoryStore) Save(ctx context.Context, key string, value []byte, version string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values[key].version != version {
		return "", fmt.Errorf("%s: %w", key, ErrConflict)
	}
	s.version++
	v := memoryValue{data: bytes.Clone(value), version: strconv.FormatUint(s.version, 10)}
	s.values[key] = v
	return v.version, nil
}

// Delete implements Store.
func (s *memoryStore) Delete(ctx context.Context, key, version string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	switch {
	case !ok:
		return nil
	case v.version != version:
		return fmt.Errorf("%s: %w", key, ErrConflict)
	}
	delete(s.values, key)
	return nil
}

// Lease implements Store.
func (s *memoryStore) Lease(ctx context.Context, key string, ttl time.Duration) (func(), error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		s.mu.Lock()
		held := s.leases[key]
		if held == nil {
			l := &memoryLease{gone: make(chan struct{})}
			release := func() { s.release(key, l) }
			l.timer = time.AfterFunc(ttl, release)
			s.leases[key] = l
			s.mu.Unlock()
			return release, nil
		}
		s.mu.Unlock()
		select {
		case <-held.gone:
		case <-ctx.Done():
		}
	}
}

func (s *memoryStore) release(key string, l *memoryLease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[key] == l {
		delete(s.leases, key)
		l.timer.Stop()
		close(l.gone)
	}
}
