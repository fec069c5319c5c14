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
	out      *outgoing
	held     int64 // what counts for this exchange
}

var errTimeout = errors.New("timeout (timeoutMs)")

func newExchange(s *session, rawID []byte, r *execproto.HTTPRequest, out *outgoing) *exchange {
	e := &exchange{
		s: s, rawID: append([]byte(nil), rawID...), id: r.RequestID, stream: r.Stream, out: out,
		held: exchangeCost + requestCost(r),
	}
	if r.TimeoutMs >= 0 {
		const most = math.MaxInt64 / int64(time.Millisecond) / 2 // far in the future
		e.deadline = time.Now().Add(time.Duration(min(r.TimeoutMs, most)) * time.Millisecond)
	}
	return e
}

// run performs the exchange. It returns when the last frame has been written to the link, or when
// the session is over.
func (e *exchange) run() {
	defer func() { e.s.account.give(e.held) }()
	ctx, cancel := e.context()
	defer cancel()
	resp, err := e.fetch(ctx)
	if err != nil {
		e.s.log.Debug("exchange failed", "method", e.out.method, "host", e.out.url.Host, "error", err.text, "sent", !err.stage.NotSent)
		e.s.release()
		e.fail(err)
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
	if e.sendHead(head) == nil {
		e.pump(resp.Body)
	} else {
		e.s.leave(e)
	}
}

// hold counts n more bytes until the exchange ends.
func (e *exchange) hold(n int64) bool {
	ok := e.s.account.take(n)
	if ok {
		e.held += n
	}
	return ok
}

// drop undoes hold.
func (e *exchange) drop(n int64) {
	e.held -= n
	e.s.account.give(n)
}

func (e *exchange) context() (context.Context, context.CancelFunc) {
	if e.deadline.IsZero() {
		return context.WithCancel(e.s.ctx)
	}
	return context.WithDeadlineCause(e.s.ctx, e.deadline, errTimeout)
}

// buffered sends head and body in one message.
func (e *exchange) buffered(head *execproto.HTTPResponse, body io.ReadCloser) {
	data, why := e.readAll(body)
	e.s.release()
	if why != nil {
		e.fail(why)
		return
	}
	head.Body = data
	size := responseSize(head)
	err := e.s.begin()
	e.s.leave(e)
	switch {
	case err != nil:
	case e.hold(int64(size)):
		f := newFrame(size)
		f.b = execproto.AppendHTTPResponse(f.b, e.rawID, head)
		_ = e.s.finish(f)
	default:
		_ = e.s.finish(overBudget(false).frame(e.rawID))
	}
}

// fail sends the error of the exchange, which is its last message.
func (e *exchange) fail(why *failure) {
	err := e.s.begin()
	e.s.leave(e)
	if err == nil {
		_ = e.s.finish(why.frame(e.rawID))
	}
}

// fetch gets the response, and counts its headers.
func (e *exchange) fetch(ctx context.Context) (*http.Response, *failure) {
	if !e.hold(headerRoom) {
		return nil, overBudget(true)
	}
	resp, why := e.follow(ctx)
	if why != nil {
		return nil, why
	}
	e.drop(headerRoom)
	if !e.hold(responseCost(resp.Header)) {
		_ = resp.Body.Close()
		return nil, overBudget(false)
	}
	return resp, nil
}

// follow sends the request and follows redirects.
func (e *exchange) follow(ctx context.Context) (*http.Response, *failure) {
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
			if e.sendDelta(seq, piece[:n]) != nil {
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

// finish sends the last delta.
func (e *exchange) finish(seq int64, end error) {
	text := ""
	if end != io.EOF {
		text = "the response body was cut off: " + cause(end)
	}
	err := e.s.begin()
	e.s.leave(e)
	if err == nil {
		_ = e.write(seq, nil, true, text)
	}
}

func (e *exchange) sendDelta(seq int64, piece []byte) error {
	if err := e.s.begin(); err != nil {
		return err
	}
	return e.write(seq, piece, false, "")
}

// write sends a delta after begin.
func (e *exchange) write(seq int64, piece []byte, done bool, failure string) error {
	f := newFrame(deltaSize(piece))
	f.b = execproto.AppendDelta(f.b, e.id, seq, piece, done, failure)
	return e.s.finish(f)
}

// sendHead sends the response of a streamed exchange.
func (e *exchange) sendHead(r *execproto.HTTPResponse) error {
	if err := e.s.begin(); err != nil {
		return err
	}
	f := newFrame(responseSize(r))
	f.b = execproto.AppendHTTPResponse(f.b, e.rawID, r)
	return e.s.finish(f)
}
