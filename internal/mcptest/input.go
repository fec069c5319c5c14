package mcptest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// InputRequest is what a server wants to know: one entry of inputRequests, or a request of its own.
type InputRequest struct {
	Method string `json:"method"`
	Params any    `json:"params,omitempty"`
}

// InputRequired is the result of a modern request that needs more first. Nil
// requests are left out and so is a nil state; state is sent as it is, and
// should be a JSON string (2026-07-28 basic/patterns/mrtr).
func InputRequired(requests map[string]InputRequest, state json.RawMessage) json.RawMessage {
	result := map[string]any{"resultType": "input_required"}
	if requests != nil {
		result["inputRequests"] = requests
	}
	if state != nil {
		result["requestState"] = state
	}
	return encode(result)
}

// Question asks the client one thing in the way of either era; see [Call.Questions].
func (c *Call) Question(ctx context.Context, key, method string, params any) (answer, pending json.RawMessage, err error) {
	answers, pending, err := c.Questions(ctx, map[string]InputRequest{key: {method, params}})
	return answers[key], pending, err
}

// Questions asks the client several things at once, in the way of either era.
// A legacy client is asked on the call's stream, which takes [Server.SSE]; an
// error that it answers is err, as a *[Error]. Of a modern client the first
// execution gets pending, which the tool must return at once; the client's
// retry runs the tool again, and the same questions have answers then.
//
// A tool may ask one thing after another. Since the server remembers nothing
// between the executions, the answers so far go back and forth in requestState;
// with them go what was asked and by which request, so that a retry that is not
// one is a violation: other parameters, the same id, answers that nobody asked
// for, a state that was changed or left out. Such a tool leaves Inputs and
// State alone, or begins with an [InputRequired] that has a state.
func (c *Call) Questions(ctx context.Context, requests map[string]InputRequest) (
	answers map[string]json.RawMessage, pending json.RawMessage, err error,
) {
	if c.s.Era == Legacy {
		answers, err = c.askAll(ctx, requests)
		return answers, nil, err
	}
	known := c.recall()
	answers, missing := make(map[string]json.RawMessage), make(map[string]InputRequest)
	for key, request := range requests {
		if answer := known.Answers[key]; answer != nil {
			answers[key] = answer
		} else {
			missing[key] = request
		}
	}
	if len(missing) == 0 {
		return answers, nil, nil
	}
	next := c.newRound()
	next.Asked, next.Answers = slices.Sorted(maps.Keys(missing)), known.Answers
	return nil, InputRequired(missing, next.state()), nil
}

// askAll asks a legacy client, everything before it waits for the first answer.
func (c *Call) askAll(ctx context.Context, requests map[string]InputRequest) (map[string]json.RawMessage, error) {
	if c.st == nil {
		return nil, errNoStream
	}
	type open struct {
		key    string
		id     json.RawMessage
		answer <-chan *Message
	}
	var asked []open
	for _, key := range slices.Sorted(maps.Keys(requests)) {
		id, answer := c.s.begin(c.st, requests[key].Method, requests[key].Params)
		asked = append(asked, open{key, id, answer})
	}
	answers, failed := make(map[string]json.RawMessage), error(nil)
	for _, q := range asked { // all of them, or the answers to the rest would be answers that nobody asked for
		m, err := c.s.await(ctx, q.id, q.answer)
		switch {
		case err == nil && m.Error == nil:
			answers[q.key] = m.Result
		case failed != nil:
		case err != nil:
			failed = err
		default:
			failed = m.Error
		}
	}
	if failed != nil {
		return nil, failed
	}
	return answers, nil
}

// round is what requestState says of the questions that a request was answered with.
type round struct {
	ID      json.RawMessage            `json:"id"` // of the request
	Method  string                     `json:"method"`
	Name    string                     `json:"name"`
	Digest  string                     `json:"digest"` // of the arguments
	Asked   []string                   `json:"asked"`
	Answers map[string]json.RawMessage `json:"answers"` // to what was asked before
}

const statePrefix = "mcptest."

