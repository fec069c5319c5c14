package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
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
	if e.s.log.Enabled(ctx, slog.LevelDebug) { // the values would be copied to the heap even if it is not
		e.s.log.Debug("exchange", "method", e.out.method, "host", e.out.url.Host, "status", resp.StatusCode)
	}
	head := &execproto.HTTPResponse{Status: resp.StatusCode, Headers: responseHeaders(resp.Header)}
	if !e.stream {
		e.buffered(head, resp.Body)
		return
	}
	defer resp.Body.Close()
	e.s.release()
	e.streamed(resp, head)
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
