package executor_test

import (
	"net/http"
	"strings"
	"testing/synctest"
	"time"

	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

var forEver = executor.Options{IdleTimeout: -1}

func TestKeepAlive(t *testing.T) {
	inBothModesNear(t, forEver, func(w *world, near func() *exectest.Near) {
		time.Sleep(time.Hour)
		require.NotZero(w, near().Pings())
		w.works(w.l)
		require.Equal(w, 1, w.x.Dials())
	})
}

func TestSilentLink(t *testing.T) {
	inBothModesNear(t, forEver, func(w *world, near func() *exectest.Near) {
		near().Deaf()
		_, resp := w.open(w.Context(), w.l)
		began := time.Now()
		requireBody(w, resp, "", func(err error) {
			requireStage(w, err, transport.MaybeSent, false)
			require.ErrorIs(w, err, executor.ErrSilent)
			require.ErrorIs(w, err, executor.ErrLinkLost)
		})
		require.LessOrEqual(w, time.Since(began), 3*executor.DefaultKeepAlive)
		require.NotZero(w, near().Pings(), "it was pinged first")
		w.worksOnNewLink()
	})
}

func TestSilentIdleLink(t *testing.T) {
	inBothModesNear(t, forEver, func(w *world, near func() *exectest.Near) {
		near().Deaf()
		time.Sleep(3 * executor.DefaultKeepAlive)
		requireEnded(w, w.l)
		w.worksOnNewLink()
	})
}

func TestNoKeepAlive(t *testing.T) {
	inBothModesNear(t, executor.Options{IdleTimeout: -1, KeepAlive: -1}, func(w *world, near func() *exectest.Near) {
		near().Deaf()
		time.Sleep(time.Hour)
		w.works(w.l)
		require.Zero(w, near().Pings())
	})
}

// A link on which Send blocks also counts as silent. A message that was not completely sent is sent
// again over a new link.
func TestStuckLink(t *testing.T) {
	inBothModesNear(t, executor.Options{}, func(w *world, near func() *exectest.Near) {
		near().Deaf()
		near().Hold()
		w.worksOnNewLink()
		requireEnded(w, w.l)
	})
}

// While the consumer is slow, the executor does not count as silent. The same holds when the
// consumer continues.
func TestSlowConsumerIsNotSilence(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w, near := newNearWorld(t, executor.Options{})
		r, resp := w.open(t.Context(), w.l)
		const piece = 200 << 10
		r.Piece(strings.Repeat("x", piece))
		r.Piece(strings.Repeat("y", piece)) // the link's reader holds this piece
		time.Sleep(time.Hour)
		require.Zero(t, near().Pings())
		buf := make([]byte, 2*piece)
		for got := 0; got < 2*piece; {
			n, err := resp.Body.Read(buf)
			require.NoError(t, err)
			got += n
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NotZero(t, near().Pings())
		r.Done()
		requireBody(t, resp, "", nil)
		time.Sleep(quick)
		w.works(w.l)
		require.Equal(t, http.StatusOK, resp.StatusCode)
	})
}
