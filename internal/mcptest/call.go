package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ToolFunc is what a tool does. Its context ends with the server, when a legacy
// client cancels the call by notifications/cancelled, and when a modern client
// closes the stream. A *[Error] is answered as it is.
type ToolFunc func(ctx context.Context, c *Call) (result json.RawMessage, err error)

// Call is one execution of a tool. What it tells the client on the way gets
// there only if the server answers by event streams.
type Call struct {
	Name      string
	Arguments json.RawMessage
	ID        json.RawMessage
	Meta      map[string]json.RawMessage
	Header    http.Header

	s  *Server
	st *stream // nil when the answer is JSON
}

// Progress sends a notification of progress, if the client asked for it.
func (c *Call) Progress(progress, total float64, message string) {
	token := c.Meta["progressToken"]
	if token == nil {
		return
	}
	c.Tell("notifications/progress", map[string]any{"progressToken": token, "progress": progress, "total": total, "message": message})
}

// Log sends a log message.
func (c *Call) Log(level string, data any) {
	c.Tell("notifications/message", map[string]any{"level": level, "logger": c.Name, "data": data})
}

// Tell sends a notification on the call's stream.
func (c *Call) Tell(method string, params any) {
	if c.st != nil {
		c.st.append(Notification(method, params))
	}
}

// Raw puts text on the call's stream as it is: one event, with its blank line.
func (c *Call) Raw(text string) {
	if c.st != nil {
		c.st.raw(text)
	}
}

// Cut ends the connection of the call's stream, by an abort or in good order. The tool goes on.
func (c *Call) Cut(abort bool) {
	if c.st != nil {
		c.st.cut(abort)
	}
}

// Ask sends the client a request on the call's stream and waits for the answer.
func (c *Call) Ask(ctx context.Context, method string, params any) (*Message, error) {
	if c.st == nil {
		return nil, errors.New("the answer is JSON: nothing can be asked")
	}
	return c.s.ask(ctx, c.st, method, params)
}

func (s *Server) ask(ctx context.Context, st *stream, method string, params any) (*Message, error) {
	s.mu.Lock()
	s.asked++
	id := encode(fmt.Sprintf("ask-%d", s.asked))
	reply := make(chan *Message, 1)
	s.waiting[string(id)] = reply
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, string(id))
	}()
	message := map[string]any{"jsonrpc": "2.0", "id": json.RawMessage(id), "method": method}
	if params != nil {
		message["params"] = params
	}
	st.append(encode(message))
	select {
	case m := <-reply:
		return m, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// deliverResponse hands an answer of the client to whoever asked.
func (s *Server) deliverResponse(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply := s.waiting[string(m.ID)]
	if reply == nil {
		s.broken = append(s.broken, "an answer to "+string(m.ID)+", which nobody asked")
		return
	}
	delete(s.waiting, string(m.ID))
	reply <- m
}

// callTool runs a tool: in the handler when the answer is JSON, else beside it,
// so that the stream can be cut while the tool goes on.
func (s *Server) callTool(w http.ResponseWriter, r *http.Request, sess *session, m *Message) {
	c := &Call{ID: m.ID, Header: r.Header, s: s}
	var params struct {
		Name      string                     `json:"name"`
		Arguments json.RawMessage            `json:"arguments"`
		Meta      map[string]json.RawMessage `json:"_meta"`
	}
	if err := json.Unmarshal(m.Params, &params); err != nil || !strings.HasPrefix(string(params.Arguments), "{") {
		s.answer(w, r, sess, m.ID, nil, &Error{Code: CodeInvalidParams, Message: "params"})
		return
	}
	c.Name, c.Arguments, c.Meta = params.Name, params.Arguments, params.Meta
	t := s.tool(c.Name)
	if t == nil {
		s.answer(w, r, sess, m.ID, nil, &Error{Code: CodeInvalidParams, Message: "no such tool"})
		return
	}
	s.mu.Lock()
	s.ran[c.Name]++
	s.mu.Unlock()
	ctx, cancel := s.callContext(r, sess, m)
	if !s.SSE {
		defer cancel()
		result, err := s.run(ctx, t, c)
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
		result, err := s.run(ctx, t, c)
		if err != nil {
			c.st.append(ErrorResponse(m.ID, err))
		} else {
			c.st.append(Result(m.ID, result))
		}
		c.st.finish()
	}()
	c.st.follow(w, r, 0)
}

// callContext is what a tool runs under; see ToolFunc.
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

func (s *Server) run(ctx context.Context, t *Tool, c *Call) (json.RawMessage, *Error) {
	result, err := Text(string(c.Arguments)), error(nil)
	if t.Run != nil {
		result, err = t.Run(ctx, c)
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Code: CodeInternal, Message: err.Error()}
		}
		return nil, e
	}
	if s.Era == Modern {
		result = withResultType(result)
	}
	return result, nil
}

// withResultType adds what every modern result has, unless it is there.
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
