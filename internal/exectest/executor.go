// Package exectest simulates an executor over in-memory links. The test controls each message.
package exectest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
)

// maxMessage is the maximum message size in bytes for either end.
const maxMessage = execproto.MaxMessage

// Executor accepts links. The zero value is ready to use. Its methods are safe for concurrent use.
type Executor struct {
	// MaxMessage is the maximum message size in bytes for the near end; zero means 64 MiB.
	MaxMessage int
	// Greet, if set, performs the handshake instead of the default one.
	Greet func(*Link)
	// WarmUp, if set, receives the warm-up of each link at the end of the default handshake. It may
	// answer the request with Fail. If it is nil, the executor announces that it needs no warm-up.
	WarmUp func(*Request)
	// Serve, if set, serves each link after its handshake. Accept does not return such links.
	Serve func(*Link)

	mu    sync.Mutex
	links []*Link    // guarded by mu; in the order of the dials
	away  error      // guarded by mu; error of every dial, nil if dials succeed
	dials int        // guarded by mu
	ready chan *Link // guarded by mu; created on first use
}

// Link is the far end of one link.
type Link struct {
	*link.PipeEnd
	Hello []byte // parameters of initialize, set by the default handshake
}

func (x *Executor) queue() chan *Link {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ready == nil {
		x.ready = make(chan *Link, 1024)
	}
	return x.ready
}

// Dial opens a link. It has the signature that executor.Open needs.
func (x *Executor) Dial(context.Context) (link.Link, error) {
	x.mu.Lock()
	x.dials++
	away := x.away
	limit, greet, serve, warmUp := x.MaxMessage, x.Greet, x.Serve, x.WarmUp
	x.mu.Unlock()
	if away != nil {
		return nil, away
	}
	limit = cmp.Or(limit, maxMessage)
	near, far := link.Pipe(limit)
	l := &Link{PipeEnd: far}
	ready := x.queue()
	x.mu.Lock()
	x.links = append(x.links, l)
	x.mu.Unlock()
	go func() {
		if greet != nil {
			greet(l)
		} else if err := l.greet(warmUp); err != nil {
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

// Away makes every dial fail with err. Away(nil) lets dials succeed again.
func (x *Executor) Away(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.away = err
}

// Change runs f, which changes exported fields, while no dial reads them.
func (x *Executor) Change(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
}

// Dials returns the number of dials so far.
func (x *Executor) Dials() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.dials
}

// Accept returns the next link that has completed its handshake.
func (x *Executor) Accept() *Link { return <-x.queue() }

// CutAll cuts every link, like a crash of the executor.
func (x *Executor) CutAll() {
	x.mu.Lock()
	links := x.links
	x.links = nil
	x.mu.Unlock()
	for _, l := range links {
		l.Cut()
	}
}

const hello = `{"sessionId":"s","environmentInfo":{"executorVersion":"test","capabilities":{"httpHeaderEnvVars":true,"httpReady":%t}}}`

func (l *Link) greet(warmUp func(*Request)) error {
	m, err := l.Next()
	if err != nil {
		return err
	}
	if m.Method != execproto.MethodInitialize {
		return errors.New("the first message is not initialize")
	}
	l.Hello = m.Params
	if err := l.Send(execproto.AppendResult(nil, m.RawID, fmt.Appendf(nil, hello, warmUp == nil))); err != nil {
		return err
	}
	m, err = l.Next()
	if err == nil && m.Method != execproto.MethodInitialized {
		return errors.New("initialize is not followed by initialized")
	}
	if err != nil || warmUp == nil {
		return err
	}
	r, err := l.NextRequest()
	if err == nil {
		warmUp(r)
	}
	return err
}

// Next returns the next message. Its slices remain valid.
func (l *Link) Next() (*execproto.Message, error) {
	data, err := l.Receive()
	if err != nil {
		return nil, err
	}
	m := new(execproto.Message)
	err = m.Read(data)
	return m, err
}

// Request is a received http/request.
type Request struct {
	*execproto.HTTPRequest
	l     *Link
	rawID []byte
	seq   int64
}

// Request returns the next http/request. Any other message fails the test.
func (l *Link) Request(t testing.TB) *Request {
	t.Helper()
	r, err := l.NextRequest()
	if err != nil {
		t.Fatalf("no http/request received: %v", err)
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
		return nil, errors.New("expected http/request, got " + m.Method)
	}
	r, err := execproto.ReadHTTPRequest(m.Params)
	if err != nil {
		return nil, err
	}
	return &Request{HTTPRequest: r, l: l, rawID: m.RawID}, nil
}

// Ended waits until the near end has closed the link, and returns true. It drops all messages that
// arrive before.
func (l *Link) Ended() bool {
	for {
		if _, err := l.Receive(); err != nil {
			return true
		}
	}
}

// Raw sends one message unchanged.
func (l *Link) Raw(text string) { _ = l.Send([]byte(text)) }

// Head sends the response head.
func (r *Request) Head(status int, headers ...execproto.Header) {
	_ = r.l.Send(execproto.AppendHTTPResponse(nil, r.rawID, &execproto.HTTPResponse{Status: status, Headers: headers}))
}

// Fail responds with an error. data may be nil.
func (r *Request) Fail(code int64, message string, data any) {
	var raw []byte
	if data != nil {
		raw, _ = json.Marshal(data) //nolint:errchkjson // data is a literal in a test
	}
	_ = r.l.Send(execproto.AppendError(nil, r.rawID, code, message, raw))
}

// Piece sends the next part of the body.
func (r *Request) Piece(s string) { r.Delta(r.next(), s, false, "") }

// Done sends the end of the body.
func (r *Request) Done() { r.Delta(r.next(), "", true, "") }

func (r *Request) next() int64 { r.seq++; return r.seq }

// Delta sends a body delta with exactly these values.
func (r *Request) Delta(seq int64, s string, done bool, failure string) {
	_ = r.l.Send(execproto.AppendDelta(nil, r.RequestID, seq, []byte(s), done, failure))
}

// Answer sends a whole response.
func (r *Request) Answer(status int, body string) {
	r.Head(status)
	if body != "" {
		r.Piece(body)
	}
	r.Done()
}
