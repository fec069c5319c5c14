package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// call is one request of the user, over all its tries and rounds of input, and the receiver of what
// comes back for it. It lives on its caller's goroutine.
type call struct {
	delivery
	callOptions

	result wire.Decoder
	cursor jsonrpc.Cursor // over the result while it is decoded; here so that it is not on the heap

	required     *InputRequired  // what the answer to the last try requires, instead of being the result
	inputTo      **InputRequired // gets it, for a caller that answers by hand; nil: the result stays as it is
	inputBackoff *backoff.ExponentialBackOff
	rounds       int // of input

	args []byte // of a tool call

	callbackSlot chan struct{} // full while the progress callback runs: it may be called from two streams
	closed       atomic.Bool   // the call is over: no callback begins
}

// newCall returns a call that may have side effects: bounded by the idle timeout, and not
// repeatable.
func (s *Session) newCall(ctx context.Context, msg message, opts []CallOption) *call {
	c := &call{delivery: s.newDelivery(ctx, msg), callOptions: callOptions{total: s.opts.Timeouts.Total}}
	c.tryBound, c.repeatable = false, false
	c.apply(opts)
	return c
}

// newQuery returns a call that is safe to repeat, and whose tries are bounded by Timeouts.Try.
func (s *Session) newQuery(ctx context.Context, msg message, result wire.Decoder, opts []CallOption) *call {
	c := s.newCall(ctx, msg, opts)
	c.result, c.tryBound, c.repeatable = result, true, true
	return c
}

// do runs a call to its one outcome: a decoded result (nil) or an *Error.
func (c *call) do() error {
	s := c.s
	if c.err != nil {
		return c.failure(KindInvalid, &verdict.InvalidError{Err: c.err})
	}
	if c.total > 0 && (!c.tryBound || c.ownTotal) {
		c.Total = s.watch.In(c.total)
	}
	if c.progress != nil {
		s.waiting.add(c)
		defer s.waiting.remove(c)
	}
	policy := s.opts.Retry
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
			return nil
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

var errEraBetweenRounds = errors.New("the server required input and then went back to a legacy revision, which cannot take it")

// try sends the call once, on c.state.
func (c *call) try() error {
	s := c.s
	if c.rounds > 0 && !c.state.modern() {
		return &verdict.InvalidError{Err: errEraBetweenRounds} // the answers would be lost, and the tool would begin anew
	}
	if err := c.mirror(); err != nil {
		return err
	}
	if err := s.awaitShared(c); err != nil {
		return err
	}
	c.msg.id = s.nextID()
	c.Owner = &c.delivery
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
	defer func() { c.cursor = jsonrpc.Cursor{} }() // the buffer is not ours
	c.required = nil
	if c.inputTo != nil {
		*c.inputTo = nil // of the answer before
	}
	if err := c.decode(&c.cursor, data, c.result); err != nil {
		return 0, err
	}
	if c.state.modern() {
		if required, err := requiresInput(c.result); err != nil {
			return 0, err
		} else if required {
			if err := c.takeRequired(); err != nil {
				return 0, err
			}
		}
	}
	return c.cursor.Pos(), nil
}

// requiresInput reports whether a modern server requires input instead of sending the result. A
// missing type means complete; an unknown one is not a result that this client can read
// (2026-07-28, "ResultType").
func requiresInput(result wire.Decoder) (bool, error) {
	switch t := result.Common().Kind; t {
	case "", mcp.ResultTypeComplete:
		return false, nil
	case mcp.ResultTypeInputRequired:
		return true, nil
	default:
		return false, fmt.Errorf("unknown resultType %q", string(t[:min(len(t), 64)]))
	}
}

// Event implements streamablehttp.Receiver: the peer is alive.
func (c *call) Event() { c.s.watch.Touch(&c.watched) }

// Notification implements streamablehttp.Receiver. Progress and log messages of a call are
// delivered here, in order, before the call returns.
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

// inputPause returns how long to wait before a call is made again for which the server required no
// input.
func (c *call) inputPause() time.Duration {
	if c.inputBackoff == nil {
		c.inputBackoff = newBackOff(c.s.opts.Retry.Initial, 2)
	}
	return c.inputBackoff.NextBackOff()
}
