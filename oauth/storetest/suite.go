// Package storetest holds the contract of [oauth.Store] as a suite that anyone
// can run on their own store.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/oauth"
)

// guard is how long a clause may take. It is waited for in full only when a
// clause is broken.
const guard = 30 * time.Second

// clause is one thing that must be true of a store. check gets an empty store and
// says what is wrong with it.
type clause struct {
	name  string
	check func(ctx context.Context, s oauth.Store) error
}

var clauses = []clause{
	{"what is not there is not found", absent},
	{"a value comes back", values},
	{"a key is any text", keys},
	{"only who saw a value replaces it", replace},
	{"only who saw a value deletes it", remove},
	{"a version does not come back", versions},
	{"a store keeps a copy of its own", copies},
	{"one of many savers is the first", race},
	{"a lease has one holder", oneHolder},
	{"two keys have two leases", twoLeases},
	{"a lease guards neither Load nor Save", unguarded},
	{"a waiter ends with its context", waiterEnds},
	{"an ended context ends everything", ended},
}

// Run runs every clause as a sub-test. open returns a new, empty store each time
// it is called; what has to be closed is for a Cleanup of t.
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
