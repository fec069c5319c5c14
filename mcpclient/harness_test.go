package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// mode is one combination of a protocol era and a kind of reply (JSON or event stream).
type mode struct {
	era mcptest.Era
	sse bool
}

func (m mode) String() string {
	if m.sse {
		return m.era.String() + " SSE"
	}
	return m.era.String() + " JSON"
}

var modes = []mode{{mcptest.Legacy, false}, {mcptest.Legacy, true}, {mcptest.Modern, false}, {mcptest.Modern, true}}

// direct reports whether this process makes the HTTP connections itself, so that it knows whether a
// dial failed.
func direct() bool { return mcptest.Way() == "direct" }

// sharesLink reports whether all requests use one link to an executor. A request that the client
// gives up continues on the server until the link is replaced, because the executor protocol has no
// cancellation.
func sharesLink() bool { return mcptest.Way() == "agent-shared" }

// replaced is the time after which an unused shared link has been replaced.
const replaced = time.Second

// debounce is the shortest time between two runs of a handler for list changes.
const debounce = 250 * time.Millisecond

// lag returns the delay until a modern server sees that a call was given up.
func lag(srv *mcptest.Server) time.Duration {
	if sharesLink() && srv.Era == mcptest.Modern {
		return replaced
	}
	return 0
}

// eachMode runs a test in fake time for each mode.
func eachMode(t *testing.T, test func(t *testing.T, srv *mcptest.Server)) {
	t.Helper()
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test(t, newServer(m))
			})
		})
	}
}

// eachEra is eachMode with event streams only.
func eachEra(t *testing.T, test func(t *testing.T, srv *mcptest.Server)) {
	t.Helper()
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		t.Run(era.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test(t, newServer(mode{era, true}))
			})
		})
	}
}

// inBubble runs a test in fake time with a legacy server that replies with resumable event streams.
func inBubble(t *testing.T, test func(t *testing.T, srv *mcptest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		srv.EventIDs = true
		test(t, srv)
	})
}

// unsent reports whether err says that the request was never sent.
func unsent(err error) bool {
	var e *mcpclient.Error
	return errors.As(err, &e) && e.Stage == transport.NotSent && e.Outcome == mcpclient.NotRun
}

// newServer returns a server with a tool that echoes its arguments.
func newServer(m mode) *mcptest.Server {
	srv := mcptest.New(m.era)
	srv.SSE = m.sse
	srv.Tools = []*mcptest.Tool{{Name: "echo"}}
	return srv
}

// serve serves srv in memory and connects a session to it.
func serve(t *testing.T, srv *mcptest.Server, opts mcpclient.Options) *mcpclient.Session {
	t.Helper()
	return connect(t, srv.InMemory(t), opts)
}

// connect connects to a served server. The session is closed at the end of the test.
func connect(t *testing.T, link *mcptest.Link, opts mcpclient.Options) *mcpclient.Session {
	t.Helper()
	s, err := tryConnect(t, link, opts)
	require.NoError(t, err)
	return s
}

func tryConnect(t *testing.T, link *mcptest.Link, opts mcpclient.Options) (*mcpclient.Session, error) {
	t.Helper()
	opts.Transport = link.Transport
	s, err := connectTo(t.Context(), link.URL, &opts)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	return s, err
}

// add adds a tool to the server.
func add(srv *mcptest.Server, name string, run mcptest.ToolFunc) {
	srv.Tools = append(srv.Tools, &mcptest.Tool{Name: name, Run: run})
}

// echoes checks that a call of the tool "echo" works.
func echoes(t *testing.T, s *mcpclient.Session) {
	t.Helper()
	res, err := s.CallTool(t.Context(), "echo", map[string]any{"still": "alive"})
	require.NoError(t, err)
	require.JSONEq(t, `{"still":"alive"}`, text(t, res))
}

// text returns the text of a result that has a single content item.
func text(t *testing.T, res *mcpclient.CallToolResult) string {
	t.Helper()
	require.Len(t, res.Content, 1)
	content, ok := res.Content[0].(mcp.TextContent)
	require.True(t, ok, "%T", res.Content[0])
	return content.Text
}

// failure checks that err is an *Error and returns it.
func failure(t *testing.T, err error) *mcpclient.Error {
	t.Helper()
	var e *mcpclient.Error
	require.ErrorAs(t, err, &e)
	return e
}

// outcome is the result of a call on another goroutine.
type outcome struct {
	res *mcpclient.CallToolResult
	err error
	at  time.Duration // when the call returned, on the clock of the synctest bubble
}

// begin calls a tool on another goroutine.
func begin(ctx context.Context, s *mcpclient.Session, tool string, opts ...mcpclient.CallOption) <-chan outcome {
	done := make(chan outcome, 1)
	start := time.Now()
	go func() {
		res, err := s.CallTool(ctx, tool, nil, opts...)
		done <- outcome{res, err, time.Since(start)}
	}()
	return done
}

// listed returns the names of all tools.
func listed(t *testing.T, s *mcpclient.Session) []string {
	t.Helper()
	var names []string
	for tool, err := range s.Tools(t.Context()) {
		require.NoError(t, err)
		names = append(names, tool.Name)
	}
	return names
}

// done is a tool that returns at once.
func done(context.Context, *mcptest.Call) (json.RawMessage, error) { return mcptest.Text("done"), nil }

type ctx = context.Context

// jsonRaw is the result type of tools.
type jsonRaw = json.RawMessage

// never is a tool that runs until its context ends.
func never(ctx context.Context, _ *mcptest.Call) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, errors.New("the call was cancelled")
}

// takes returns a tool that runs for d.
func takes(d time.Duration) mcptest.ToolFunc {
	return func(ctx context.Context, _ *mcptest.Call) (json.RawMessage, error) {
		return mcptest.Text("done"), mcptest.Sleep(ctx, d)
	}
}
