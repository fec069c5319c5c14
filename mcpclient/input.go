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

// InputRequired is what a modern server wants to know before it can go on with
// a call (2026-07-28, "Multi Round-Trip Requests"). With [WithManualInput] it
// comes with the result, and [WithInput] goes on with the call: then, later, or in
// another process, for it survives JSON.
type InputRequired struct {
	// Requests are what it asks, ordered by their keys.
	Requests []InputRequest `json:"requests,omitempty"`
	// State is for the server, a JSON string that goes back byte for byte; nil if there is none.
	State json.RawMessage `json:"state,omitempty"`
}

// InputRequest is one question of a modern server.
type InputRequest struct {
	// Key is the server's name for it.
	Key string `json:"key"`
	// Method is what is asked: elicitation/create, sampling/createMessage or roots/list.
	Method string `json:"method"`
	// Params are the parameters as received, nil if there are none.
	Params json.RawMessage `json:"params,omitempty"`
}

// maxInputRequests bounds how much one result may ask.
const maxInputRequests = 1000

var (
	errNothingRequired = errors.New("input_required without inputRequests and without requestState")
	errNoMethod        = errors.New(`no "method"`)
)

// parseInput reads the requests.
func parseInput(in *wire.Input) (*InputRequired, error) {
	if len(in.Requests) > maxInputRequests {
		return nil, &LimitError{What: "questions in a result", Limit: maxInputRequests}
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

// takeRequired takes what the server requires. A raw request gets it as it is.
func (c *call) takeRequired() error {
	switch {
	case c.on != nil, c.method != methodCallTool && c.method != methodGetPrompt && c.method != methodReadResource:
		return errNotHere
	}
	if c.inputTo == nil {
		return nil
	}
	in, err := parseInput(&c.result.Common().Input)
	if err != nil {
		return err
	}
	c.required = in
	if c.manual {
		*c.inputTo = in
	}
	return nil
}

// nextRound has the questions of the last answer answered and prepares the call
// to be made again with that. All of them are, before it is; the answers and the state belong to
// this call alone.
func (s *Session) nextRound(c *call) error {
	in := c.required
	ctx, cancel := c.bounded()
	defer cancel()
	answers, err := s.answerAll(ctx, c, in)
	if err == nil && len(in.Requests) == 0 {
		err = s.sleep(ctx, c.nextUnasked()) // the server only wants to be asked again, most often because it is busy
	} else {
		c.unasked = nil
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return s.over(c, withCause(answered("", err), context.Cause(ctx)))
	case s.root.Err() != nil:
		return s.over(c, withCause(answered("", err), ErrClosed))
	default:
		return c.failedInput(err)
	}
	c.input = appendInput(nil, in, answers)
	c.began.Store(false)
	s.waiting.renew(c)
	return nil
}

// failedInput is the error of a call whose questions were not answered.
func (c *call) failedInput(err error) *Error {
	kind := KindInput
	var no *refusal
	if errors.As(err, &no) {
		kind = KindProtocol // a question that the server must not ask, or not like this
	}
	return c.failure(kind, answered("", err))
}

// InputError is why a question of a modern server was not answered.
type InputError struct {
	// Key and Method are the question's.
	Key, Method string
	// Err is the handler's error, or what is wrong with the question.
	Err error
}

// Error names the question and the cause.
func (e *InputError) Error() string {
	return fmt.Sprintf("%s %s: %v", wire.PathKey([]byte(e.Method)), strconv.QuoteToASCII(e.Key[:min(len(e.Key), 64)]), e.Err)
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// answerAll puts the questions to their handlers, beside each other, and returns
// the answers in the order of the questions. The first that fails ends it; what
// handlers do then is not waited for.
func (s *Session) answerAll(parent context.Context, c *call, in *InputRequired) ([]json.RawMessage, error) {
	askers := make([]asker, len(in.Requests))
	for i, q := range in.Requests {
		ask, err := s.prepare(q.Method, q.Params, c.used.version)
		if err != nil {
			return nil, &InputError{q.Key, q.Method, err}
		}
		askers[i] = ask
	}
	ctx, cancel := handlerContext(parent)
	defer cancel(nil)
	type outcome struct {
		i      int
		answer json.RawMessage
		err    error
	}
	outcomes := make(chan outcome, len(askers))
	own := s.slotsFor(parent)
	for i, ask := range askers {
		if err := own.take(ctx, s.root); err != nil {
			break // an answer that failed ended ctx, and is there
		}
		if !s.owned.start(func() {
			defer own.give()
			s.put(ctx, ask, func(answer json.RawMessage, err error) {
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
	answers := make([]json.RawMessage, len(askers))
	for range askers {
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

// appendInput encodes the members with which a call goes on.
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

// takeInput encodes the answers for [WithInput].
func (o *callOptions) takeInput(in *InputRequired, answers map[string]any) {
	if in == nil {
		o.fail(errors.New("WithInput: no InputRequired"))
		return
	}
	state := bytes.TrimSpace(in.State)
	if cur := jsonrpc.NewCursor(state, 0); len(state) > 0 {
		cur.StringBytes()
		if cur.End(); cur.Err() != nil {
			o.fail(errors.New("WithInput: the state is not a JSON string"))
			return
		}
	}
	encoded := make([]json.RawMessage, len(in.Requests))
	for i, q := range in.Requests {
		answer, there := answers[q.Key]
		if !there {
			o.fail(fmt.Errorf("WithInput: no answer to %q", q.Key))
			return
		}
		data, err := json.Marshal(answer)
		if err != nil {
			o.fail(fmt.Errorf("WithInput: answer to %q: %w", q.Key, err))
			return
		}
		if err := checkObject(data); err != nil {
			o.fail(fmt.Errorf("WithInput: answer to %q %w", q.Key, err))
			return
		}
		encoded[i] = data
	}
	if len(answers) != len(in.Requests) {
		o.fail(errors.New("WithInput: there is an answer to what was not asked"))
		return
	}
	o.input = appendInput(nil, in, encoded)
}
