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

// teahouse is an MCP server with one tool, made with mcp-go. None of it is
// needed to use a server that runs somewhere else.
type teahouse struct {
	url     string
	runs    atomic.Int64 // how often the tool was run
	options []server.StreamableHTTPOption
	current atomic.Pointer[server.StreamableHTTPServer]
	http    *http.Server
	served  chan error // what Serve returned
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

// replaceServer puts a new MCP server behind the same address, as a deployment
// does behind a load balancer. The sessions of the old one are forgotten.
func (t *teahouse) replaceServer() {
	s := server.NewMCPServer("teahouse", "1.0.0")
	s.AddTool(mcp.NewTool("brew", mcp.WithDescription("Brews tea, one cup after the other."), mcp.WithNumber("cups")), t.brew)
	t.current.Store(server.NewStreamableHTTPServer(s, t.options...))
}

var teas = [...]string{"green tea", "black tea", "mint tea"}

// brew is the tool.
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

// reportProgress tells the client how far a call is, if it asked for that.
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
