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

// InputRequest is one entry of inputRequests, or the method and parameters of a server request.
type InputRequest struct {
	Method string `json:"method"`
	Params any    `json:"params,omitempty"`
}

// InputRequired returns a modern result that requires input. Nil requests and a nil state are
// omitted. state is sent unchanged and should be a JSON string (2026-07-28 basic/patterns/mrtr).
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

// RequestInput sends the client one request, in the way of its era; see [Call.RequestInputs].
func (c *Call) RequestInput(ctx context.Context, key, method string, params any) (answer, pending json.RawMessage, err error) {
	answers, pending, err := c.RequestInputs(ctx, map[string]InputRequest{key: {method, params}})
	return answers[key], pending, err
}

// RequestInputs sends the client several requests, in the way of its era. A legacy client receives
// them on the call's stream, which requires [Server.SSE]; if it responds with an error, err is a
// *[Error]. For a modern client, the first execution gets pending, which the tool must return
// immediately. The client's retry runs the tool again, and then the same requests have answers.
//
// A tool may call RequestInputs several times. The server keeps no state between executions, so
// requestState carries the answers so far, the keys of the requests, and the original call. This
// lets the server report invalid retries as violations: other parameters, the same id, answers to
// unknown requests, a changed or missing state. Such a tool must not use Inputs and State, except
// to start with an [InputRequired] that has a state.
func (c *Call) RequestInputs(ctx context.Context, requests map[string]InputRequest) (
	answers map[string]json.RawMessage, pending json.RawMessage, err error,
) {
	if c.s.Era == Legacy {
		answers, err = c.requestAll(ctx, requests)
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

// requestAll sends all requests to a legacy client, then waits for the responses.
func (c *Call) requestAll(ctx context.Context, requests map[string]InputRequest) (map[string]json.RawMessage, error) {
	if c.st == nil {
		return nil, errNoStream
	}
	type open struct {
		key    string
		id     json.RawMessage
		answer <-chan *Message
	}
	var sent []open
	for _, key := range slices.Sorted(maps.Keys(requests)) {
		id, answer := c.s.begin(c.st, requests[key].Method, requests[key].Params)
		sent = append(sent, open{key, id, answer})
	}
	answers, failed := make(map[string]json.RawMessage), error(nil)
	for _, q := range sent { // wait for all of them; otherwise the remaining responses would be violations
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

// round is the content of requestState: the requests that require input, and the original call.
type round struct {
	ID      json.RawMessage            `json:"id"` // of the call
	Method  string                     `json:"method"`
	Name    string                     `json:"name"`
	Digest  string                     `json:"digest"` // of the arguments
	Asked   []string                   `json:"asked"`
	Answers map[string]json.RawMessage `json:"answers"` // to earlier requests
}

const statePrefix = "mcptest."

func (c *Call) newRound() *round {
	var value any
	dec := json.NewDecoder(bytes.NewReader(c.Arguments))
	dec.UseNumber()
	_ = dec.Decode(&value) // absent arguments count as null
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

// readState decodes a requestState. ours is false if the tool created the state itself.
func readState(raw json.RawMessage) (r *round, ours bool, err error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, false, nil //nolint:nilerr // a tool's state need not be a string
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

// recall returns all answers so far: those in the state and those of this request. On its first
// call, it checks that the request is a valid retry of the original call.
func (c *Call) recall() *round {
	if c.round != nil {
		return c.round
	}
	c.round = c.newRound()
	last, ours, err := readState(c.State)
	switch {
	case err != nil:
		c.s.violation("a changed requestState: " + err.Error())
		return c.round
	case !ours && c.State == nil && c.Inputs != nil:
		c.s.violation("inputResponses without the requestState of the result")
		fallthrough
	case !ours:
		maps.Copy(c.round.Answers, c.Inputs)
		return c.round
	case last.Method != c.method || last.Name != c.Name || last.Digest != c.round.Digest:
		c.s.violation("the requestState of another request: " + last.Method + " of " + last.Name)
		return c.round
	case string(last.ID) == string(c.ID):
		c.s.violation("a retry with the id of the original request")
	}
	maps.Copy(c.round.Answers, last.Answers)
	for key, answer := range c.Inputs {
		if slices.Contains(last.Asked, key) {
			c.round.Answers[key] = answer
		} else {
			c.s.violation(fmt.Sprintf("an input response %q to no request", key))
		}
	}
	return c.round
}

// inputParams are the parameters that only a modern retry has, byte for byte.
type inputParams struct {
	InputResponses json.RawMessage `json:"inputResponses"`
	RequestState   json.RawMessage `json:"requestState"`
}

func (m *Message) inputs() (p inputParams) {
	_ = json.Unmarshal(m.Params, &p) // parameters that are not an object have none of these
	return p
}

// checkLegacyInputs checks that a legacy request has no parameters of a modern retry.
func (s *Server) checkLegacyInputs(m *Message) {
	if p := m.inputs(); p.InputResponses != nil || p.RequestState != nil {
		s.violation("a legacy " + m.Method + " with inputResponses or requestState")
	}
}

// neverAsks lists the methods whose results never require input. Their requests cannot be retries.
var neverAsks = map[string]bool{
	"server/discover": true, "subscriptions/listen": true, "completion/complete": true, "tools/list": true,
	"prompts/list": true, "resources/list": true, "resources/templates/list": true,
}

// checkModernInputs checks the types of a retry's parameters.
func (s *Server) checkModernInputs(m *Message) *Error {
	p := m.inputs()
	wrong := ""
	switch {
	case p.InputResponses == nil && p.RequestState == nil:
		return nil
	case neverAsks[m.Method]:
		wrong = "inputResponses or requestState in a " + m.Method
	case p.RequestState != nil && p.RequestState[0] != '"':
		wrong = "a requestState that is not a string"
	case p.InputResponses != nil && !isObject(p.InputResponses):
		wrong = "inputResponses that are not an object"
	default:
		var responses map[string]json.RawMessage
		_ = json.Unmarshal(p.InputResponses, &responses) // nil if absent
		for key, response := range responses {
			if !isObject(response) {
				wrong = fmt.Sprintf("an input response %q that is not an object", key)
			}
		}
	}
	if wrong == "" {
		return nil
	}
	s.violation(wrong)
	return &Error{Code: CodeInvalidParams, Message: wrong}
}

// isObject reports whether a value is a JSON object. The value must be part of a parsed message.
func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
