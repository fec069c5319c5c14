package mcpclient

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// OnWait reports each call that waits for a recovery once, whether it waited before or after OnWait
// was called.
func TestOnWaitReportsEachCallOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			r    = Recovery{keeps: true}
			mu   sync.Mutex
			seen [2]map[any]int
			wg   sync.WaitGroup
		)
		type key struct{}
		for i := range seen {
			seen[i] = make(map[any]int)
		}
		r.wait(context.WithValue(t.Context(), key{}, "early"))
		for i := range seen {
			wg.Go(func() {
				r.OnWait(func(ctx context.Context) {
					mu.Lock()
					defer mu.Unlock()
					seen[i][ctx.Value(key{})]++
				})
			})
			wg.Go(func() { r.wait(context.WithValue(t.Context(), key{}, i)) })
		}
		wg.Wait()
		r.wait(context.WithValue(t.Context(), key{}, "late"))
		for i := range seen {
			require.Equal(t, map[any]int{"early": 1, 0: 1, 1: 1, "late": 1}, seen[i])
		}
	})
}
