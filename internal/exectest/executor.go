// Package exectest plays an executor that does what a test tells it, message by
// message, over links in memory: the far end of package executor.
package exectest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
)

// maxMessage bounds what either end receives, in bytes.
const maxMessage = execproto.MaxMessage

// Executor accepts links. Its zero value is ready. Its methods may be called by
// several goroutines at once.
type Executor struct {
	// MaxMessage bounds what the near end receives, in bytes; zero means 64 MiB.
	MaxMessage int
	// Greet, if set, plays the handshake in place of an orderly one.
	Greet func(*Link)
	// Serve, if set, plays each link after its handshake; Accept does not return it then.
	Serve func(*Link)

	mu    sync.Mutex
	links []*Link    // guarded by mu; accepted, in order
	away  error      // guarded by mu; what a dial fails with
	dials int        // guarded by mu
	ready chan *Link // guarded by mu; made by the first use
}

// Link is the far end of one link.
type Link struct {
	*link.PipeEnd
	Hello []byte // the parameters of initialize, when the handshake was orderly
}

func (x *Executor) queue() chan *Link {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ready == nil {
		x.ready = make(chan *Link, 1024)
	}
	return x.ready
}

// Dial makes a link: the function that executor.Open wants.
func (x *Executor) Dial(context.Context) (link.Link, error) {
	x.mu.Lock()
	x.dials++
	away := x.away
	limit, greet, serve := x.MaxMessage, x.Greet, x.Serve
	x.mu.Unlock()
	if away != nil {
		return nil, away
	}
	if limit == 0 {
		limit = maxMessage
	}
	near, far := link.Pipe(limit)
	l := &Link{PipeEnd: far}
	ready := x.queue()
	x.mu.Lock()
	x.links = append(x.links, l)
	x.mu.Unlock()
	go func() {
		if greet != nil {
			greet(l)
		} else if err := l.greet(); err != nil {
			return
		}
		if serve != nil {
			serve(l)
			return
		}
		ready <- l
	}()
	return near, nil
}

// Away has every dial fail with err, until it is called with nil.
func (x *Executor) Away(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.away = err
}

// Dials returns how many dials there were.
func (x *Executor) Dials() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.dials
}

// Accept returns the next link whose handshake is done.
func (x *Executor) Accept() *Link { return <-x.queue() }

// CutAll cuts every link, as the death of the executor does.
func (x *Executor) CutAll() {
	x.mu.Lock()
	links := x.links
	x.links = nil
	x.mu.Unlock()
	for _, l := range links {
		l.Cut()
	}
}

const hello = `{"sessionId":"s","environmentInfo":{"executorVersion":"test","capabilities":{"httpHeaderEnvVars":true}}}`

func (l *Link) greet() error {
	m, err := l.Next()
	if err != nil {
		return err
	}
	if m.Method != execproto.MethodInitialize {
		return errors.New("the first message is no initialize")
	}
	l.Hello = m.Params
	if err := l.Send(execproto.AppendResult(nil, m.RawID, []byte(hello))); err != nil {
		return err
	}
	m, err = l.Next()
	if err == nil && m.Method != execproto.MethodInitialized {
		return errors.New("initialize is not followed by initialized")
	}
	return err
}

// Next returns the next message. Its slices are its own.
func (l *Link) Next() (*execproto.Message, error) {
	data, err := l.Receive()
	if err != nil {
		return nil, err
	}
	m := new(execproto.Message)
	err = m.Read(data)
	return m, err
}

// Request is an http/request that came.
type Request struct {
	*execproto.HTTPRequest
	l     *Link
	rawID []byte
	seq   int64
}

// Request returns the next http/request; anything else fails the test.
func (l *Link) Request(t testing.TB) *Request {
	t.Helper()
	r, err := l.NextRequest()
	if err != nil {
		t.Fatalf("no http/request came: %v", err)
	}
	return r
}

// NextRequest returns the next message, which must be an http/request.
func (l *Link) NextRequest() (*Request, error) {
	m, err := l.Next()
	if err != nil {
		return nil, err
	}
	if m.Kind != execproto.Request || m.Method != execproto.MethodHTTPRequest {
		return nil, errors.New("another message came: " + m.Method)
	}
	r, err := execproto.ReadHTTPRequest(m.Params)
	if err != nil {
		return nil, err
	}
	return &Request{HTTPRequest: r, l: l, rawID: m.RawID}, nil
}

// Ended waits until the near end has closed the link, and returns true: what came before is dropped.
func (l *Link) Ended() bool {
	for {
		if _, err := l.Receive(); err != nil {
			return true
		}
	}
}

// Raw sends one message as it is.
func (l *Link) Raw(text string) { _ = l.Send([]byte(text)) }

// Head answers the request.
func (r *Request) Head(status int, headers ...execproto.Header) {
	_ = r.l.Send(execproto.AppendHTTPResponse(nil, r.rawID, &execproto.HTTPResponse{Status: status, Headers: headers}))
}

// Fail answers with an error. data may be nil.
func (r *Request) Fail(code int64, message string, data any) {
	var raw []byte
	if data != nil {
		raw, _ = json.Marshal(data) //nolint:errchkjson // a test's own literal
	}
	_ = r.l.Send(execproto.AppendError(nil, r.rawID, code, message, raw))
}

// Piece sends the next piece of the body.
func (r *Request) Piece(s string) { r.Delta(r.next(), s, false, "") }

// Done sends the end of the body.
func (r *Request) Done() { r.Delta(r.next(), "", true, "") }

func (r *Request) next() int64 { r.seq++; return r.seq }

// Delta sends a body delta as told.
func (r *Request) Delta(seq int64, s string, done bool, failure string) {
	_ = r.l.Send(execproto.AppendDelta(nil, r.RequestID, seq, []byte(s), done, failure))
}

// Answer answers a whole response.
func (r *Request) Answer(status int, body string) {
	r.Head(status)
	if body != "" {
		r.Piece(body)
	}
	r.Done()
}
