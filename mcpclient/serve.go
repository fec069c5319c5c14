package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// answerTimeout bounds the sending of one answer.
const answerTimeout = 30 * time.Second

// maxAskedID and maxAskedMethod bound what of a request is sent back.
const (
	maxAskedID     = 256
	maxAskedMethod = 64
)

// errTakenBack ends the context of a handler whose question the server took back.
var errTakenBack = errors.New("the server took its question back")

// serve answers a request that a legacy server sent on a stream, on a goroutine
// of its own, so that the stream goes on. When all slots for handlers are taken the
// stream waits: that holds up the server that asks so much, nobody else. On is the call that the stream
// belongs to, nil for the standing one.
func (s *Session) serve(stream context.Context, on *call, state *sessionState, method string, id, params []byte) error {
	if len(id) > maxAskedID {
		return nil // no peer that means well has such an id: not worth an answer
	}
	id = append([]byte(nil), id...)
	if method == methodPing {
		return s.serveNow(stream, state, method, func() []byte { return jsonrpc.AppendResult(nil, id, []byte("{}")) })
	}
	ask, err := s.prepare(method, append(json.RawMessage(nil), params...), state.version)
	if on != nil && on.on != nil {
		err = errTooEarly
	}
	if err != nil {
		return s.serveNow(stream, state, method, func() []byte { return refuse(id, err) })
	}
	startClocks := s.stopClocks(on)
	own := s.slotsFor(stream)
	if err := own.take(stream, s.root); err != nil {
		startClocks()
		return err
	}
	ctx, cancel := handlerContext(stream)
	key := questionKey{state.generation, string(id)}
	if !s.questions.add(key, cancel) {
		startClocks()
		cancel(nil)
		own.give()
		return nil
	}
	stop := context.AfterFunc(ctx, startClocks) // a handler that goes on after its question is moot stops no clock
	end := func() {
		s.questions.remove(key)
		stop()
		startClocks()
		cancel(nil)
		own.give()
	}
	if !s.owned.start(func() {
		defer end()
		s.put(ctx, ask, func(answer json.RawMessage, err error) {
			startClocks()
			s.reply(ctx, state, method, id, answer, err)
		})
	}) {
		end()
		return ErrClosed
	}
	return nil
}

// stopClocks stops the clocks of whoever waits for the question.
func (s *Session) stopClocks(on *call) (start func()) {
	if on == nil {
		return s.watch.PauseAll()
	}
	return s.watch.Pause(&on.watched)
}

// reply posts what came of a question, unless nobody waits for it any more.
func (s *Session) reply(ctx context.Context, state *sessionState, method string, id []byte, answer json.RawMessage, err error) {
	if ctx.Err() != nil {
		s.log.Debug("question without an answer: nobody waits for it any more", "method", method)
		return
	}
	body := refuse(id, err)
	if err == nil {
		body = jsonrpc.AppendResult(make([]byte, 0, len(answer)+len(id)+40), id, answer)
	} else {
		s.log.Warn("question of the server not answered", "method", method, "error", brief(err))
	}
	s.post(ctx, state, method, body)
}

// codeRejected is what a person's "no" to sampling is (2025-11-25, "Sampling", "Error Handling").
const codeRejected = -1

// refuse is the response to a question that has no answer. What a handler says
// stays here: it may tell more of this side than a server should know.
func refuse(id []byte, err error) []byte {
	out := jsonrpc.Error{Code: CodeInternal, Message: "the client could not answer"}
	var no *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &no):
		out.Code, out.Message = no.code, no.reason
	case errors.Is(err, ErrRejected):
		out.Code, out.Message = codeRejected, "User rejected the request"
	}
	return jsonrpc.AppendError(nil, id, &out)
}

// post sends the response to one request of the server, with the values of the
// context that the request came with. It may outlive that.
func (s *Session) post(stream context.Context, state *sessionState, method string, body []byte) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(stream), answerTimeout, &TimeoutError{What: TimeoutTotal, After: answerTimeout})
	defer cancel()
	stop := context.AfterFunc(s.root, cancel)
	defer stop()
	c := &call{ctx: ctx, on: state, method: method, notify: true, tryBound: true, response: body, callOptions: s.newCallOptions(nil)}
	if err := s.do(c); err != nil {
		s.log.Debug("answer to the server not delivered", "method", method, "error", brief(err))
	}
}
