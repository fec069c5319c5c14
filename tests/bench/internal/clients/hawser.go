package clients

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
	"github.com/hawser-mcp/hawser/transport"
)

// hawser is Hawser over one of its transports.
type hawser struct {
	target    *Target
	transport transport.Transport
	stop      func() error // stops what the transport needs; may be nil
}

func openDirect(_ context.Context, t *Target) (Client, error) {
	config, err := t.tlsConfig()
	if err != nil {
		return nil, err
	}
	direct := transport.NewDirect(&transport.DirectOptions{
		NoProxy: true, MaxIdlePerHost: maxIdle, TLSConfig: config, HTTP1Only: !t.HTTP2,
	})
	return &hawser{target: t, transport: direct}, nil
}

func (h *hawser) Connect(ctx context.Context) (Session, error) {
	opts := mcpclient.Options{Transport: h.transport, ProtocolVersion: h.target.Version}
	if h.target.Stream {
		opts.Handlers.ToolsChanged = func(context.Context, *mcpclient.Session) {}
	}
	s, err := mcpclient.Connect(ctx, h.target.URL, &opts)
	if err != nil {
		return nil, err
	}
	return &HawserSession{Session: s, progress: newProgress()}, nil
}

func (h *hawser) Close() error {
	err := h.transport.Close()
	if h.stop != nil {
		err = errors.Join(err, h.stop())
	}
	return err
}

// HawserSession is a session of Hawser.
type HawserSession struct {
	*mcpclient.Session

	progress *progress
}

// NewHawserSession returns s as a session of the benchmark.
func NewHawserSession(s *mcpclient.Session) *HawserSession {
	return &HawserSession{Session: s, progress: newProgress()}
}

// Version returns the negotiated protocol revision.
func (s *HawserSession) Version() string { return s.ProtocolVersion() }

// Call implements [Session].
func (s *HawserSession) Call(ctx context.Context, t *workload.Tool) (late int, err error) {
	var opts []mcpclient.CallOption
	if t.Events > 0 {
		s.progress.begin(t.Events)
		opts = []mcpclient.CallOption{mcpclient.OnProgress(func(context.Context, mcpclient.Progress) { s.progress.add() })}
	}
	result, err := s.CallTool(ctx, t.Name, arguments, opts...)
	if err != nil {
		return 0, err
	}
	if late, err = s.progress.finish(t); err != nil {
		return late, err
	}
	return late, checkResult(t, func() error {
		if got := len(result.StructuredContent()); got != len(t.Structured) {
			return fmt.Errorf("%s: got structured content of %d bytes, expected %d", t.Name, got, len(t.Structured))
		}
		return nil
	}, result.Content, textOf)
}

// List implements [Session].
func (s *HawserSession) List(ctx context.Context, tools int) error {
	page, err := s.ListTools(ctx, nil)
	if err != nil {
		return err
	}
	return checkList(tools, len(page.Items), func() string { return page.Items[tools-1].Name })
}
