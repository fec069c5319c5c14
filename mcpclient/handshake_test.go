package mcpclient_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A server that is still starting refuses the first requests of the handshake. They are retried
// after 250 ms, 1 s and 4 s, each ± 20%, both in Connect and when a lost session is replaced.
func TestHandshakeIsTriedAgain(t *testing.T) {
	for _, row := range []struct{ method, pinned string }{
		{"initialize", "2025-11-25"}, {"initialize", ""}, {"notifications/initialized", "2025-11-25"}, {"notifications/initialized", ""},
	} {
		t.Run(row.method+" pinned "+row.pinned, func(t *testing.T) {
			inBubble(t, func(t *testing.T, srv *mcptest.Server) {
				link, opts, method := srv.InMemory(t), mcpclient.Options{ProtocolVersion: row.pinned}, row.method
				if row.pinned == "" { // the era is cached, so initialize is the first request
					opts.EraCache = new(mcpclient.EraCache)
					connect(t, link, opts)
					srv.Reset()
				}
				var refusals atomic.Int32
				srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil || m.Method != method || refusals.Add(-1) < 0 {
						return false
					}
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				})
				within := func(start time.Time) {
					t.Helper()
					require.GreaterOrEqual(t, time.Since(start), (250+1000+4000)*time.Millisecond*8/10)
					require.LessOrEqual(t, time.Since(start), (250+1000+4000)*time.Millisecond*12/10)
					require.Equal(t, 4, srv.Count(method))
				}
				start := time.Now()
				refusals.Store(3)
				s := connect(t, link, opts)
				within(start)

				srv.LoseSessions()
				srv.Reset()
				start = time.Now()
				refusals.Store(3)
				echoes(t, s)
				within(start)
				require.Equal(t, 1, srv.Executions("echo"))
			})
		})
	}
}
