package otelmcp_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A call is one span over all its tries. It says why it was sent again, and is linked with the
// recovery that it waited for. HTTP exchanges are its children, over any network.
func TestSpansOfACallThatMetASessionLossAndARetry(t *testing.T) {
	for _, over := range ways {
		t.Run(over.name, func(t *testing.T) {
			in(t, mcptest.Legacy, over, func(w *world) {
				s := w.connect(w.Context(), mcpclient.Options{})
				w.forget()
				w.answer("tools/call", status(http.StatusTooManyRequests))
				w.srv.LoseSessions()
				w.turn(func(ctx context.Context) {
					_, err := s.CallTool(ctx, "echo", map[string]any{"x": 1})
					require.NoError(w, err)
				})
				require.Equal(w, 1, w.srv.Executions("echo"))
				found := tree(w.spans())
				w.Log("\n" + found)
				require.Equal(w, `agent turn internal
  tools/call echo client hawser.retry(wait, 429) hawser.retry(session, -32001) link to hawser.recovery
    POST client http.response.status_code=429
    POST client http.response.status_code=404
    POST client http.response.status_code=200
hawser.recovery internal hawser.recovery.replaced=true link to tools/call echo
  initialize client
    POST client http.response.status_code=200
  notifications/initialized client
    POST client http.response.status_code=202
`, found)
			})
		})
	}
}
