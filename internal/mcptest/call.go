package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// ToolFunc implements a tool, or a scripted prompt or resource. Its context ends when the server
// closes, when a legacy client cancels the call by notifications/cancelled, and when a modern
// client closes the stream. If the error is a *[Error], the server sends it unchanged.
type ToolFunc func(ctx context.Context, c *Call) (result json.RawMessage, err error)

// Call is one execution of a tool, or of a scripted prompt or resource. Its notifications reach the
// client only if the server replies with event streams. Use a Call only on the goroutine that runs
// it.
type Call struct {
	Name      string // of the tool or prompt, or the URI of the resource
	Arguments json.RawMessage
	ID        json.RawMessage
	Meta      map[string]json.RawMessage
	Header    http.Header
	// Inputs are the inputResponses of a modern retry; nil if absent.
	Inputs map[string]json.RawMessage
	// State is the requestState of a modern retry, byte for byte; nil if absent.
	State json.RawMessage

	s      *Server
	st     *stream // nil if the reply is JSON
	method string
	round  *round // see RequestInputs
}

// Progress sends a progress notification if the client has sent a progress token.
func (c *Call) Progress(progress, total float64, message string) {
	token := c.Meta["progressToken"]
	if token == nil {
		return
	}
	c.Notify("notifications/progress", map[string]any{"progressToken": token, "progress": progress, "total": total, "message": message})
}

// Log sends a log message.
func (c *Call) Log(level string, data any) {
	c.Notify("notifications/message", map[string]any{"level": level, "logger": c.Name, "data": data})
}

// Notify sends a notification on the call's stream.
func (c *Call) Notify(method string, params any) {
	if c.st != nil {
		c.st.append(Notification(method, params))
	}
}

// Raw writes text on the call's stream unchanged: one event, including its blank line.
func (c *Call) Raw(text string) {
	if c.st != nil {
		c.st.raw(text)
	}
}

// Cut ends the connection of the call's stream. It aborts the connection if abort is true;
// otherwise it closes the connection cleanly. The tool continues.
func (c *Call) Cut(abort bool) {
	if c.st != nil {
		c.st.cut(abort)
	}
}

// callTool runs a tool.
func (s *Server) callTool(w http.ResponseWriter, r *http.Request, sess *session, m *Message) {
	c, err := s.newCall(r, m)
	if err != nil || !isObject(c.Arguments) {
		s.answer(w, r, sess, m.ID, nil, &Error{Code: CodeInvalidParams, Message: "params"})
		return
	}
	t := s.tool(c.Name)
	if t == nil {
		s.answer(w, r, sess, m.ID, nil, &Error{Code: CodeInvalidParams, Message: "no such tool"})
		return
	}
	run := t.Run
	if run == nil {
		run = func(_ context.Context, c *Call) (json.RawMessage, error) { return Text(string(c.Arguments)), nil }
	}
	s.execute(w, r, sess, m, c, run)
}

// runScripted answers prompts/get and resources/read for prompts and resources that have a Run
// function. It returns false for all other requests.
func (s *Server) runScripted(w http.ResponseWriter, r *http.Request, sess *session, m *Message) bool {
	if m.Method != "prompts/get" && m.Method != "resources/read" {
		return false
	}
	c, err := s.newCall(r, m)
	if err != nil {
		return false // feature sends the error
	}
	var run ToolFunc
	if m.Method == "prompts/get" {
		run = s.prompt(c.Name).Run
	} else {
		run = s.resource(c.Name).Run
	}
	if run == nil {
		return false
	}
	s.execute(w, r, sess, m, c, run)
	return true
}

// newCall reads the parameters of a request for a tool, prompt or resource.
func (s *Server) newCall(r *http.Request, m *Message) (*Call, error) {
	var params struct {
		Name           string                     `json:"name"`
		URI            string                     `json:"uri"`
		Arguments      json.RawMessage            `json:"arguments"`
		Meta           map[string]json.RawMessage `json:"_meta"`
		InputResponses json.RawMessage            `json:"inputResponses"`
		RequestState   json.RawMessage            `json:"requestState"`
	}
	if err := json.Unmarshal(m.Params, &params); err != nil {
		return nil, err
	}
	c := &Call{
		Name: params.Name, Arguments: params.Arguments, ID: m.ID, Meta: params.Meta, Header: r.Header,
		State: params.RequestState, s: s, method: m.Method,
	}
	if m.Method == "resources/read" {
		c.Name = params.URI
	}
	if params.InputResponses != nil {
		_ = json.Unmarshal(params.InputResponses, &c.Inputs) // an invalid value is reported as a violation elsewhere
	}
	return c, nil
}

// execute runs the function that answers a request. If the reply is JSON, the function runs on the
// handler's goroutine. Otherwise it runs on a separate goroutine, so the stream can be cut while
// the function continues.
func (s *Server) execute(w http.ResponseWriter, r *http.Request, sess *session, m *Message, c *Call, run ToolFunc) {
	s.mu.Lock()
	s.ran[c.Name]++
	s.mu.Unlock()
	ctx, cancel := s.callContext(r, sess, m)
	if !s.SSE {
		defer cancel()
		result, err := s.run(ctx, run, c)
		s.answer(w, r, sess, m.ID, result, err)
		return
	}
	c.st = s.newStream(sess)
	c.st.start()
	if !s.enter() {
		cancel()
		return
	}
	go func() {
		defer s.wg.Done()
		defer cancel()
		result, err := s.run(ctx, run, c)
		c.st.append(response(m.ID, result, err))
		c.st.finish()
	}()
	c.st.follow(w, r, 0)
}

// callContext returns the context of a tool; see ToolFunc.
func (s *Server) callContext(r *http.Request, sess *session, m *Message) (context.Context, context.CancelFunc) {
	if sess == nil {
		ctx, cancel := context.WithCancel(r.Context())
		stop := context.AfterFunc(s.ctx, cancel)
		return ctx, func() { stop(); cancel() }
	}
	ctx, cancel := context.WithCancel(s.ctx)
	sess.mu.Lock()
	sess.calls[string(m.ID)] = cancel
	sess.mu.Unlock()
	return ctx, func() {
		cancel()
		sess.mu.Lock()
		defer sess.mu.Unlock()
		delete(sess.calls, string(m.ID))
	}
}

func (s *Server) run(ctx context.Context, run ToolFunc, c *Call) (json.RawMessage, *Error) {
	result, err := run(ctx, c)
	if err != nil {
		return nil, asError(err)
	}
	if s.Era == Modern {
		result = withResultType(result)
	}
	return result, nil
}

// asError converts err to the JSON-RPC error to send. It returns a *[Error] unchanged.
func asError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: CodeInternal, Message: err.Error()}
	}
	return e
}

// withResultType adds resultType to a modern result that has none.
func withResultType(result json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(result, &members) != nil {
		return result
	}
	if _, there := members["resultType"]; !there {
		members["resultType"] = json.RawMessage(`"complete"`)
	}
	return encode(members)
}
