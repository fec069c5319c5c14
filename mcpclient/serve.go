package mcpclient

import (
	"context"
	"fmt"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxAsked is how many requests of the server are answered at once.
const maxAsked = 16

// answerTimeout bounds the sending of one answer.
const answerTimeout = 30 * time.Second

// maxAskedID and maxAskedMethod bound what of a request is sent back.
const (
	maxAskedID     = 256
	maxAskedMethod = 64
)

// askedSlots bounds the server's requests that are being answered.
type askedSlots chan struct{}

func newAskedSlots() askedSlots { return make(askedSlots, maxAsked) }

// serve answers a request that a legacy server sent on a stream, on a
// goroutine of its own, so that the stream goes on. When all slots are taken
// the stream waits: that holds up the server that asks so much, nobody else.
func (s *Session) serve(stream context.Context, sn *snapshot, method string, id, _ []byte) error {
	select {
	case s.asked <- struct{}{}:
	case <-stream.Done():
		return context.Cause(stream)
	case <-s.root.Done():
		return ErrClosed
	}
	if len(id) > maxAskedID {
		<-s.asked
		return nil // no peer that means well has such an id: not worth an answer
	}
	id, method = append([]byte(nil), id...), method[:min(len(method), maxAskedMethod)]
	if !s.owned.start(func() {
		defer func() { <-s.asked }()
		s.answer(sn, method, id)
	}) {
		<-s.asked
		return ErrClosed
	}
	return nil
}

// answer posts the response to one request of the server: an empty result to
// ping (2025-11-25, "Ping"), "method not found" to what was never offered.
func (s *Session) answer(sn *snapshot, method string, id []byte) {
	var body []byte
	if method == methodPing {
		body = jsonrpc.AppendResult(nil, id, []byte("{}"))
	} else {
		body = jsonrpc.AppendError(nil, id, &jsonrpc.Error{Code: CodeMethodNotFound, Message: fmt.Sprintf("this client does not support %q", method)})
	}
	ctx, cancel := context.WithTimeoutCause(s.root, answerTimeout, &TimeoutError{What: "total", After: answerTimeout})
	defer cancel()
	c := &call{ctx: ctx, on: sn, method: method, notify: true, tryBound: true, response: body, callOptions: s.newCallOptions(nil)}
	if err := s.do(c); err != nil {
		s.log.Debug("answer to the server not delivered", "method", method, "error", brief(err))
	}
}
