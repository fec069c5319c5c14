package executor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// play is a series of exchanges that is controlled by fuzzed bytes.
type play struct {
	*testing.T
	rt   *executor.Transport
	runs []*run

	mu    sync.Mutex
	links []*stage // guarded by mu
}

// run is one exchange, as both ends see it.
type run struct {
	n      int
	cancel func()
	ch     chan outcome
	told   outcome
	lazy   chan struct{} // closed when the body may be read; nil if it may be read at once
	read   chan readResult

	mu      sync.Mutex
	arrived int               // guarded by mu; how often the request arrived
	on      *stage            // guarded by mu
	req     *exectest.Request // guarded by mu

	headed, done, faulty bool // what the executor has done so far
	sent                 strings.Builder
	seq                  int64
}

type readResult struct {
	body string
	err  error
}

// stage is the far end of a link. It queues the messages that it sends.
type stage struct {
	l   *exectest.Link
	out chan string
}

func (p *play) serve(l *exectest.Link) {
	s := &stage{l, make(chan string, 4096)}
	p.mu.Lock()
	p.links = append(p.links, s)
	p.mu.Unlock()
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		for text := range s.out {
			if l.Send([]byte(text)) != nil {
				return
			}
		}
	}()
	for {
		r, err := l.NextRequest()
		if err != nil && strings.Contains(err.Error(), "another message") {
			continue
		}
		if err != nil {
			break
		}
		var n int
		if _, err = fmt.Sscan(string(r.Body), &n); err != nil {
			p.Errorf("a body arrived as %q", r.Body)
			break
		}
		x := p.runs[n]
		x.mu.Lock()
		x.arrived++
		x.on, x.req = s, r
		x.mu.Unlock()
	}
	p.mu.Lock()
	p.links = slices.DeleteFunc(p.links, func(o *stage) bool { return o == s })
	p.mu.Unlock()
	_ = l.Close()
	select {
	case <-sending:
	default:
		s.out <- "" // otherwise the sender would wait for more
		<-sending
	}
}

// say sends a message to the client over the link of x.
func (x *run) say(text []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.on != nil {
		x.on.out <- string(text)
	}
}

func (x *run) id() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.req == nil {
		return ""
	}
	return x.req.RequestID
}

func (p *play) begin(arg int) {
	if len(p.runs) >= 24 {
		return
	}
	ctx, cancel := context.WithCancelCause(p.Context())
	x := &run{n: len(p.runs), cancel: func() { cancel(errCause) }, ch: make(chan outcome, 1), read: make(chan readResult, 1)}
	if arg&1 == 1 {
		x.lazy = make(chan struct{})
	}
	p.runs = append(p.runs, x)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(fmt.Sprint(x.n)))
	if err != nil {
		p.Fatal(err)
	}
	if arg&6 == 6 {
		req.Header.Set("Mcp-Method", "subscriptions/listen")
	}
	go func() {
		resp, err := p.rt.RoundTrip(req)
		x.ch <- outcome{resp, err}
		if err != nil {
			x.read <- readResult{err: err}
			return
		}
		if x.lazy != nil {
			<-x.lazy
		}
		body, err := io.ReadAll(resp.Body)
		if err == nil {
			err = io.EOF
		}
		_ = resp.Body.Close()
		x.read <- readResult{string(body), err}
	}()
}

// do performs one operation on x.
func (p *play) do(x *run, op, arg int) {
	id := x.id()
	raw := []byte(id)
	if id == "" && op < 8 {
		return
	}
	switch op {
	case 1:
		x.headed = true
		x.say(execproto.AppendHTTPResponse(nil, raw, &execproto.HTTPResponse{Status: 200}))
	case 2, 3:
		size := arg * 17
		if op == 3 {
			size = arg * 8 << 10
		}
		x.delta(pattern(x.sent.Len(), size), arg&1 == 1 && op == 2, "")
	case 4:
		x.delta("", true, "")
	case 5:
		x.faulty = x.faulty || !x.headed // a second answer is ignored
		x.say(execproto.AppendError(nil, raw, execproto.CodeFailed, "failed", nil))
	case 6:
		x.faulty = x.faulty || !x.done
		x.say(execproto.AppendDelta(nil, id, x.seq+2, []byte("lost"), arg&1 == 1, ""))
	case 7:
		x.delta("", arg&1 == 1, "broken")
	case 8:
		x.cut(arg)
	case 9:
		x.cancel()
	case 10:
		x.closeBody()
	case 11:
		x.say([]byte([]string{`{"method":"x"}`, `{"id":9999,"result":{}}`, `{"id":"q","method":"ask"}`, `{"id":5,"error":{"code":1}}`}[arg%4]))
	}
}

