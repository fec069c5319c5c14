package mcpclient_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// Metrics without another library: expvar counts the events of a session, and the outcomes of its
// tool calls. A program that serves HTTP shows them under /debug/vars.
func ExampleObserver_expvar() {
	ctx := context.Background()
	events, outcomes := new(expvar.Map), new(expvar.Map) // expvar.NewMap("mcp_events") in a program
	url, stop := startBusyServer()
	defer stop()
	s, err := mcpclient.Connect(ctx, url, &mcpclient.Options{
		Observer: func(_ context.Context, e mcpclient.Event) {
			events.Add(strings.TrimPrefix(fmt.Sprintf("%T", e), "mcpclient."), 1)
		},
		Interceptors: []mcpclient.Interceptor{{Outgoing: func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
			return func(ctx context.Context, out *mcpclient.Outgoing) error {
				err := next(ctx, out)
				if out.Method() == "tools/call" {
					outcomes.Add(out.Outcome().String(), 1)
				}
				return err
			}
		}}},
	})
	if err != nil {
		log.Panic(err)
	}
	if _, err := s.CallTool(ctx, "brew", nil); err != nil {
		log.Panic(err)
	}
	if err := s.Close(); err != nil {
		log.Panic(err)
	}
	fmt.Println(events)
	fmt.Println(outcomes)
	// Output:
	// {"Closed": 1, "Connected": 1, "Negotiated": 1, "Retrying": 1}
	// {"answered": 1}
}

// startBusyServer starts a server with a tool. It is too busy for the first tool call.
func startBusyServer() (url string, stop func()) {
	s := mcpserver.NewMCPServer("teahouse", "1")
	s.AddTool(mcp.NewTool("brew"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("tea"), nil
	})
	handler := mcpserver.NewStreamableHTTPServer(s)
	var refused atomic.Bool
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Method") == "tools/call" && !refused.Swap(true) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	return listening.URL, listening.Close
}
