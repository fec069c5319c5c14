// Package storetest is a test suite for implementations of [oauth.Store].
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/oauth"
)

// guard is the time limit of a clause. Only a broken store reaches it.
const guard = 30 * time.Second

// clause is one property that a store must have. check receives an empty store, and returns an
// error if the store does not have the property.
type clause struct {
	name  string
	check func(ctx context.Context, s oauth.Store) error
}

var clauses = []clause{
	{"a missing value is not found", absent},
	{"Load returns the saved value", values},
	{"a key may be any text", keys},
	{"Save needs the current version", replace},
	{"Delete needs the current version", remove},
	{"a version is never used again", versions},
	{"a store copies the caller's bytes", copies},
	{"one of many concurrent Saves succeeds", race},
	{"a lease has one holder", oneHolder},
	{"two keys have two leases", twoLeases},
	{"a lease guards neither Load nor Save", unguarded},
	{"Lease returns when its context ends", waiterEnds},
	{"every method fails with an ended context", ended},
}

// Run runs every clause as a subtest of t. open must return a new, empty store on each call. If a
// store must be closed, open registers that with t.Cleanup.
func Run(t *testing.T, open func() oauth.Store) {
	t.Helper()
	for _, c := range clauses {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), guard)
			defer cancel()
			if err := c.check(ctx, open()); err != nil {
				t.Error(err)
			}
		})
	}
}