// delta sends the next piece of the body. After the end of the body, the piece is superfluous.
func (x *run) delta(piece string, done bool, failure string) {
	x.seq++
	if !x.done {
		x.sent.WriteString(piece)
		x.done, x.faulty = done, x.faulty || failure != ""
	}
	x.say(execproto.AppendDelta(nil, x.id(), x.seq, []byte(piece), done, failure))
}

func (x *run) cut(arg int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.on == nil:
	case arg&1 == 1:
		x.on.l.Cut()
	default:
		x.on.out <- "garbage"
	}
}

func (x *run) closeBody() {
	if x.told.resp == nil {
		select {
		case x.told = <-x.ch:
		default:
		}
	}
	if x.told.resp != nil {
		_ = x.told.resp.Body.Close()
	}
}

// check checks the result of x.
func (x *run) check(t *testing.T) {
	t.Helper()
	if x.lazy != nil {
		close(x.lazy)
	}
	r := <-x.read
	x.mu.Lock()
	arrived := x.arrived
	x.mu.Unlock()
	var e *transport.Error
	switch {
	case arrived > 1:
		t.Errorf("exchange %d was sent %d times, want at most 1", x.n, arrived)
	case !strings.HasPrefix(x.sent.String(), r.body):
		t.Errorf("exchange %d: a body of %d bytes is not a prefix of the sent bytes", x.n, len(r.body))
	case r.err == io.EOF && (!x.done || x.faulty || !x.headed || len(r.body) != x.sent.Len()):
		t.Errorf("exchange %d: %d bytes of %d look complete", x.n, len(r.body), x.sent.Len())
	case r.err == io.EOF:
	case !errors.As(r.err, &e):
		t.Errorf("exchange %d: %T %v", x.n, r.err, r.err)
	case errors.Is(r.err, io.EOF):
		t.Errorf("exchange %d: %v looks like a normal end", x.n, r.err)
	case e.Stage == transport.NotSent && arrived > 0:
		t.Errorf("exchange %d arrived, but its error has stage %v", x.n, r.err)
	}
}

// The fuzzed executor sends any sequence of messages, valid and invalid. The Transport must not
// panic or hang. No request arrives twice, no body is wrong, no truncated body looks complete, and
// no goroutine is left.
func FuzzExchanges(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 4})
	f.Add([]byte("\x01\x00\x10\x20\x01\x02\x03\x04\x11\x12\x14\x08\x09"))
	f.Add([]byte("\x03\x00\x00\x00\x61\x62\x63\x64\x05\x15\x25\x06\x16\x26\x07\x17\x27\x0c\x0d"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 2 || len(data) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) { perform(t, data) })
	})
}

func perform(t *testing.T, data []byte) {
	t.Helper()
	p := &play{T: t, runs: make([]*run, 0, 32)}
	x := &exectest.Executor{Serve: p.serve}
	opts := &executor.Options{Shared: data[0]&1 == 1, MaxLinks: 2 + int(data[0]>>4&3), MaxIdleLinks: int(data[0]>>2&3) - 1, KeepAlive: -1}
	if data[0]&2 == 2 {
		opts.Buffer, opts.BufferAll = 100, 400
	}
	var err error
	if p.rt, err = executor.Open(t.Context(), x.Dial, opts); err != nil {
		t.Fatal(err)
	}
	for i := 1; i+1 < len(data); i += 2 {
		op, arg, who := int(data[i]&15), int(data[i]>>4), int(data[i+1]&31)
		if data[i+1]&128 == 0 {
			synctest.Wait()
		}
		switch {
		case op == 0:
			p.begin(arg)
		case op == 12:
			time.Sleep(time.Duration(arg) * 300 * time.Millisecond)
		case op == 13:
			time.Sleep(time.Duration(arg) * 10 * time.Second)
		case op == 14 && arg == 15:
			_ = p.rt.Close()
		case len(p.runs) > 0:
			p.do(p.runs[who%len(p.runs)], op, arg)
		}
	}
	synctest.Wait()
	_ = p.rt.Close()
	for _, x := range p.runs {
		x.check(t)
		x.cancel()
	}
	synctest.Wait()
	if s := p.rt.Stats(); s.Links != 0 || s.Dialing != 0 || s.Waiting != 0 || s.Exchanges != 0 {
		t.Errorf("after Close: %+v", s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.links); n > 0 {
		p.mu.Unlock()
		synctest.Wait()
		p.mu.Lock()
		if n = len(p.links); n > 0 {
			t.Errorf("%d links are still open", n)
		}
	}
}
