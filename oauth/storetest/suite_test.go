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

// A store with a fault is a good one but for what it is named for.
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

// upTo cuts a text.
func upTo(text string, n int) string { return text[:min(len(text), n)] }

// faults are ways to get a store wrong, and the clause that each must break.
var faults = map[string]func(f *faulty, good oauth.Store){
	"what is not there is not found": func(f *faulty, good oauth.Store) {
		f.load = func(ctx context.Context, key string) ([]byte, string, error) {
			value, version, _ := good.Load(ctx, key)
			return value, version, nil
		}
	},
	"a value comes back": func(f *faulty, good oauth.Store) {
		f.save = func(ctx context.Context, key string, value []byte, version string) (string, error) {
			return good.Save(ctx, key, bytes.TrimSpace(value), version)
		}
	},
	"a key is any text": func(f *faulty, good oauth.Store) {
		f.load = func(ctx context.Context, key string) ([]byte, string, error) { return good.Load(ctx, upTo(key, 255)) }
		f.save = func(ctx context.Context, key string, value []byte, version string) (string, error) {
			return good.Save(ctx, upTo(key, 255), value, version)
		}
	},
	"only who saw a value replaces it": func(f *faulty, good oauth.Store) {
		f.save = func(ctx context.Context, key string, value []byte, _ string) (string, error) {
			_, version, _ := good.Load(ctx, key)
			return good.Save(ctx, key, value, version)
		}
	},
	"only who saw a value deletes it": func(f *faulty, good oauth.Store) {
		f.remove = func(ctx context.Context, key, _ string) error {
			_, version, _ := good.Load(ctx, key)
			return good.Delete(ctx, key, version)
		}
	},
	"a version does not come back": func(f *faulty, good oauth.Store) {
		serial := map[string]int{} // counts anew after a Delete
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
	"a store keeps a copy of its own": func(f *faulty, _ oauth.Store) {
		var kept []byte
		f.save = func(_ context.Context, _ string, value []byte, _ string) (string, error) {
			kept = value
			return "1", nil
		}
		f.load = func(context.Context, string) ([]byte, string, error) { return kept, "1", nil }
	},
	"one of many savers is the first": func(f *faulty, good oauth.Store) {
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
	"a waiter ends with its context":   noLease,
	"an ended context ends everything": noLease,
}

func noLease(f *faulty, _ oauth.Store) {
	f.lease = func(context.Context, string) (func(), error) { return func() {}, nil }
}

// A clause that no fault breaks says nothing.
func TestEachClauseHasItsFault(t *testing.T) {
	for _, c := range clauses {
		t.Run(c.name, func(t *testing.T) {
			fault := faults[c.name]
			require.NotNil(t, fault)
			// A fault that makes the store wait shows when the context ends.
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			good := oauth.NewMemoryStore()
			f := &faulty{Store: good}
			fault(f, good)
			require.Error(t, c.check(ctx, f))
		})
	}
}
