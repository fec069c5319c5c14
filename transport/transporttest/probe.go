package transporttest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

var errCause = errors.New("the suite's own reason to cancel")

// outcome is the result of a call to the RoundTripper under test.
type outcome struct {
	resp  *http.Response
	n     int
	err   error
	panic string
}

// begin runs f, which calls the code under test, on a new goroutine.
func begin(f func() outcome) <-chan outcome {
	ch := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if v := recover(); v != nil {
				o.panic = string(debug.Stack())
			}
			ch <- o
		}()
		o = f()
	}()
	return ch
}

// end waits for the result of begin. The test fails if it takes longer than the guard time.
func (p *probe) end(what string, ch <-chan outcome) outcome {
	p.Helper()
	select {
	case o := <-ch:
		if o.panic != "" {
			p.Fatalf("%s panicked: %s", what, o.panic)
		}
		return o
	case <-time.After(p.cfg.Guard):
		p.Fatalf("%s did not return", what)
		panic("unreachable")
	}
}

// await waits for an event that the upstream must see.
func (p *probe) await(what string, ch <-chan struct{}) {
	p.Helper()
	select {
	case <-ch:
	case <-time.After(p.cfg.Guard):
		p.Fatalf("did not happen: %s", what)
	}
}

// awaitDuring waits for an event that must happen before the RoundTrip whose result ch receives has
// returned.
func (p *probe) awaitDuring(what string, event <-chan struct{}, ch <-chan outcome) {
	p.Helper()
	select {
	case <-event:
	case o := <-ch:
		p.Fatalf("did not happen: %s; RoundTrip returned first, with error %v", what, o.err)
	case <-time.After(p.cfg.Guard):
		p.Fatalf("did not happen: %s", what)
	}
}

// signal lets a handler that waits on ch continue.
func (p *probe) signal(ch chan<- struct{}) {
	p.Helper()
	select {
	case ch <- struct{}{}:
	case <-time.After(p.cfg.Guard):
		p.Fatalf("the request did not reach the upstream")
	}
}

func (p *probe) request(ctx context.Context, method, url string, body io.Reader) *http.Request {
	p.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		p.Fatalf("request: %v", err)
	}
	return req
}

func (p *probe) get(url string) *http.Request {
	p.Helper()
	return p.request(p.ctx, http.MethodGet, url, nil)
}

func (p *probe) post(url string) *http.Request {
	p.Helper()
	return p.request(p.ctx, http.MethodPost, url, strings.NewReader("hello"))
}

// send starts a RoundTrip and returns the channel for its outcome.
func (p *probe) send(req *http.Request) <-chan outcome {
	return begin(func() outcome {
		resp, err := p.rt.RoundTrip(req)
		if resp != nil && resp.Body != nil {
			p.mu.Lock()
			p.bodies = append(p.bodies, resp.Body)
			p.mu.Unlock()
		}
		return outcome{resp: resp, err: err}
	})
}

// roundTrip performs a RoundTrip, which must succeed, and returns the response.
func (p *probe) roundTrip(req *http.Request) *http.Response {
	p.Helper()
	return p.response(p.send(req))
}

// response waits for a RoundTrip, which must succeed, and returns the response.
func (p *probe) response(ch <-chan outcome) *http.Response {
	p.Helper()
	o := p.end("RoundTrip", ch)
	switch {
	case o.err != nil:
		p.Fatalf("RoundTrip failed: %v", o.err)
	case o.resp == nil:
		p.Fatalf("RoundTrip returned neither a response nor an error")
	case o.resp.Body == nil:
		p.Fatalf("the response's body is nil")
	}
	return o.resp
}

// failure waits for a RoundTrip, which must fail, and returns the error.
func (p *probe) failure(ch <-chan outcome) error {
	p.Helper()
	o := p.end("RoundTrip", ch)
	if o.err == nil {
		p.Fatalf("RoundTrip succeeded, want an error")
	}
	return o.err
}

func beginRead(body io.Reader, buf []byte) <-chan outcome {
	return begin(func() outcome {
		n, err := body.Read(buf)
		return outcome{n: n, err: err}
	})
}

