package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A server request with a huge ID is dropped, since the response would have to repeat the ID. The
// call continues.
func TestServerRequestWithAHugeID(t *testing.T) {
	for _, size := range []int{255, 1 << 20} { // length of the ID without its quotes
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, true})
				add(srv, "ask", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
					for _, method := range []string{"ping", elicit} {
						c.Raw(fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%q,\"method\":%q}\n\n", method[:1]+strings.Repeat("x", size-1), method))
					}
					return mcptest.Text("done"), nil
				})
				p := newSlowUsers()
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{ElicitForm: p.form}})
				_, err := s.CallTool(t.Context(), "ask", nil)
				require.NoError(t, err)
				synctest.Wait()
				shown, _, _ := p.counts()
				require.Zero(t, shown)
				require.Zero(t, srv.Count("response"))
			})
		})
	}
}

// Input for a modern server is never sent to a legacy server.
func TestInputForALegacyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		s := serve(t, srv, mcpclient.Options{})
		in := &mcpclient.InputRequired{State: json.RawMessage(`"s"`), Requests: []mcpclient.InputRequest{{Key: "q", Method: elicit}}}
		_, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithInput(in, map[string]any{"q": named("gopher")}))
		require.NoError(t, err)
		calls := srv.Requests("tools/call")
		require.Len(t, calls, 1)
		require.NotContains(t, string(calls[0].Body), "requestState")
		require.NotContains(t, string(calls[0].Body), "gopher")
	})
}
