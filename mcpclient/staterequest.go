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
	policy   Retry
	onHeader func(http.Header) // called with the header of each reply; may be nil
	maxReply int64             // a limit stricter than Limits.Body; 0 for none
	// judge is called with the outcome before interceptors see it; may be nil. What the outcome
	// proves must not depend on them.
	judge func(err error)
	// expected reports whether an error is one of the outcomes that the session is prepared for; nil
	// if none is. See [Outgoing.Expected].
	expected func(err error) bool
}

// newStateRequest returns a request in the given session state. Timeouts.Try bounds each try.
func (s *Session) newStateRequest(ctx context.Context, state *sessionState, msg message, result wire.Decoder) *stateRequest {
	r := &stateRequest{delivery: s.newDelivery(ctx, msg)}
	r.state, r.result, r.origin = state, result, OriginSession
	return r
}

// do sends the request and retries it according to policy. The error is an *Error.
func (r *stateRequest) do(policy Retry) error {
	r.policy = policy
	return r.run(r)
}

// reply does the same as do, but returns the error of the server's reply, whatever interceptors made of
// it. If an interceptor refused the request, reply returns that refusal.
func (r *stateRequest) reply(policy Retry) (err error) {
	judged := false
	r.judge = func(outcome error) { err, judged = outcome, true }
	if refusal := r.do(policy); !judged {
		err = refusal
	}
	return err
}

// perform implements performer.
func (r *stateRequest) perform(ctx context.Context) error {
	r.ctx = ctx
	err := r.s.repeat(&r.delivery, r, verdict.Situation{Fixed: true}, r.policy)
	if r.judge != nil {
		r.judge(err)
	}
	return err
}

func (r *stateRequest) try() error {
	r.msg.id = r.s.nextID()
	return r.send(&streamablehttp.Request{
		ID: r.msg.id, Method: r.msg.method, Header: r.header, Body: r.msg.encode(r.state, r.s.level.Load()),
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
	policy   Retry
	fixed    bool                 // it belongs to the session state in delivery.state
	expected func(err error) bool // as in stateRequest
}

// newPosting returns a notification. It belongs to the given session state, or to the current one
// if state is nil.
func (s *Session) newPosting(ctx context.Context, state *sessionState, msg message) *posting {
	p := &posting{delivery: s.newDelivery(ctx, msg), policy: s.opts.Retry, fixed: state != nil}
	p.state = state
	return p
}

// do sends the message and retries it. The error is an *Error.
func (p *posting) do() error { return p.run(p) }

// perform implements performer.
func (p *posting) perform(ctx context.Context) error {
	p.ctx = ctx
	return p.s.repeat(&p.delivery, p, verdict.Situation{Fixed: p.fixed}, p.policy)
}

func (p *posting) try() error {
	body := p.response
	if body == nil {
		body = p.msg.encode(p.state, p.s.level.Load())
	}
	return p.send(&streamablehttp.Request{Method: p.msg.method, Header: p.header, Body: body}, nil)
}

// post sends the response to one server request. Its context has the values of stream but does not
// end with it.
func (s *Session) post(stream context.Context, state *sessionState, method string, body []byte) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(stream), answerTimeout, &TimeoutError{What: TimeoutTotal, After: answerTimeout})
	defer cancel()
	stop := context.AfterFunc(s.root, cancel)
	defer stop()
	p := s.newPosting(ctx, state, message{method: method})
	p.response, p.repeatable, p.origin = body, false, OriginSession
	if err := p.do(); err != nil {
		s.log.Debug("answer to the server not delivered", "method", method, "error", brief(err))
	}
}
