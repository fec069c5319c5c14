package mcpclient

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// call is one request that the user makes, including all its tries and rounds of input. It receives
// everything that the server sends for the request. Only the caller's goroutine may use it.
type call struct {
	delivery
	callOptions

	cursor jsonrpc.Cursor // reads the result; a field, because a local variable would escape to the heap
	tool   wire.CallTool  // the result of a tool call points to it, for the same reason

	required     *InputRequired // set if the answer to the last try requires input and is not the result
	inputBackoff *backoff.ExponentialBackOff
	rounds       int // rounds of input so far

	callbackSlot chan struct{} // full while the progress callback runs; two streams may call it
	slotTaken    bool          // the call itself holds the slot, between two runs
	closed       atomic.Bool   // the call is over: no callback may start
}

// newCall returns a call that may have side effects. The idle timeout bounds the call, and it is
// not repeatable.
func (s *Session) newCall(ctx context.Context, msg message, opts []CallOption) *call {
	c := &call{delivery: s.newDelivery(ctx, msg), callOptions: callOptions{total: s.opts.Timeouts.Total}}
	c.tryBound, c.repeatable = false, false
	c.apply(opts)
	return c
}

// newQuery returns a call that is safe to repeat. Timeouts.Try bounds each of its tries.
func (s *Session) newQuery(ctx context.Context, msg message, result wire.Decoder, opts []CallOption) *call {
	c := s.newCall(ctx, msg, opts)
	c.result, c.tryBound, c.repeatable = result, true, true
	return c
}

// do runs the call, through the interceptors, until it has an outcome. It returns nil if there is a
// result, else an *Error.
func (c *call) do() error {
	if c.err != nil {
		return c.failure(KindInvalid, &verdict.InvalidError{Err: c.err})
	}
	return c.run(c)
}

// perform implements performer.
func (c *call) perform(ctx context.Context) error {
	s := c.s
	if err := s.waiting.await(c); err != nil {
		return c.failure(KindClosed, notSent(err))
	}
	c.ctx = ctx
	if c.total > 0 && c.Total.At == 0 && (!c.tryBound || c.ownTotal) {
		c.Total = s.watch.In(c.total)
	}
	if c.progress != nil {
		s.waiting.add(c)
		defer s.waiting.remove(c)
	}
	input := c.msg.input
	err := c.rounded()
	c.msg.input, c.rounds = input, 0 // an interceptor may start the call over
	if err == nil && c.pager != nil {
		c.value = c.pager.publish(&c.delivery, true)
	}
	return err
}

// rounded sends the call, and sends it again with the input that the server requires, until it has
// an outcome.
func (c *call) rounded() error {
	s, policy := c.s, c.s.opts.Retry
	if c.maxTries > 0 {
		policy.MaxTries = c.maxTries
	}
	for ; ; c.rounds++ {
		c.required = nil
		if err := s.repeat(&c.delivery, c, verdict.Situation{Tool: c.msg.method == methodCallTool}, policy); err != nil {
			s.elicitRequired(c, err)
			return err
		}
		if c.required == nil || c.manual {
			return c.resolve()
		}
		c.past = c.past.And(verdict.Answered)
		if c.rounds == s.opts.Limits.InputRounds {
			return c.failed(KindLimit, &LimitError{What: "rounds of input", Limit: int64(c.rounds)})
		}
		if err := c.nextRound(); err != nil {
			return err
		}
	}
}

var errEraBetweenRounds = errors.New("the server required input and then went back to a legacy revision, which does not support it")

// try sends the call once, in the session state c.state.
func (c *call) try() error {
	s := c.s
	if c.rounds > 0 && !c.state.modern() {
		return &verdict.InvalidError{Err: errEraBetweenRounds} // the answers would be lost, and the tool would start over
	}
	if err := s.checkDeclared(c.state, c.msg.method); err != nil {
		return err
	}
	if err := c.applyListing(); err != nil {
		return err
	}
	if err := s.awaitShared(c); err != nil {
		return err
	}
	c.msg.id = s.nextID()
	req := streamablehttp.Request{
		ID: c.msg.id, Method: c.msg.method, Name: c.msg.name, HasName: c.msg.hasName, Params: c.msg.mirrored,
		Header: c.header, Body: c.msg.encode(c.state, s.level.Load()),
	}
	if !c.repeatable {
		req.Began = &c.began
	}
	return c.send(&req, c)
}

// DecodeResult implements streamablehttp.Receiver.
func (c *call) DecodeResult(data []byte) (int, error) {
	defer func() { c.cursor = jsonrpc.Cursor{} }() // the buffer belongs to the caller
	c.required = nil
	if to := c.inputTo(); to != nil {
		*to = nil // set by an earlier answer
	}
	if err := c.decode(&c.cursor, data, c.result); err != nil {
		return 0, err
	}
	if c.state.modern() {
		if required, err := c.takeType(); err != nil {
			return 0, err
		} else if required {
			if err := c.takeRequired(); err != nil {
				return 0, err
			}
		}
	}
	return c.cursor.Pos(), nil
}

// inputTo returns where to store the input that the server requires, with WithManualInput. It returns
// nil for a call that returns its result unchanged.
func (c *call) inputTo() **InputRequired {
	switch result := c.value.(type) {
	case *CallToolResult:
		return &result.Input
	case *GetPromptResult:
		return &result.Input
	case *ReadResourceResult:
		return &result.Input
	}
	return nil
}

// requiresInput reports whether a modern server requires input instead of sending the result. A
// missing type means complete. A result of an unknown type is an error (2026-07-28, "ResultType").
func requiresInput(result wire.Decoder) (bool, error) {
	switch t := result.Common().Kind; t {
	case "", mcp.ResultTypeComplete:
		return false, nil
	case mcp.ResultTypeInputRequired:
		return true, nil
	default:
		return false, &verdict.ResultTypeError{Type: string(t[:min(len(t), 64)])}
	}
}

// Event implements streamablehttp.Receiver. It resets the idle timeout.
func (c *call) Event() { c.s.watch.Touch(&c.watched) }

// Notification implements streamablehttp.Receiver. It delivers progress and log messages of the
// call in order, before the call returns.
func (c *call) Notification(method string, params []byte) {
	switch method {
	case methodProgress:
		if c.msg.token != 0 {
			c.deliverProgress(params)
		}
	case methodLog:
		c.s.deliverLog(c.ctx, params)
	case methodCancelled:
		c.s.cancelRequest(c.state, params)
	default:
		c.s.enqueueNotification(method, params)
	}
}

// Request implements streamablehttp.Receiver.
func (c *call) Request(method string, id, params []byte) error {
	return c.s.serve(c.exchange, &c.watched, c.state, method, id, params)
}

// inputPause returns the pause before the call is made again when the server sent input_required
// without any requests.
func (c *call) inputPause() time.Duration {
	if c.inputBackoff == nil {
		c.inputBackoff = newBackOff(c.s.opts.Retry.Initial, 2)
	}
	return c.inputBackoff.NextBackOff()
}
