package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// teahouse is an MCP server with one tool, built with mcp-go. You do not need any of it to use an
// existing server.
type teahouse struct {
	url     string
	runs    atomic.Int64 // how often the tool has run
	options []server.StreamableHTTPOption
	current atomic.Pointer[server.StreamableHTTPServer]
	http    *http.Server
	served  chan error // result of Serve
}

func openTeahouse(
	ctx context.Context, listen func(context.Context) (net.Listener, error), options ...server.StreamableHTTPOption,
) (*teahouse, error) {
	listener, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	t := &teahouse{url: "http://" + listener.Addr().String() + "/mcp", options: options, served: make(chan error, 1)}
	t.replaceServer()
	t.http = &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
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
	s := server.NewMCPServer("teahouse", "1.0.0")
	s.AddTool(mcp.NewTool("brew", mcp.WithDescription("Brews tea, one cup after the other."), mcp.WithNumber("cups")), t.brew)
	t.current.Store(server.NewStreamableHTTPServer(s, t.options...))
}

var teas = [...]string{"green tea", "black tea", "mint tea"}

// brew implements the tool.
func (t *teahouse) brew(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	t.runs.Add(1)
	cups := request.GetInt("cups", 1)
	for cup := 1; cup <= cups; cup++ {
		if err := reportProgress(ctx, request, cup, cups, teas[(cup-1)%len(teas)]); err != nil {
			return nil, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
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