// readPiece reads want, which must be available already, and not a byte more.
func (p *probe) readPiece(body io.Reader, want string) {
	p.Helper()
	buf := make([]byte, 64<<10)
	var got string
	// A Read may return some of the available bytes, or even none. It must not wait for more.
	for len(got) < len(want) {
		o := p.end("Read of a body with bytes available", beginRead(body, buf))
		got += string(buf[:o.n])
		if o.err != nil && (got != want || !errors.Is(o.err, io.EOF)) {
			p.Fatalf("Read failed after %.100q: %v", got, o.err)
		}
	}
	if got != want {
		p.Fatalf("read %.100q, want %.100q", got, want)
	}
}

// readAll reads the whole body, and returns the bytes and io.ReadAll's error.
func (p *probe) readAll(body io.Reader) (string, error) {
	p.Helper()
	var data []byte
	o := p.end("reading the body", begin(func() outcome {
		var err error
		data, err = io.ReadAll(body)
		return outcome{err: err}
	}))
	return string(data), o.err
}

// wantBody reads a body, which must be complete and equal to want.
func (p *probe) wantBody(body io.Reader, want string) {
	p.Helper()
	got, err := p.readAll(body)
	if err != nil {
		p.Fatalf("reading the body: %v", err)
	}
	if got != want {
		p.Fatalf("body is %.100q (%d bytes), want %.100q (%d bytes)", got, len(got), want, len(want))
	}
}

// closeBody closes a body and checks that Close does not block.
func (p *probe) closeBody(body io.Closer) {
	p.Helper()
	p.end("Close of the body", begin(func() outcome { return outcome{err: body.Close()} }))
}

// wantCause checks that err is the error of an exchange canceled with cause.
func (p *probe) wantCause(what string, err, cause error) {
	p.Helper()
	switch {
	case err == nil:
		p.Fatalf("%s: no error, want the cause of the canceled context", what)
	case !errors.Is(err, cause):
		p.Fatalf("%s: error %q does not wrap the context's cause %q", what, err, cause)
	}
}

// wantCut checks that err is not io.EOF and does not claim that the request was not sent.
func (p *probe) wantCut(what string, err error) {
	p.Helper()
	switch {
	case err == nil:
		p.Fatalf("%s: the body ended as if it were complete", what)
	case errors.Is(err, io.EOF):
		p.Fatalf("%s: error %q is io.EOF, so a truncated body looks complete", what, err)
	case transport.StageOf(err) != transport.MaybeSent:
		p.Fatalf("%s: error %q has stage %q, want %q", what, err, transport.StageOf(err), transport.MaybeSent)
	}
}

// wantSticky checks that another Read after an error also fails, and not with io.EOF.
func (p *probe) wantSticky(body io.Reader) {
	p.Helper()
	o := p.end("Read after an error", beginRead(body, make([]byte, 16)))
	if o.n != 0 || o.err == nil || errors.Is(o.err, io.EOF) {
		p.Fatalf("Read after an error returned %d, %v; want the same error", o.n, o.err)
	}
}

// bodySpy is a request body that records when it is first read and when it is closed. When source
// is exhausted, Read returns err. If err is nil, Read blocks until Close instead.
type bodySpy struct {
	source io.Reader
	err    error

	readOnce, closeOnce sync.Once
	read, closed        chan struct{}
}

func newBodySpy(source io.Reader, err error) *bodySpy {
	return &bodySpy{source: source, err: err, read: make(chan struct{}), closed: make(chan struct{})}
}

func (b *bodySpy) Read(buf []byte) (int, error) {
	b.readOnce.Do(func() { close(b.read) })
	n, err := b.source.Read(buf)
	if err == nil || n > 0 {
		return n, nil
	}
	if b.err == nil {
		<-b.closed
		return 0, io.ErrClosedPipe
	}
	return 0, b.err
}

func (b *bodySpy) Close() error {
	b.closeOnce.Do(func() { close(b.closed) })
	return nil
}

// zeros is an endless reader of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
