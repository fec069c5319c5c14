package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// Ping asks whether the server answers. A legacy server has a request for it;
// a modern one has none and is asked to introduce itself instead, which is as cheap.
func (s *Session) Ping(ctx context.Context, opts ...CallOption) error {
	method := methodPing
	if s.now.Load().modern() {
		method = methodDiscover
	}
	return s.do(s.emptyCall(ctx, nil, method, opts))
}

func (s *Session) pingOn(ctx context.Context, state *sessionState) error {
	c := s.emptyCall(ctx, state, methodPing, nil)
	c.maxTries = 1
	if try := c.timeouts.Try; try <= 0 || try > pingPatience {
		c.timeouts.Try = pingPatience
	}
	return s.do(c)
}

func (s *Session) emptyCall(ctx context.Context, on *sessionState, method string, opts []CallOption) *call {
	return &call{
		ctx: ctx, on: on, method: method, result: &wire.Empty{}, repeatable: true, tryBound: true,
		callOptions: s.newCallOptions(opts),
	}
}

// Request sends any request, for methods that have none of their own here.
// Params encodes to a JSON object; nil sends none. The result is the exact bytes.
//
// It is taken for a request with side effects, which is not repeated when its
// answer is lost, unless [WithIdempotent] says otherwise. Methods of the
// handshake and of streams are the session's own and refused.
func (s *Session) Request(ctx context.Context, method string, params any, opts ...CallOption) (json.RawMessage, error) {
	var result json.RawMessage
	c := &call{ctx: ctx, method: method, callOptions: s.newCallOptions(opts)}
	c.result = &wire.RawResult{Out: &result}
	c.params = c.splitParams(params)
	c.repeatable = c.idempotent
	switch {
	case method == "":
		c.fail(errors.New("no method"))
	case method == methodInitialize, method == methodListen:
		c.fail(fmt.Errorf("%s is the session's own", method))
	case strings.HasPrefix(method, "notifications/"):
		c.fail(fmt.Errorf("%s is a notification, which has no answer", method))
	case method == methodCallTool, method == methodGetPrompt, method == methodReadResource:
		c.mirrorName()
	}
	if err := s.do(c); err != nil {
		return nil, err
	}
	return result, nil
}

// mirrorName finds what a raw request's standard headers mirror.
func (c *call) mirrorName() {
	var params struct {
		Name      *string         `json:"name"`
		URI       *string         `json:"uri"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if json.Unmarshal(c.params, &params) != nil {
		return // the server will say what is wrong with it
	}
	name := params.Name
	if c.method == methodReadResource {
		name = params.URI
	}
	if name != nil {
		c.name, c.hasName = *name, true
	}
	c.args = params.Arguments
}
