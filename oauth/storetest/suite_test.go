package storetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/oauth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryStore(t *testing.T) { Run(t, oauth.NewMemoryStore) }

// faulty is a Store with replaceable methods. A method whose field is nil behaves correctly.
type faulty struct {
	oauth.Store
	load   func(ctx context.Context, key string) ([]byte, string, error)
	save   func(ctx context.Context, key string, value []byte, version string) (string, error)
	remove func(ctx context.Context, key, version string) error
	lease  func(ctx context.Context, key string) (func(), error)
}

func (f *faulty) Load(ctx context.Context, key string) ([]byte, string, error) {
	if f.load == nil {
		return f.Store.Load(ctx, key)
	}
	return f.load(ctx, key)
}

func (f *faulty) Save(ctx context.Context, key string, value []byte, version string) (string, error) {
	if f.save == nil {
		return f.Store.Save(ctx, key, value, version)
	}
	return f.save(ctx, key, value, version)
}

func (f *faulty) Delete(ctx context.Context, key, version string) error {
	if f.remove == nil {
		return f.Store.Delete(ctx, key, version)
	}
	return f.remove(ctx, key, version)
}

func (f *faulty) Lease(ctx context.Context, key string, ttl time.Duration) (func(), error) {
	if f.lease == nil {
		return f.Store.Lease(ctx, key, ttl)
	}
	return f.lease(ctx, key)
}

// upTo returns the first n bytes of text, or all of text if it is shorter.
func upTo(text string, n int) string { return text[:min(len(text), n)] }

// faults maps the name of each clause to a function that makes f break that clause. good is the
// correct store in f.
var faults = map[string]func(f *faulty, good oauth.Store){
	"a missing value is not found": func(f *faulty, good oauth.Store) {
		f.load = func(ctx context.Context, key string) ([]byte, string, error) {
			value, version, _ := good.Load(ctx, key)
			return value, version, nil
		}
	},
	"Load returns the saved value": func(f *faulty, good oauth.Store) {
		f.save = func(ctx context.Context, key string, value []byte, version string) (string, error) {
			return good.Save(ctx, key, bytes.TrimSpace(value), version)
		}
	},
	"a key may be any text": func(f *faulty, good oauth.Store) {
		f.load = func(ctx context.Context, key string) ([]byte, string, error) { return good.Load(ctx, upTo(key, 255)) }
		f.save = func(ctx context.Context, key string, value []byte, version string) (string, error) {
			return good.Save(ctx, upTo(key, 255), value, version)
		}
	},
	"Save needs the current version": func(f *faulty, good oauth.Store) {
		f.save = func(ctx context.Context, key string, value []byte, _ string) (string, error) {
			_, version, _ := good.Load(ctx, key)
			return good.Save(ctx, key, value, version)
		}
	},
	"Delete needs the current version": func(f *faulty, good oauth.Store) {
		f.remove = func(ctx context.Context, key, _ string) error {
			_, version, _ := good.Load(ctx, key)
			return good.Delete(ctx, key, version)
		}
	},
	"a version is never used again": func(f *faulty, good oauth.Store) {
		serial := map[string]int{} // the version of each key; wrongly restarts at 0 after a Delete
		f.load = func(ctx context.Context, key string) ([]byte, string, error) {
			value, _, err := good.Load(ctx, key)
			return value, fmt.Sprint(serial[key]), err
		}
		f.save = func(ctx context.Context, key string, value []byte, version string) (string, error) {
			_, now, _ := good.Load(ctx, key)
			if now != "" && version != fmt.Sprint(serial[key]) {
				return "", oauth.ErrConflict
			}
			_, err := good.Save(ctx, key, value, now)
			serial[key]++
			return fmt.Sprint(serial[key]), err
		}
		f.remove = func(ctx context.Context, key, _ string) error {
			_, now, _ := good.Load(ctx, key)
			serial[key] = 0
			return good.Delete(ctx, key, now)
		}
	},
	"a store copies the caller's bytes": func(f *faulty, _ oauth.Store) {
		var kept []byte
		f.save = func(_ context.Context, _ string, value []byte, _ string) (string, error) {
			kept = value
			return "1", nil
		}
		f.load = func(context.Context, string) ([]byte, string, error) { return kept, "1", nil }
	},
	"one of many concurrent Saves succeeds": func(f *faulty, good oauth.Store) {
		f.save = func(ctx context.Context, key string, value []byte, version string) (string, error) {
			if next, err := good.Save(ctx, key, value, version); err == nil {
				return next, nil
			}
			return "2", nil
		}
	},
	"a lease has one holder": noLease,
	"two keys have two leases": func(f *faulty, good oauth.Store) {
		f.lease = func(ctx context.Context, _ string) (func(), error) { return good.Lease(ctx, "one for all", ttl) }
	},
	"a lease guards neither Load nor Save": func(f *faulty, good oauth.Store) {
		f.save = func(ctx context.Context, key string, value []byte, version string) (string, error) {
			release, err := good.Lease(ctx, key, ttl)
			if err != nil {
				return "", err
			}
			defer release()
			return good.Save(ctx, key, value, version)
		}
	},
	"Lease returns when its context ends":      noLease,
	"every method fails with an ended context": noLease,
}

func noLease(f *faulty, _ oauth.Store) {
	f.lease = func(context.Context, string) (func(), error) { return func() {}, nil }
}

// Each clause must fail for its fault. A clause that no faulty store can fail would prove nothing.
func TestEachClauseHasItsFault(t *testing.T) {
	for _, c := range clauses {
		t.Run(c.name, func(t *testing.T) {
			fault := faults[c.name]
			require.NotNil(t, fault)
			// Some faults make the store block. The clause then fails when the context ends.
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			good := oauth.NewMemoryStore()
			f := &faulty{Store: good}
			fault(f, good)
			require.Error(t, c.check(ctx, f))
		})
	}
}
