package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// teahouse is an MCP server with one tool, built with mcp-go. You do not need this type to use an
// existing server.
type teahouse struct {
	url     string
	runs    atomic.Int64 // how often the tool has run
	legacy  bool         // the server speaks only the legacy era, keeps sessions and stores events
	current atomic.Pointer[instance]
	http    *http.Server
	served  chan error // result of Serve

	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu: the open connections
}

// instance is one run of the server. Its sessions end with it.
type instance struct {
	http.Handler

	crashed chan struct{} // closed when the instance crashes
}

func openTeahouse(ctx context.Context, listen func(context.Context) (net.Listener, error), legacy bool) (*teahouse, error) {
	listener, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	t := &teahouse{
		url: "http://" + listener.Addr().String() + "/mcp", legacy: legacy,
		served: make(chan error, 1), conns: map[net.Conn]bool{},
	}
	t.replaceServer()
	t.http = &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		ConnState:         t.track,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			t.current.Load().ServeHTTP(w, r)
		}),
	}
	go func() { t.served <- t.http.Serve(listener) }()
	return t, nil
}

// replaceServer replaces the MCP server at the same address, as a deployment behind a load balancer
// does. The new server does not know the old sessions.
func (t *teahouse) replaceServer() {
	crashed := make(chan struct{})
	s := server.NewMCPServer("teahouse", "1.0.0")
	s.AddTool(mcp.NewTool("brew", mcp.WithDescription("Brews tea, one cup after the other."), mcp.WithNumber("cups")),
		func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return t.brew(ctx, request, crashed)
		})
	var options []server.StreamableHTTPOption
	if t.legacy {
		options = append(options, server.WithStateful(true), server.WithEventStore(server.NewInMemoryEventStore()),
			server.WithStreamableHTTPProtocolVersions(mcp.LegacyProtocolVersions()...))
	}
	t.current.Store(&instance{server.NewStreamableHTTPServer(s, options...), crashed})
}

// crash ends the MCP server while it is working and replaces it with a new one.
func (t *teahouse) crash() {
	old := t.current.Load()
	t.replaceServer()
	t.cut()
	close(old.crashed)
}

func (t *teahouse) track(c net.Conn, state http.ConnState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(t.conns, c)
	} else {
		t.conns[c] = true
	}
}

// cut closes all connections.
func (t *teahouse) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		_ = c.Close()
	}
}

var teas = [...]string{"green tea", "black tea", "mint tea"}

// brew implements the tool.
func (t *teahouse) brew(ctx context.Context, request mcp.CallToolRequest, crashed <-chan struct{}) (*mcp.CallToolResult, error) {
	t.runs.Add(1)
	cups := request.GetInt("cups", 1)
	for cup := 1; cup <= cups; cup++ {
		if err := reportProgress(ctx, request, cup, cups, teas[(cup-1)%len(teas)]); err != nil {
			return nil, err
		}
		// Do not stop when ctx ends: it ends with the connection, and losing the connection does
		// not cancel the call.
		select {
		case <-time.After(100 * time.Millisecond):
		case <-crashed:
			return nil, errors.New("crashed")
		}
	}
	return mcp.NewToolResultText(fmt.Sprintf("cups of tea served: %d", cups)), nil
}

// reportProgress sends a progress notification if the client has requested it.
func reportProgress(ctx context.Context, request mcp.CallToolRequest, progress, total int, message string) error {
	if request.Params.Meta == nil || request.Params.Meta.ProgressToken == nil {
		return nil
	}
	return server.ServerFromContext(ctx).SendNotificationToClient(ctx, string(mcp.MethodNotificationProgress), map[string]any{
		"progressToken": request.Params.Meta.ProgressToken, "progress": progress, "total": total, "message": message,
	})
}

func (t *teahouse) close() error {
	err := t.http.Close()
	if served := <-t.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
