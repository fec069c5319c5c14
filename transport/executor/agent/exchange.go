package agent

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

// exchange is one http/request.
type exchange struct {
	s        *session
	rawID    []byte // the ID of the JSON-RPC request
	id       string // the ID of the deltas
	stream   bool
	deadline time.Time // zero for none
	size     int       // size of the request's body, in bytes
	out      *outgoing
}

var errTimeout = errors.New("timeout (timeoutMs)")

func newExchange(s *session, rawID []byte, r *execproto.HTTPRequest, out *outgoing) *exchange {
	e := &exchange{s: s, rawID: append([]byte(nil), rawID...), id: r.RequestID, stream: r.Stream, out: out}
	if r.TimeoutMs >= 0 {
		const most = math.MaxInt64 / int64(time.Millisecond) / 2 // far in the future
		e.deadline = time.Now().Add(time.Duration(min(r.TimeoutMs, most)) * time.Millisecond)
	}
	return e
}

// run performs the exchange. It returns when the last frame has been written to the link, or when
// the session is over.
func (e *exchange) run() {
	ctx, cancel := e.context()
	defer cancel()
	resp, err := e.fetch(ctx)
	if err != nil {
		e.s.log.Debug("exchange failed", "method", e.out.method, "host", e.out.url.Host, "error", err.text, "sent", !err.stage.NotSent)
		e.s.leave(e, true)
		e.s.fail(e.rawID, err)
		return
	}
	e.s.log.Debug("exchange", "method", e.out.method, "host", e.out.url.Host, "status", resp.StatusCode)
	head := &execproto.HTTPResponse{Status: resp.StatusCode, Headers: responseHeaders(resp.Header)}
	if !e.stream {
		e.buffered(head, resp.Body)
		return
	}
	defer resp.Body.Close()
	e.s.release()
	if e.sendResponse(head) == nil {
		e.pump(resp.Body)
	}
}

func (e *exchange) context() (context.Context, context.CancelFunc) {
	if e.deadline.IsZero() {
		return context.WithCancel(e.s.ctx)
	}
	return context.WithDeadlineCause(e.s.ctx, e.deadline, errTimeout)
}

// buffered sends head and body in one message.
func (e *exchange) buffered(head *execproto.HTTPResponse, body io.ReadCloser) {
	data, err := readAll(body, e.s.c.MaxBuffered)
	e.s.leave(e, true)
	if err != nil {
		e.s.fail(e.rawID, err)
		return
	}
	head.Body = data
	_ = e.sendResponse(head)
}

// fetch sends the request and follows redirects.
func (e *exchange) fetch(ctx context.Context) (*http.Response, *failure) {
	for hops := 0; ; hops++ {
		if hops > 0 {
			if err := e.s.c.Policy.CheckURL(e.out.url); err != nil {
				return nil, failed(err, true)
			}
		}
		resp, err := e.s.c.direct.RoundTrip(e.out.request(ctx))
		if err != nil {
			return nil, failed(err, hops > 0)
		}
		if resp.StatusCode == http.StatusSwitchingProtocols { // the request did not ask for an upgrade, so there is no body
			_ = resp.Body.Close()
			resp.Body = http.NoBody
		}
		if e.out.stop || !redirects(resp) {
			return resp, nil
		}
		if hops == maxRedirects {
			_ = resp.Body.Close()
			return nil, failed(errTooManyRedirects, true)
		}
		if err := e.out.redirect(resp); err != nil {
			return nil, failed(err, true)
		}
	}
}

// smallPiece is the size in bytes of a Read of an idle or slow stream.
const smallPiece = 4 << 10

// pump sends the result of each Read of the body at once. It reads the next piece after the
// previous one was written to the link, so that a slow link slows the server down. An idle stream
// uses little memory; a body in bulk is read ahead.
func (e *exchange) pump(body io.Reader) {
	var piece [smallPiece]byte
	seq := int64(0)
	for {
		n, err := body.Read(piece[:])
		if n > 0 {
			seq++
			if e.sendDelta(seq, piece[:n], false, "") != nil {
				err = errLinkGone
			}
		}
		if err == nil && n == smallPiece {
			seq, err = e.pumpAhead(body, seq)
		}
		if err != nil {
			e.finish(seq+1, err)
			return
		}
	}
}

var errLinkGone = errors.New("the link is gone")

// finish sends the last frame. It frees the ID first, because a client that has received the frame
// may use the ID again.
func (e *exchange) finish(seq int64, end error) {
	e.s.leave(e, false)
	text := ""
	if end != io.EOF {
		text = "the response body was cut off: " + cause(end)
	}
	_ = e.sendDelta(seq, nil, true, text)
}

func (e *exchange) sendDelta(seq int64, piece []byte, done bool, failure string) error {
	f, err := e.s.begin()
	if err != nil {
		return err
	}
	f.b = execproto.AppendDelta(f.b[:0], e.id, seq, piece, done, failure)
	return e.s.finish(f)
}

func (e *exchange) sendResponse(r *execproto.HTTPResponse) error {
	f, err := e.s.begin()
	if err != nil {
		return err
	}
	f.b = execproto.AppendHTTPResponse(f.b[:0], e.rawID, r)
	return e.s.finish(f)
}
