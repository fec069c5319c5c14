package mcpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// InputRequired is the input that a modern server requires before it continues a call (2026-07-28,
// "Multi Round-Trip Requests"). With [WithManualInput], the result of the call holds an
// InputRequired. [WithInput] continues the call at once, later, or in another process: an
// InputRequired can be marshalled to JSON and back.
type InputRequired struct {
	// Requests are the server's requests, ordered by their keys.
	Requests []InputRequest `json:"requests,omitempty"`
	// State is a JSON string, nil if there is none. It is sent back to the server byte for byte.
	State json.RawMessage `json:"state,omitempty"`
}

// InputRequest is one request for input.
type InputRequest struct {
	// Key identifies the request within its InputRequired.
	Key string `json:"key"`
	// Method is elicitation/create, sampling/createMessage or roots/list.
	Method string `json:"method"`
	// Params are the request's parameters as received, nil if there are none.
	Params json.RawMessage `json:"params,omitempty"`
}

// maxInputRequests bounds the requests for input in one result.
const maxInputRequests = 1000

var (
	errNothingRequired = errors.New("input_required without inputRequests and without requestState")
	errNoMethod        = errors.New(`no "method"`)
)

// parseInput decodes the requests for input in a result.
func parseInput(in *wire.Input) (*InputRequired, error) {
	if len(in.Requests) > maxInputRequests {
		return nil, &LimitError{What: "input requests in a result", Limit: maxInputRequests}
	}
	if len(in.Requests) == 0 && in.State == nil {
		return nil, errNothingRequired
	}
	out := &InputRequired{State: in.State}
	for _, key := range slices.Sorted(maps.Keys(in.Requests)) {
		q := InputRequest{Key: key}
		if err := q.read(in.Requests[key]); err != nil {
			return nil, fmt.Errorf("inputRequests %s: %w", wire.PathKey([]byte(key)), err)
		}
		out.Requests = append(out.Requests, q)
	}
	return out, nil
}

func (q *InputRequest) read(data json.RawMessage) error {
	r := wire.NewReader(data, nil)
	for key := range r.Members() {
		switch string(key) {
		case "method":
			q.Method = r.OptString()
		case "params":
			q.Params = r.OptRaw()
		default:
			r.Skip()
		}
	}
	if q.Method == "" {
		r.Fail(errNoMethod)
	}
	return r.Err()
}

// errNoInputHere is the error for a result that requires input for a method that does not allow it
// (2026-07-28, "Multi Round-Trip Requests", "Supported Requests").
var errNoInputHere = errors.New("input_required is not allowed as a result of this method")

// takeRequired stores the input that the server requires. A raw request returns the server's result
// unchanged instead.
func (c *call) takeRequired() error {
	switch c.msg.method {
	case methodCallTool, methodGetPrompt, methodReadResource:
	default:
		return errNoInputHere
	}
	to := c.inputTo()
	if to == nil {
		return nil
	}
	in, err := parseInput(&c.result.Common().Input)
	if err != nil {
		return err
	}
	c.required = in
	if c.manual {
		*to = in
	}
	return nil
}

// nextRound obtains all input that the last answer requires and adds it to the call's next request.
func (c *call) nextRound() error {
	s, in := c.s, c.required
	ctx, cancel := c.bounded()
	defer cancel()
	answers, err := s.answerAll(ctx, c.state.version, in)
	if err == nil && len(in.Requests) == 0 {
		err = s.sleep(ctx, c.inputPause()) // the server requires no input, only another request, usually because it is busy
	} else {
		c.inputBackoff = nil
	}
	if err != nil {
		if ended := c.interrupted(ctx, answered("", err)); ended != nil {
			return ended
		}
		return c.failedInput(err)
	}
	c.msg.input = appendInput(nil, in, answers)
	c.began.Store(false)
	s.waiting.renew(c)
	return nil
}

// failedInput returns the error for a call whose input was not provided because of err.
func (c *call) failedInput(err error) *Error {
	kind := KindInput
	var no *refusal
	if errors.As(err, &no) {
		kind = KindProtocol // the server must not send the request, or its parameters are invalid
	}
	return c.failure(kind, answered("", err))
}

