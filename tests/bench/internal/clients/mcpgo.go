package clients

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// mcpGo is mcp-go.
type mcpGo struct {
	target    *Target
	transport *http.Transport
}

func openMCPGo(_ context.Context, t *Target) (Client, error) {
	transport, err := t.httpTransport()
	if err != nil {
		return nil, err
	}
	return &mcpGo{target: t, transport: transport}, nil
}

func (m *mcpGo) Connect(ctx context.Context) (Session, error) {
	opts := []transport.StreamableHTTPCOption{
		transport.WithHTTPBasicClient(&http.Client{Transport: m.transport}), transport.WithHTTPLogger(slog.New(slog.DiscardHandler)),
	}
	if m.target.Stream {
		opts = append(opts, transport.WithContinuousListening()) //nolint:staticcheck // the stream of a legacy session
	}
	network, err := transport.NewStreamableHTTP(m.target.URL, opts...)
	if err != nil {
		return nil, err
	}
	c := client.NewClient(network, client.WithProtocolVersion(m.target.Version))
	// The context of Start is that of the session's stream.
	if err := c.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	s := &mcpGoSession{Client: c, progress: newProgress()}
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == "notifications/progress" {
			s.progress.add()
		}
	})
	var init mcp.InitializeRequest
	init.Params.ProtocolVersion = m.target.Version
	init.Params.ClientInfo = mcp.Implementation{Name: "bench", Version: "1"}
	result, err := c.Initialize(ctx, init)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	s.version = result.ProtocolVersion
	return s, nil
}

func (m *mcpGo) Close() error {
	m.transport.CloseIdleConnections()
	return nil
}

type mcpGoSession struct {
	*client.Client

	version  string
	progress *progress
}

func (s *mcpGoSession) Version() string { return s.version }

func (s *mcpGoSession) Call(ctx context.Context, t *workload.Tool) (late int, err error) {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = t.Name, arguments
	if t.Events > 0 {
		s.progress.begin(t.Events)
		req.Params.Meta = &mcp.Meta{ProgressToken: "p"}
	}
	result, err := s.CallTool(ctx, req)
	if err != nil {
		return 0, err
	}
	if late, err = s.progress.finish(t); err != nil {
		return late, err
	}
	return late, checkResult(t, func() error { return checkRows(t, result.StructuredContent) }, result.Content, textOf)
}

// textOf returns the text of a content item in the types of mcp-go, which Hawser uses too.
func textOf(c mcp.Content) (string, bool) {
	text, ok := c.(mcp.TextContent)
	return text.Text, ok
}

func (s *mcpGoSession) List(ctx context.Context, tools int) error {
	result, err := s.ListToolsByPage(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return err
	}
	return checkList(tools, len(result.Tools), func() string { return result.Tools[tools-1].Name })
}
