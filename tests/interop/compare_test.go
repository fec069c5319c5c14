package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	mcpgotransport "github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// The table in README.md compares Hawser with go-sdk and mcp-go. These tests check each row of the
// table against the SDK versions in go.mod. If a test fails after an SDK update, correct the table.

// compared is the client of one SDK.
type compared struct {
	name string
	dial func(ctx context.Context, url string) (comparedSession, error)
}

type comparedSession struct {
	call  func(ctx context.Context, tool string) (json.RawMessage, error)
	close func() error
}

var (
	hawser = compared{"Hawser", func(ctx context.Context, url string) (comparedSession, error) {
		s, err := mcpclient.Connect(ctx, url, nil)
		if err != nil {
			return comparedSession{}, err
		}
		return comparedSession{func(ctx context.Context, tool string) (json.RawMessage, error) {
			r, err := s.CallTool(ctx, tool, nil)
			return encoded(r, err)
		}, s.Close}, nil
	}}
	goSDK = compared{"go-sdk", func(ctx context.Context, url string) (comparedSession, error) {
		c := gosdk.NewClient(&gosdk.Implementation{Name: "other", Version: "1"}, nil)
		s, err := c.Connect(ctx, &gosdk.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: &http.Transport{}}}, nil)
		if err != nil {
			return comparedSession{}, err
		}
		return comparedSession{func(ctx context.Context, tool string) (json.RawMessage, error) {
			r, err := s.CallTool(ctx, &gosdk.CallToolParams{Name: tool, Arguments: map[string]any{}})
			return encoded(r, err)
		}, s.Close}, nil
	}}
	mcpGo = compared{"mcp-go", func(ctx context.Context, url string) (comparedSession, error) {
		c, err := client.NewStreamableHttpClient(url, mcpgotransport.WithHTTPLogger(slog.New(slog.DiscardHandler)),
			mcpgotransport.WithHTTPBasicClient(&http.Client{Transport: &http.Transport{}}))
		if err != nil {
			return comparedSession{}, err
		}
		if err := c.Start(context.WithoutCancel(ctx)); err != nil {
			return comparedSession{}, err
		}
		if _, err := c.Initialize(ctx, mcpgo.InitializeRequest{}); err != nil {
			return comparedSession{}, err
		}
		return comparedSession{func(ctx context.Context, tool string) (json.RawMessage, error) {
			r, err := c.CallTool(ctx, mcpgo.CallToolRequest{Params: mcpgo.CallToolParams{Name: tool, Arguments: map[string]any{}}})
			return encoded(r, err)
		}, c.Close}, nil
	}}
)

func encoded[T any](result T, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(result)
}

// try calls a tool with a time limit, because the client ignores some replies and would wait
// forever.
func (s comparedSession) try(t *testing.T, tool string) (json.RawMessage, error) {
	t.Helper()
	return s.call(limit(t), tool)
}

// compare runs a situation with each client and compares the outcome with want.
func compare(t *testing.T, want map[string]string, situation func(t *testing.T, c compared) string) {
	t.Helper()
	for _, c := range []compared{hawser, goSDK, mcpGo} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, want[c.name], situation(t, c)) })
	}
}

// scripted starts a legacy server that answers with event streams, and connects a client to it.
func scripted(t *testing.T, c compared, change func(*mcptest.Server)) (*mcptest.Server, comparedSession) {
	t.Helper()
	srv := mcptest.New(mcptest.Legacy)
	srv.SSE, srv.EventIDs = true, true
	srv.Tools = []*mcptest.Tool{{Name: "echo"}}
	if change != nil {
		change(srv)
	}
	listener := httptest.NewServer(srv)
	t.Cleanup(func() { listener.CloseClientConnections(); srv.Close(); listener.Close() })
	s, err := c.dial(limit(t), listener.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.close() })
	return srv, s
}

func works(err error) string {
	if err != nil {
		return "fails"
	}
	return "works"
}

func TestCompareRestart(t *testing.T) {
	compare(t, map[string]string{"Hawser": "works, works", "go-sdk": "fails, fails", "mcp-go": "fails, fails"}, func(t *testing.T, c compared) string {
		srv, s := scripted(t, c, nil)
		_, err := s.try(t, "echo")
		require.NoError(t, err)
		srv.LoseSessions()
		_, first := s.try(t, "echo")
		_, second := s.try(t, "echo")
		return works(first) + ", " + works(second)
	})
}

