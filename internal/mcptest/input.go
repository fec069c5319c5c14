package mcptest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
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

// RequestInput sends the client one request, as the server's era specifies; see
// [Call.RequestInputs].
func (c *Call) RequestInput(ctx context.Context, key, method string, params any) (answer, pending json.RawMessage, err error) {
	answers, pending, err := c.RequestInputs(ctx, map[string]InputRequest{key: {method, params}})
	return answers[key], pending, err
}

// RequestInputs sends the client several requests, as the server's era specifies. A legacy client
// receives them on the call's stream, which requires [Server.SSE]; if it responds with an error,
// err is a *[Error]. For a modern client, the first execution gets a non-nil pending result. The
// tool must return this result immediately. The client's retry runs the tool again. In that
// execution, RequestInputs returns the answers to the same requests.
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

// readState decodes a requestState. ours is false if the tool created the state without
// RequestInputs.
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

// recall returns all answers so far: those in the state and those in this request. On its first
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

var (
	errNoStream  = errors.New("the reply is JSON: no stream for a server request")
	errNoSession = errors.New("no session")
	errCancelled = errors.New("the server request was cancelled")
)

// pendingRequest is a server request that waits for its response.
type pendingRequest struct {
	reply chan *Message // has room for the response; closed when the request is cancelled
	st    *stream
}

// SendRequest sends the client a request on the call's stream and waits for the response.
func (c *Call) SendRequest(ctx context.Context, method string, params any) (*Message, error) {
	if c.st == nil {
		return nil, errNoStream
	}
	return c.s.sendRequest(ctx, c.st, method, params)
}

// Begin sends the client a request on the call's stream and does not wait. The channel receives the
// response; CancelRequest closes it without one. If the reply is JSON, there is no stream: id is
// nil and the channel is closed.
func (c *Call) Begin(method string, params any) (id json.RawMessage, answer <-chan *Message) {
	if c.st == nil {
		return nil, closedAnswer()
	}
	return c.s.begin(c.st, method, params)
}

// CancelRequest cancels a request of [Call.Begin] with notifications/cancelled on the call's
// stream. A response that arrives afterwards is a violation, so the test must ensure that the
// client has not responded yet. CancelRequest sends the notification even if no request with this
// id is pending.
func (c *Call) CancelRequest(id json.RawMessage) {
	c.s.forget(id)
	c.Notify("notifications/cancelled", cancellation(id))
}

// SendRequest sends a request on the shared stream of an arbitrary session and waits for the
// response.
func (s *Server) SendRequest(method string, params any) (*Message, error) {
	shared := s.anyShared()
	if shared == nil {
		return nil, errNoSession
	}
	return s.sendRequest(s.ctx, shared, method, params)
}

// Begin sends a request on the shared stream of an arbitrary session and does not wait; see
// [Call.Begin].
func (s *Server) Begin(method string, params any) (id json.RawMessage, answer <-chan *Message) {
	shared := s.anyShared()
	if shared == nil {
		return nil, closedAnswer()
	}
	return s.begin(shared, method, params)
}

// CancelRequest cancels a request of [Server.Begin] on the stream that carried the request; see
// [Call.CancelRequest]. It does nothing if the request is not pending.
func (s *Server) CancelRequest(id json.RawMessage) {
	if st := s.forget(id); st != nil {
		st.append(Notification("notifications/cancelled", cancellation(id)))
	}
}

func cancellation(id json.RawMessage) map[string]any {
	return map[string]any{"requestId": orNull(id), "reason": "cancelled by the server"}
}

func closedAnswer() <-chan *Message {
	answer := make(chan *Message)
	close(answer)
	return answer
}

func (s *Server) anyShared() (shared *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.sessions {
		shared = sess.shared
	}
	return shared
}

func (s *Server) sendRequest(ctx context.Context, st *stream, method string, params any) (*Message, error) {
	id, answer := s.begin(st, method, params)
	return s.await(ctx, id, answer)
}

func (s *Server) begin(st *stream, method string, params any) (json.RawMessage, <-chan *Message) {
	reply := make(chan *Message, 1)
	s.mu.Lock()
	s.requested++
	id := encode(fmt.Sprintf("ask-%d", s.requested))
	s.waiting[string(id)] = pendingRequest{reply, st}
	s.mu.Unlock()
	message := map[string]any{"jsonrpc": "2.0", "id": json.RawMessage(id), "method": method}
	if params != nil {
		message["params"] = params
	}
	st.append(encode(message))
	return id, reply
}

// await waits for the response to a server request. If ctx ends first, it forgets the request.
func (s *Server) await(ctx context.Context, id json.RawMessage, answer <-chan *Message) (*Message, error) {
	select {
	case m, ok := <-answer:
		if !ok {
			return nil, errCancelled
		}
		return m, nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, string(id))
		return nil, context.Cause(ctx)
	}
}

// forget removes a pending request and returns the stream that carried it. It returns nil if no
// request with this id is pending.
func (s *Server) forget(id json.RawMessage) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, open := s.waiting[string(id)]
	if !open {
		return nil
	}
	delete(s.waiting, string(id))
	close(q.reply)
	return q.st
}

// deliverResponse passes a response of the client to the goroutine that waits for it.
func (s *Server) deliverResponse(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, open := s.waiting[string(m.ID)]
	if !open {
		s.broken = append(s.broken, "a response with the id "+string(m.ID)+" of no pending request")
		return
	}
	delete(s.waiting, string(m.ID))
	q.reply <- m
}