func (c *Call) newRound() *round {
	var value any
	dec := json.NewDecoder(bytes.NewReader(c.Arguments))
	dec.UseNumber()
	_ = dec.Decode(&value) // absent arguments are null
	return &round{
		ID: c.ID, Method: c.method, Name: c.Name, Digest: checksum(encode(value)),
		Answers: make(map[string]json.RawMessage),
	}
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// state encodes a round as a requestState.
func (r *round) state() json.RawMessage {
	data := encode(r)
	return encode(statePrefix + base64.RawURLEncoding.EncodeToString(data) + "." + checksum(data))
}

// readState decodes a requestState. Not ours is the state of a tool that makes its own.
func readState(raw json.RawMessage) (r *round, ours bool, err error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, false, nil //nolint:nilerr // a state of the tool's own need not be a text
	}
	text, ours = strings.CutPrefix(text, statePrefix)
	if !ours {
		return nil, false, nil
	}
	encoded, sum, _ := strings.Cut(text, ".")
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err == nil && checksum(data) != sum {
		err = fmt.Errorf("checksum %.20q", sum)
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	return r, true, err
}

// recall returns all answers so far: those in the state and those of this
// request. It checks once that the request is a retry of the one that was asked.
func (c *Call) recall() *round {
	if c.round != nil {
		return c.round
	}
	c.round = c.newRound()
	last, ours, err := readState(c.State)
	switch {
	case err != nil:
		c.s.violation("a requestState that was changed: " + err.Error())
		return c.round
	case !ours && c.State == nil && c.Inputs != nil:
		c.s.violation("inputResponses without the requestState that came with the questions")
		fallthrough
	case !ours:
		maps.Copy(c.round.Answers, c.Inputs)
		return c.round
	case last.Method != c.method || last.Name != c.Name || last.Digest != c.round.Digest:
		c.s.violation("the requestState of another request: " + last.Method + " of " + last.Name)
		return c.round
	case string(last.ID) == string(c.ID):
		c.s.violation("a retry with the id of the request that it retries")
	}
	maps.Copy(c.round.Answers, last.Answers)
	for key, answer := range c.Inputs {
		if slices.Contains(last.Asked, key) {
			c.round.Answers[key] = answer
		} else {
			c.s.violation(fmt.Sprintf("an input response %q, which nobody asked for", key))
		}
	}
	return c.round
}

// inputParams are the parameters that only a modern retry has, as they were sent.
type inputParams struct {
	InputResponses json.RawMessage `json:"inputResponses"`
	RequestState   json.RawMessage `json:"requestState"`
}

func (m *Message) inputs() (p inputParams) {
	_ = json.Unmarshal(m.Params, &p) // parameters that are no object have none
	return p
}

// checkLegacyInputs checks that a legacy request has nothing of a modern retry.
func (s *Server) checkLegacyInputs(m *Message) {
	if p := m.inputs(); p.InputResponses != nil || p.RequestState != nil {
		s.violation("a legacy " + m.Method + " with inputResponses or requestState")
	}
}

// neverAsks are the methods whose results ask for no input, so that none can be a retry.
var neverAsks = map[string]bool{
	"server/discover": true, "subscriptions/listen": true, "completion/complete": true, "tools/list": true,
	"prompts/list": true, "resources/list": true, "resources/templates/list": true,
}

// checkModernInputs checks the form of what a retry has.
func (s *Server) checkModernInputs(m *Message) *Error {
	p := m.inputs()
	wrong := ""
	switch {
	case p.InputResponses == nil && p.RequestState == nil:
		return nil
	case neverAsks[m.Method]:
		wrong = "inputResponses or requestState in a " + m.Method
	case p.RequestState != nil && p.RequestState[0] != '"':
		wrong = "a requestState that is no string"
	case p.InputResponses != nil && !isObject(p.InputResponses):
		wrong = "inputResponses that are no object"
	default:
		var responses map[string]json.RawMessage
		_ = json.Unmarshal(p.InputResponses, &responses) // absent ones are none
		for key, response := range responses {
			if !isObject(response) {
				wrong = fmt.Sprintf("an input response %q that is no object", key)
			}
		}
	}
	if wrong == "" {
		return nil
	}
	s.violation(wrong)
	return &Error{Code: CodeInvalidParams, Message: wrong}
}

// isObject reports whether a value, which is part of a message that was read, is a JSON object.
func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
