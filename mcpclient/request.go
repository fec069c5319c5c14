package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// Ping checks that the server answers. It sends ping to a legacy server. Modern servers have no
// ping, so it sends them server/discover.
func (s *Session) Ping(ctx context.Context, opts ...CallOption) error {
	method := methodPing
	if s.now.Load().modern() {
		method = methodDiscover
	}
	return s.newQuery(ctx, message{method: method}, &wire.Empty{}, opts).do()
}

// pingOn pings a session once. It calls judge with the outcome, before interceptors see it. judge is
// not called if an interceptor refuses the ping.
func (s *Session) pingOn(ctx context.Context, state *sessionState, judge func(err error)) {
	r := s.newPing(ctx, state, pingPatience)
	r.judge = judge
	_ = r.do(once(s.opts.Retry))
}

// newPing returns a ping of a session. limit bounds each try.
func (s *Session) newPing(ctx context.Context, state *sessionState, limit time.Duration) *stateRequest {
	r := s.newStateRequest(ctx, state, message{method: methodPing}, &wire.Empty{})
	r.expected = isRefusal // the ping asks whether the session is lost
	if try := r.timeouts.Try; try <= 0 || try > limit {
		r.timeouts.Try = limit
	}
	return r
}

// once returns the policy without retries.
func once(policy Retry) Retry {
	policy.MaxTries = 1
	return policy
}

// Request sends a request with any JSON-RPC method. Use it for methods that have no function in
// this package. params is anything that encodes to a JSON object; nil sends no parameters. Request
// returns the exact bytes of the result.
//
// The request is assumed to have side effects: if its answer is lost, it is not repeated unless
// [WithIdempotent] is given. Notifications, and methods that only the session itself sends, fail
// with [KindInvalid].
func (s *Session) Request(ctx context.Context, method string, params any, opts ...CallOption) (json.RawMessage, error) {
	var result json.RawMessage
	c := s.newCall(ctx, message{method: method}, opts)
	c.result, c.value = &wire.RawResult{Out: &result}, &result
	var err error
	if c.msg.params, err = wire.RequestParams(params, c.addMeta); err != nil {
		c.fail(err)
	}
	c.repeatable = c.idempotent
	switch {
	case method == "":
		c.fail(errors.New("no method"))
	case method == methodInitialize, method == methodListen:
		c.fail(fmt.Errorf("only the session itself sends %s", method))
	case strings.HasPrefix(method, "notifications/"):
		c.fail(fmt.Errorf("%s is a notification, which has no answer", method))
	case method == methodCallTool, method == methodGetPrompt, method == methodReadResource:
		c.mirrorName()
	default:
		c.mirrorNamed()
	}
	if err := c.do(); err != nil {
		return nil, err
	}
	return result, nil
}

// mirrorName finds the parameters of a raw request that must be mirrored into headers.
func (c *call) mirrorName() {
	var params struct {
		Name      *string         `json:"name"`
		URI       *string         `json:"uri"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if json.Unmarshal(c.msg.params, &params) != nil {
		return // the server reports what is wrong with the parameters
	}
	name := params.Name
	if c.msg.method == methodReadResource {
		name = params.URI
	}
	if name != nil {
		c.msg.name, c.msg.hasName = *name, true
	}
	c.args = params.Arguments
}
