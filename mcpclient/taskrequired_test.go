package mcpclient_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// supporting makes the server list one tool, "echo", with this taskSupport.
func supporting(srv *mcptest.Server, taskSupport func() string) {
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/list" {
			return false
		}
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":$id,"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[
			{"name":"echo","inputSchema":{"type":"object"},"execution":{"taskSupport":%q}}]}}`, taskSupport())
		wire{status: 200, body: body}.write(w, m)
		return true
	})
}

// A tool that a legacy server listed as one that runs only as a task is refused before anything is
// sent. The session sends no request to find out, so the server refuses a tool that was not listed.
// A newer listing replaces an older one.
func TestToolThatRequiresATask(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		support := "required"
		supporting(srv, func() string { return support })
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		echoes(t, s)
		require.Zero(t, srv.Count("tools/list"))

		_, _, err := s.AllTools(t.Context())
		require.NoError(t, err)
		srv.Reset()
		for range 2 {
			_, err = s.CallTool(t.Context(), "echo", nil)
			var required *mcpclient.TaskRequiredError
			require.ErrorAs(t, err, &required)
			require.Equal(t, "echo", required.Tool)
			require.NoError(t, required.Err)
			require.Equal(t, mcpclient.KindInvalid, mcpclient.KindOf(err))
			require.True(t, unsent(err))
			require.EqualError(t, err, `mcp tools/call: invalid input: tool "echo" runs only as a task, and tasks are not supported yet`)
			_, err = mcpclient.Call[any, any](t.Context(), s, "echo", nil)
			require.ErrorAs(t, err, &required)
		}
		require.Zero(t, srv.Count("tools/call"))
		require.Zero(t, srv.Count("tools/list"))

		support = "optional"
		_, _, err = s.AllTools(t.Context())
		require.NoError(t, err)
		echoes(t, s)
	})
}

// In 2026-07-28, execution.taskSupport has no meaning. A server whose tool runs only as a task
// refuses the call and names the tasks extension.
func TestModernToolThatRequiresATask(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		if srv.Era == mcptest.Legacy {
			return
		}
		supporting(srv, func() string { return "required" })
		s := serve(t, srv, mcpclient.Options{})
		_, _, err := s.AllTools(t.Context())
		require.NoError(t, err)
		echoes(t, s)

		for capability, names := range map[string]bool{
			`{"extensions":{"io.modelcontextprotocol/tasks":{}}}`: true, `{"extensions":{"example.com/other":{}}}`: false, `{"sampling":{}}`: false, `[]`: false,
		} {
			body := `{"jsonrpc":"2.0","id":$id,"error":{"code":-32021,"message":"not declared","data":{"requiredCapabilities":` + capability + `}}}`
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				wire{status: 400, body: body}.write(w, m)
				return true
			})
			_, err = s.CallTool(t.Context(), "echo", nil)
			require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
			var required *mcpclient.TaskRequiredError
			require.Equal(t, names, strings.Contains(err.Error(), "runs only as a task"), capability)
			if names {
				require.ErrorAs(t, err, &required)
				require.Equal(t, "echo", required.Tool)
				var rpc *mcpclient.RPCError
				require.ErrorAs(t, required.Err, &rpc)
				caps, err := mcpclient.RequiredCapabilities(err)
				require.NoError(t, err)
				require.Equal(t, mcp.ClientCapabilities{Extensions: map[string]any{"io.modelcontextprotocol/tasks": map[string]any{}}}, *caps)
			}
		}
	})
}
