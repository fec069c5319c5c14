package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// floor is net/http with prebuilt bodies. It reads replies and decodes nothing. No client on
// net/http can cost less.
type floor struct {
	target    *Target
	transport *http.Transport
	client    http.Client
	path      string
	calls     map[*workload.Tool]prebuilt
	list      prebuilt
	buffers   sync.Pool // of *[]byte
}

// prebuilt is a request and the length of its reply.
type prebuilt struct {
	method, tool string
	body         []byte
	want         int
}

func openFloor(_ context.Context, t *Target) (Client, error) {
	transport, err := t.httpTransport()
	if err != nil {
		return nil, err
	}
	return newFloor(t, transport)
}

func newFloor(t *Target, transport *http.Transport) (*floor, error) {
	endpoint, err := url.Parse(t.URL)
	if err != nil {
		return nil, err
	}
	f := &floor{target: t, transport: transport, client: http.Client{Transport: transport}, path: endpoint.Path}
	f.buffers.New = func() any { b := make([]byte, 64<<10); return &b }
	f.calls = make(map[*workload.Tool]prebuilt, len(workload.Tools))
	for _, tool := range workload.Tools {
		params := fmt.Sprintf(`"name":%q,"arguments":{"q":"gophers"},`, tool.Name)
		if f.calls[tool], err = f.build("tools/call", tool.Name, params); err != nil {
			return nil, err
		}
	}
	if f.list, err = f.build("tools/list", "", ""); err != nil {
		return nil, err
	}
	return f, nil
}

// build builds a request. params are members of its params.
func (f *floor) build(method, tool, params string) (p prebuilt, err error) {
	meta := `"progressToken":1`
	if f.target.Version == workload.Modern {
		meta += `,"io.modelcontextprotocol/protocolVersion":"` + workload.Modern + `",` +
			`"io.modelcontextprotocol/clientInfo":{"name":"floor","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}`
	}
	p = prebuilt{method: method, tool: tool}
	p.body = fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s"_meta":{%s}}}`, method, params, meta)
	r, err := workload.Answer(f.path, p.body)
	p.want = len(r.Append(nil)) + len(r.Last)
	return p, err
}

func (f *floor) Connect(ctx context.Context) (Session, error) {
	s := &floorSession{floor: f}
	if f.target.Version == workload.Modern {
		discover, err := f.build("server/discover", "", "")
		if err != nil {
			return nil, err
		}
		if err := s.post(ctx, &discover); err != nil {
			return nil, err
		}
		return s, nil
	}
	initialize, err := f.build("initialize", "", `"protocolVersion":"`+workload.Legacy+`",`)
	if err != nil {
		return nil, err
	}
	if err := s.post(ctx, &initialize); err != nil {
		return nil, err
	}
	s.id = "s-1"
	notification := prebuilt{body: []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)}
	if err := s.post(ctx, &notification); err != nil {
		return nil, err
	}
	if f.target.Stream {
		if err := s.listen(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (f *floor) Close() error {
	f.transport.CloseIdleConnections()
	return nil
}

// floorSession is a session of the floor.
type floorSession struct {
	*floor

	id     string // of the legacy session
	cancel context.CancelFunc
	stream sync.WaitGroup
}

// Version returns the version of the target: the floor decodes no reply. The server answers other
// versions in the same way.
func (s *floorSession) Version() string { return s.target.Version }

func (s *floorSession) Call(ctx context.Context, t *workload.Tool) (int, error) {
	call := s.calls[t]
	return 0, s.post(ctx, &call)
}

func (s *floorSession) List(ctx context.Context, _ int) error { return s.post(ctx, &s.list) }

func (s *floorSession) Close() error {
	if s.cancel != nil {
		s.cancel()
		s.stream.Wait()
	}
	if s.id == "" {
		return nil
	}
	req, err := s.request(context.Background(), http.MethodDelete, nil)
	if err != nil {
		return err
	}
	return s.do(req, 0)
}

// request returns a request to the server.
func (s *floorSession) request(ctx context.Context, method string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.target.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header["Accept"] = []string{"application/json, text/event-stream"}
	req.Header["Mcp-Protocol-Version"] = []string{s.target.Version}
	if s.id != "" {
		req.Header["Mcp-Session-Id"] = []string{s.id}
	}
	return req, nil
}

func (s *floorSession) post(ctx context.Context, p *prebuilt) error {
	req, err := s.request(ctx, http.MethodPost, p.body)
	if err != nil {
		return err
	}
	req.Header["Content-Type"] = []string{"application/json"}
	if s.target.Version == workload.Modern {
		req.Header["Mcp-Method"] = []string{p.method}
		if p.tool != "" {
			req.Header["Mcp-Name"] = []string{p.tool}
		}
	}
	return s.do(req, p.want)
}

// do sends a request and reads its reply, which has want bytes.
func (s *floorSession) do(req *http.Request, want int) error {
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	read := 0
	for err == nil {
		var n int
		n, err = resp.Body.Read(*buf)
		read += n
	}
	if closeErr := resp.Body.Close(); closeErr != nil {
		return closeErr
	}
	if !errors.Is(err, io.EOF) || read != want || resp.StatusCode/100 != 2 {
		return fmt.Errorf("floor: got status %d and %d bytes, expected %d: %w", resp.StatusCode, read, want, err)
	}
	return nil
}

// listen opens the stream of the session and reads it on a goroutine until Close.
func (s *floorSession) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	req, err := s.request(ctx, http.MethodGet, nil)
	if err != nil {
		cancel()
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		cancel()
		return err
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		cancel()
		return errors.Join(fmt.Errorf("floor: the stream has the content type %q", kind), resp.Body.Close())
	}
	s.cancel = cancel
	s.stream.Go(func() {
		defer resp.Body.Close()
		buf := make([]byte, 512)
		for err := error(nil); err == nil; {
			_, err = resp.Body.Read(buf)
		}
	})
	return nil
}
