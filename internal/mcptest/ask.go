package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

var (
	errNoStream  = errors.New("the answer is JSON: nothing can be asked")
	errNoSession = errors.New("no session")
	errTakenBack = errors.New("the question was taken back")
)

// question is a request to the client that waits for its answer.
type question struct {
	reply chan *Message // has room for the answer; closed when the question is taken back
	st    *stream
}

// Ask sends the client a request on the call's stream and waits for the answer.
func (c *Call) Ask(ctx context.Context, method string, params any) (*Message, error) {
	if c.st == nil {
		return nil, errNoStream
	}
	return c.s.ask(ctx, c.st, method, params)
}

// Begin sends the client a request on the call's stream and does not wait: the
// answer comes on the channel, which is closed without one if the question is
// taken back by CancelAsk. Without a stream there is no id and no answer.
func (c *Call) Begin(method string, params any) (id json.RawMessage, answer <-chan *Message) {
	if c.st == nil {
		return nil, closedAnswer()
	}
	return c.s.begin(c.st, method, params)
}

// CancelAsk takes a question back: notifications/cancelled on the call's
// stream. An answer that comes after that is a violation, so a test makes sure
// that the client did not answer yet. The id of no open question is sent all the same.
func (c *Call) CancelAsk(id json.RawMessage) {
	c.s.takeBack(id)
	c.Tell("notifications/cancelled", takenBack(id))
}

// Ask sends a request on a standing stream, of any session, and waits for the answer.
func (s *Server) Ask(method string, params any) (*Message, error) {
	standing := s.anyStanding()
	if standing == nil {
		return nil, errNoSession
	}
	return s.ask(s.ctx, standing, method, params)
}

// Begin sends a request on a standing stream and does not wait; see [Call.Begin].
func (s *Server) Begin(method string, params any) (id json.RawMessage, answer <-chan *Message) {
	standing := s.anyStanding()
	if standing == nil {
		return nil, closedAnswer()
	}
	return s.begin(standing, method, params)
}

// CancelAsk takes a question of [Server.Begin] back, on the stream on which it
// was asked; see [Call.CancelAsk]. It does nothing if the question is not open.
func (s *Server) CancelAsk(id json.RawMessage) {
	if st := s.takeBack(id); st != nil {
		st.append(Notification("notifications/cancelled", takenBack(id)))
	}
}

func takenBack(id json.RawMessage) map[string]any {
	return map[string]any{"requestId": orNull(id), "reason": "taken back"}
}

func closedAnswer() <-chan *Message {
	answer := make(chan *Message)
	close(answer)
	return answer
}

func (s *Server) anyStanding() (standing *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.sessions {
		standing = sess.standing
	}
	return standing
}

func (s *Server) ask(ctx context.Context, st *stream, method string, params any) (*Message, error) {
	id, answer := s.begin(st, method, params)
	return s.await(ctx, id, answer)
}

func (s *Server) begin(st *stream, method string, params any) (json.RawMessage, <-chan *Message) {
	reply := make(chan *Message, 1)
	s.mu.Lock()
	s.asked++
	id := encode(fmt.Sprintf("ask-%d", s.asked))
	s.waiting[string(id)] = question{reply, st}
	s.mu.Unlock()
	message := map[string]any{"jsonrpc": "2.0", "id": json.RawMessage(id), "method": method}
	if params != nil {
		message["params"] = params
	}
	st.append(encode(message))
	return id, reply
}

// await waits for the answer to a question, which is forgotten if ctx ends first.
func (s *Server) await(ctx context.Context, id json.RawMessage, answer <-chan *Message) (*Message, error) {
	select {
	case m, ok := <-answer:
		if !ok {
			return nil, errTakenBack
		}
		return m, nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, string(id))
		return nil, context.Cause(ctx)
	}
}

// takeBack forgets a question and returns the stream on which it was asked; nil if it is not open.
func (s *Server) takeBack(id json.RawMessage) *stream {
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

// deliverResponse hands an answer of the client to whoever asked.
func (s *Server) deliverResponse(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, open := s.waiting[string(m.ID)]
	if !open {
		s.broken = append(s.broken, "an answer to "+string(m.ID)+", which nobody asked")
		return
	}
	delete(s.waiting, string(m.ID))
	q.reply <- m
}
