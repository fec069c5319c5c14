//go:build !race

package executor_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// canned is the far end of an in-memory link. It answers each request with prepared deltas and
// allocates nothing.
type canned struct {
	ready  chan int // receives the first step of an answer
	closed chan struct{}
	deltas int
	id     []byte // ID of the current request

	step int // the next step of Receive; idle if there is no current request
	buf  []byte
}

func newCanned(deltas int) *canned {
	return &canned{ready: make(chan int, 1), closed: make(chan struct{}), deltas: deltas, step: idle}
}

const greeting, idle = -1, -2

const cannedPiece = `data: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"fine"}]}}` + "\n\n"

var cannedBytes = []byte(cannedPiece)

func (c *canned) Send(m []byte) error {
	if strings.HasPrefix(string(m[:9]), `{"method"`) { // initialized
		return nil
	}
	end := bytes.IndexByte(m[:30], ',')
	c.id = append(c.id[:0], m[len(`{"id":`):end]...)
	if string(m[end+1:end+22]) == `"method":"initialize"` {
		c.ready <- greeting
	} else {
		c.ready <- 0
	}
	return nil
}

func (c *canned) Receive() ([]byte, error) {
	if c.step == idle {
		select {
		case c.step = <-c.ready:
		case <-c.closed:
			return nil, io.EOF
		}
	}
	switch step := c.step; {
	case step == greeting:
		c.buf = execproto.AppendResult(c.buf[:0], c.id, []byte(`{}`))
		c.step = idle
		return c.buf, nil
	case step == 0:
		c.buf = append(append(c.buf[:0], `{"id":`...), c.id...)
		c.buf = append(c.buf, `,"result":{"status":200,"headers":[{"name":"content-type","value":"text/event-stream"},{"name":"date","value":"Mon, 23 Nov 2026 03:37:21 GMT"}],"bodyBase64":""}}`...)
	case step <= c.deltas:
		c.buf = execproto.AppendDelta(c.buf[:0], string(c.id), int64(step), cannedBytes, false, "")
	default:
		c.buf = execproto.AppendDelta(c.buf[:0], string(c.id), int64(step), nil, true, "")
		c.step = idle
		return c.buf, nil
	}
	c.step++
	return c.buf, nil
}

func (c *canned) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

// exchanges returns a function that performs one exchange whose response has the given number of
// deltas.
func exchanges(tb testing.TB, deltas int) func() {
	tb.Helper()
	rt, err := executor.New(tb.Context(), newCanned(deltas), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rt.Close() })
	body := strings.NewReader("")
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, target, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"Mcp-Session-Id": {"session"}, "Mcp-Protocol-Version": {"2025-11-25"},
	}
	const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}`
	closer := io.NopCloser(body)
	req.GetBody = func() (io.ReadCloser, error) { return nil, io.EOF }
	req.ContentLength = int64(len(text))
	buf := make([]byte, 64<<10)
	return func() {
		body.Reset(text)
		req.Body = closer
		resp, err := rt.RoundTrip(req)
		if err != nil {
			tb.Fatal(err)
		}
		n := 0
		for err == nil {
			var k int
			k, err = resp.Body.Read(buf)
			n += k
		}
		if err != io.EOF || n != deltas*len(cannedPiece) {
			tb.Fatalf("%d bytes, %v", n, err)
		}
		_ = resp.Body.Close()
	}
}

// An exchange needs a bounded number of allocations, and a delta none.
func TestAllocationsOfAnExchange(t *testing.T) {
	count := func(deltas int) float64 {
		one := exchanges(t, deltas)
		for range 100 {
			one()
		}
		return testing.AllocsPerRun(500, one)
	}
	few, many := count(1), count(101)
	perDelta := (many - few) / 100
	t.Logf("%.1f allocations per exchange, %.3f per delta", few, perDelta)
	if few > maxAllocs {
		t.Errorf("an exchange makes %.1f allocations, want at most %d", few, maxAllocs)
	}
	// The buffer of unread bytes may grow, which allocates.
	if perDelta > 0.2 {
		t.Errorf("a delta makes %.3f allocations, want at most 0.2", perDelta)
	}
}

// Reading the numbers of a Transport allocates nothing.
func TestAllocationsOfStats(t *testing.T) {
	for _, opts := range []*executor.Options{nil, {Shared: true}} {
		rt, err := executor.Open(t.Context(), new(exectest.Executor).Dial, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = rt.Close() })
		var total int64
		if n := testing.AllocsPerRun(100, func() { total += rt.Stats().LinksTotal }); n != 0 || total == 0 {
			t.Errorf("%.1f allocations", n)
		}
	}
}

const maxAllocs = 28

func BenchmarkExchange(b *testing.B) {
	one := exchanges(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		one()
	}
}

func BenchmarkDeltas(b *testing.B) {
	one := exchanges(b, 1000)
	b.SetBytes(1000 * int64(len(cannedPiece)))
	b.ReportAllocs()
	for b.Loop() {
		one()
	}
}

var _ executor.Link = (*exectest.Near)(nil)