// badReplies are HTTP responses to a tool call that are not valid answers.
var badReplies = []struct {
	status      int
	contentType string
	body        string
}{
	{200, "text/html", "<html>hello</html>"},
	{400, "text/plain", "bad request"},
	{401, "text/plain", "who are you?"},
	{403, "text/plain", "no"},
	{408, "text/plain", "too slow"},
	{413, "text/plain", "too large"},
	{502, "text/html", "<html>bad gateway</html>"},
	{202, "", ""},
	{200, "application/json", `{"jsonrpc":"2.0","id":`},
	{200, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"oops"}}`},
	{200, "text/event-stream", "what is this?\n\n"},
	{200, "text/event-stream", "data: {\"jsonrpc\":"},
	{200, "text/event-stream", "data: heartbeat\n\n"},
}

func TestCompareBadReplies(t *testing.T) {
	compare(t, map[string]string{"Hawser": "13 of 13", "go-sdk": "1 of 13", "mcp-go": "13 of 13"}, func(t *testing.T, c compared) string {
		usable := 0
		for _, reply := range badReplies {
			srv, s := scripted(t, c, nil)
			var once atomic.Bool
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" || once.Swap(true) {
					return false
				}
				if reply.contentType != "" {
					w.Header().Set("Content-Type", reply.contentType)
				}
				w.WriteHeader(reply.status)
				_, _ = io.WriteString(w, reply.body)
				return true
			})
			_, err := s.try(t, "echo")
			require.Error(t, err)
			if _, err = s.try(t, "echo"); err == nil {
				usable++
			} else {
				t.Logf("unusable after %v: %v", reply, err)
			}
		}
		return fmt.Sprintf("%d of %d", usable, len(badReplies))
	})
}

// The stream of a call breaks after an event with an ID. The tool keeps running and returns once
// the client has resumed the stream.
func TestCompareCutStream(t *testing.T) {
	compare(t, map[string]string{"Hawser": "works", "go-sdk": "works", "mcp-go": "fails"}, func(t *testing.T, c compared) string {
		resumed := make(chan struct{}, 8)
		_, s := scripted(t, c, func(srv *mcptest.Server) {
			srv.SetIntercept(func(_ http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
				if r.Header.Get("Last-Event-ID") != "" {
					resumed <- struct{}{}
				}
				return false
			})
			srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "cut", Run: func(ctx context.Context, call *mcptest.Call) (json.RawMessage, error) {
				call.Notify("notifications/message", map[string]string{"level": "info", "data": "begun"})
				call.Cut(true)
				select {
				case <-resumed:
					return mcptest.Text("done"), nil
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}})
		})
		result, err := s.try(t, "cut")
		require.Equal(t, err == nil, strings.Contains(string(result), "done"))
		return works(err)
	})
}

func TestCompareUnknownContent(t *testing.T) {
	compare(t, map[string]string{"Hawser": "works", "go-sdk": "fails", "mcp-go": "fails"}, func(t *testing.T, c compared) string {
		_, s := scripted(t, c, func(srv *mcptest.Server) {
			srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "new", Run: func(context.Context, *mcptest.Call) (json.RawMessage, error) {
				return json.RawMessage(`{"content":[{"type":"text","text":"hello"},{"type":"hologram","data":"x"}]}`), nil
			}})
		})
		result, err := s.try(t, "new")
		require.Equal(t, err == nil, strings.Contains(string(result), "hello"))
		return works(err)
	})
}

func TestCompareLargeNumbers(t *testing.T) {
	compare(t, map[string]string{"Hawser": "exact", "go-sdk": "rounded", "mcp-go": "exact"}, func(t *testing.T, c compared) string {
		_, s := scripted(t, c, func(srv *mcptest.Server) {
			srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "count", Run: func(context.Context, *mcptest.Call) (json.RawMessage, error) {
				return json.RawMessage(`{"content":[],"structuredContent":{"n":9007199254740993}}`), nil
			}})
		})
		result, err := s.try(t, "count")
		require.NoError(t, err)
		if strings.Contains(string(result), "9007199254740993") {
			return "exact"
		}
		return "rounded"
	})
}
