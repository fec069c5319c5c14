package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

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

// SendRequest sends a request on the shared stream of any session and waits for the response.
func (s *Server) SendRequest(method string, params any) (*Message, error) {
	shared := s.anyShared()
	if shared == nil {
		return nil, errNoSession
	}
	return s.sendRequest(s.ctx, shared, method, params)
}

// Begin sends a request on the shared stream of any session and does not wait; see [Call.Begin].
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

// forget removes a pending request and returns the stream that carried it, or nil if it is not
// pending.
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