// InputError says why input that a modern server required was not provided.
type InputError struct {
	// Key and Method are taken from the [InputRequest].
	Key, Method string
	// Err is the handler's error, or the reason why the request is invalid.
	Err error
}

// Error returns a text that names the request and the cause.
func (e *InputError) Error() string {
	return fmt.Sprintf("%s %s: %v", wire.PathKey([]byte(e.Method)), strconv.QuoteToASCII(e.Key[:min(len(e.Key), 64)]), e.Err)
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// answerAll runs the handlers of all requests concurrently and returns their answers in the order
// of the requests. If one fails, answerAll returns at once and does not wait for the others.
func (s *Session) answerAll(parent context.Context, version string, in *InputRequired) ([]json.RawMessage, error) {
	answerers := make([]answerer, len(in.Requests))
	for i, q := range in.Requests {
		ask, err := s.prepare(q.Method, q.Params, version)
		if err != nil {
			return nil, &InputError{q.Key, q.Method, err}
		}
		answerers[i] = ask
	}
	ctx, cancel := handlerContext(parent)
	defer cancel(nil)
	type outcome struct {
		i      int
		answer json.RawMessage
		err    error
	}
	outcomes := make(chan outcome, len(answerers))
	own := s.slotsFor(parent)
	for i, ask := range answerers {
		if err := own.take(ctx, s.root); err != nil {
			break // a handler failed, and its failure ended ctx; outcomes has the error
		}
		if !s.owned.start(func() {
			defer own.give()
			s.handle(ctx, ask, func(answer json.RawMessage, err error) {
				outcomes <- outcome{i, answer, err}
				if err != nil {
					cancel(err)
				}
			})
		}) {
			own.give()
			return nil, ErrClosed
		}
	}
	answers := make([]json.RawMessage, len(answerers))
	for range answerers {
		select {
		case o := <-outcomes:
			if o.err != nil {
				return nil, &InputError{in.Requests[o.i].Key, in.Requests[o.i].Method, o.err}
			}
			answers[o.i] = o.answer
		case <-parent.Done():
			return nil, context.Cause(parent)
		case <-s.root.Done():
			return nil, ErrClosed
		}
	}
	return answers, nil
}

// appendInput encodes the parameters that continue a call.
func appendInput(b []byte, in *InputRequired, answers []json.RawMessage) []byte {
	if len(in.Requests) > 0 {
		b = append(b, `"inputResponses":{`...)
		for i, q := range in.Requests {
			b = append(jsonrpc.AppendString(appendComma(b), q.Key), ':')
			b = append(b, answers[i]...)
		}
		b = append(b, '}')
	}
	if in.State != nil {
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `"requestState":`...), in.State...)
	}
	return b
}

// takeInput encodes the input of [WithInput].
func (c *call) takeInput(in *InputRequired, answers map[string]any) {
	if in == nil {
		c.fail(errors.New("WithInput: InputRequired is nil"))
		return
	}
	state := bytes.TrimSpace(in.State)
	if cur := jsonrpc.NewCursor(state, 0); len(state) > 0 {
		cur.StringBytes()
		if cur.End(); cur.Err() != nil {
			c.fail(errors.New("WithInput: the state is not a JSON string"))
			return
		}
	}
	encoded := make([]json.RawMessage, len(in.Requests))
	for i, q := range in.Requests {
		answer, there := answers[q.Key]
		if !there {
			c.fail(fmt.Errorf("WithInput: no answer to %q", q.Key))
			return
		}
		data, err := json.Marshal(answer)
		if err != nil {
			c.fail(fmt.Errorf("WithInput: answer to %q: %w", q.Key, err))
			return
		}
		if err := wire.CheckObject(data); err != nil {
			c.fail(fmt.Errorf("WithInput: answer to %q %w", q.Key, err))
			return
		}
		encoded[i] = data
	}
	if len(answers) != len(in.Requests) {
		c.fail(fmt.Errorf("WithInput: expected %d answers, got %d", len(in.Requests), len(answers)))
		return
	}
	c.msg.input = appendInput(nil, in, encoded)
}
