package clients

import (
	"context"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// goSDK is go-sdk.
type goSDK struct {
	target    *Target
	transport *http.Transport
	client    *mcp.Client
	progress  *progress
}

func openGoSDK(_ context.Context, t *Target) (Client, error) {
	transport, err := t.httpTransport()
	if err != nil {
		return nil, err
	}
	g := &goSDK{target: t, transport: transport, progress: newProgress()}
	g.client = mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) { g.progress.add() },
	})
	return g, nil
}

func (g *goSDK) Connect(ctx context.Context) (Session, error) {
	s, err := g.client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: g.target.URL, HTTPClient: &http.Client{Transport: g.transport}, DisableStandaloneSSE: !g.target.Stream,
	}, &mcp.ClientSessionOptions{ProtocolVersion: g.target.Version})
	if err != nil {
		return nil, err
	}
	return &goSDKSession{ClientSession: s, progress: g.progress}, nil
}

func (g *goSDK) Close() error {
	g.transport.CloseIdleConnections()
	return nil
}

type goSDKSession struct {
	*mcp.ClientSession

	progress *progress // of the client, which has the handler
}

func (s *goSDKSession) Version() string { return s.InitializeResult().ProtocolVersion }

func (s *goSDKSession) Call(ctx context.Context, t *workload.Tool) (late int, err error) {
	params := &mcp.CallToolParams{Name: t.Name, Arguments: arguments}
	if t.Events > 0 {
		s.progress.begin(t.Events)
		params.SetProgressToken("p")
	}
	result, err := s.CallTool(ctx, params)
	if err != nil {
		return 0, err
	}
	if late, err = s.progress.finish(t); err != nil {
		return late, err
	}
	return late, checkResult(t, func() error { return checkRows(t, result.StructuredContent) }, result.Content,
		func(c mcp.Content) (string, bool) {
			if text, ok := c.(*mcp.TextContent); ok {
				return text.Text, true
			}
			return "", false
		})
}

func (s *goSDKSession) List(ctx context.Context, tools int) error {
	result, err := s.ListTools(ctx, nil)
	if err != nil {
		return err
	}
	return checkList(tools, len(result.Tools), func() string { return result.Tools[tools-1].Name })
}
