package mcpclient

import (
	"context"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// stateRequest is a request in a given session state. That state need not be the session's current
// one. The handshake, pings and restoreLevel use it. A stateRequest receives everything that the
// server sends for the request.
type stateRequest struct {
	delivery
	result   wire.Decoder
	onHeader func(http.Header) // called with the header of each reply; may be nil
	maxReply int64             // a limit stricter than Limits.Body; 0 for none
}

// newStateRequest returns a request in the given session state. Timeouts.Try bounds each try.
func (s *Session) newStateRequest(ctx context.Context, state *sessionState, msg message, result wire.Decoder) *stateRequest {
	r := &stateRequest{delivery: s.newDelivery(ctx, msg), result: result}
	r.state = state
	return r
}

// do sends the request and retries it according to policy. The error is an *Error.
func (r *stateRequest) do(policy Retry) error {
	return r.s.repeat(&r.delivery, r, verdict.Situation{Fixed: true}, policy)
}

func (r *stateRequest) try() error {
	r.msg.id = r.s.nextID()
	r.Owner = &r.delivery
	return r.send(&streamablehttp.Request{
		ID: r.msg.id, Method: r.msg.method, Body: r.msg.encode(r.state, r.s.level.Load()),
		OnHeader: r.onHeader, MaxReply: r.maxReply,
	}, r)
}

// DecodeResult implements streamablehttp.Receiver.
func (r *stateRequest) DecodeResult(data []byte) (int, error) {
	var cursor jsonrpc.Cursor
	if err := r.decode(&cursor, data, r.result); err != nil {
		return 0, err
	}
	if r.state.modern() {
		if required, err := requiresInput(r.result); err != nil {
			return 0, err
		} else if required {
			return 0, errNoInputHere
		}
	}
	return cursor.Pos(), nil
}

// Event implements streamablehttp.Receiver. It resets the idle timeout.
func (r *stateRequest) Event() { r.s.watch.Touch(&r.watched) }

// Notification implements streamablehttp.Receiver. Log messages are queued, because there may be no
// session yet for their handler to use.
func (r *stateRequest) Notification(method string, params []byte) {
	if method != methodProgress {
		r.s.notified(r.state, method, params)
	}
}

// notified handles a notification that does not belong to a call, and is not progress.
func (s *Session) notified(state *sessionState, method string, params []byte) {
	switch method {
	case methodLog:
		s.enqueueLog(params)
	case methodCancelled:
		s.cancelRequest(state, params)
	default:
		s.enqueueNotification(method, params)
	}
}

// Request implements streamablehttp.Receiver.
func (r *stateRequest) Request(method string, id, _ []byte) error {
	return r.s.serveEarly(r.exchange, r.state, method, id)
}

// posting is a message that expects no answer: a notification, or a response to a server request.
type posting struct {
	delivery
	response []byte // the whole message, if it is a response
}

func (p *posting) try() error {
	body := p.response
	if body == nil {
		body = p.msg.encode(p.state, p.s.level.Load())
	}
	return p.send(&streamablehttp.Request{Method: p.msg.method, Body: body}, nil)
}

// post sends the response to one server request. Its context has the values of stream but does not
// end with it.
func (s *Session) post(stream context.Context, state *sessionState, method string, body []byte) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(stream), answerTimeout, &TimeoutError{What: TimeoutTotal, After: answerTimeout})
	defer cancel()
	stop := context.AfterFunc(s.root, cancel)
	defer stop()
	p := &posting{delivery: s.newDelivery(ctx, message{method: method}), response: body}
	p.state, p.repeatable = state, false
	if err := s.repeat(&p.delivery, p, verdict.Situation{Fixed: true}, s.opts.Retry); err != nil {
		s.log.Debug("answer to the server not delivered", "method", method, "error", brief(err))
	}
}
