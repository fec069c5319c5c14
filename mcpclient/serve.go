package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// answerTimeout bounds the sending of one response to the server.
const answerTimeout = 30 * time.Second

// maxRequestID and maxRequestMethod bound the parts of a server request that a response repeats, in
// bytes.
const (
	maxRequestID     = 256
	maxRequestMethod = 64
)

// errRequestCancelled ends the context of a handler whose request the server cancelled.
var errRequestCancelled = errors.New("the server cancelled its request")

// serve handles a request that a legacy server sent on a stream. It runs the handler on another
// goroutine, so that the stream continues. When all slots are taken, the stream waits for one.
// timers belong to the call that the stream carries; they are nil for the shared stream.
func (s *Session) serve(stream context.Context, timers *watched, state *sessionState, method string, id, params []byte) error {
	if len(id) > maxRequestID {
		return nil // no honest server sends an ID of this length
	}
	id = append([]byte(nil), id...)
	if method == methodPing {
		return s.serveNow(stream, state, method, jsonrpc.AppendResult(nil, id, []byte("{}")))
	}
	answer, err := s.prepare(method, append(json.RawMessage(nil), params...), state.version)
	if err != nil {
		return s.serveNow(stream, state, method, refuse(id, err))
	}
	resume := s.pauseTimers(timers)
	own := s.slotsFor(stream)
	if err := own.take(stream, s.root); err != nil {
		resume()
		return err
	}
	ctx, cancel := handlerContext(stream)
	key := requestKey{state.generation, string(id)}
	if !s.pending.add(key, cancel) {
		resume()
		cancel(nil)
		own.give()
		return nil
	}
	stop := context.AfterFunc(ctx, resume) // a handler that continues after its request has ended must not pause timers
	end := func() {
		s.pending.remove(key)
		stop()
		resume()
		cancel(nil)
		own.give()
	}
	if !s.owned.start(func() {
		defer end()
		s.handle(ctx, answer, func(answer json.RawMessage, err error) {
			resume()
			s.reply(ctx, state, method, id, answer, err)
		})
	}) {
		end()
		return ErrClosed
	}
	return nil
}

// serveEarly handles a server request on the stream of a request that the session itself makes,
// such as initialize. It runs no handlers, because a handler may call the session, and there may be
// none yet.
func (s *Session) serveEarly(stream context.Context, state *sessionState, method string, id []byte) error {
	switch {
	case len(id) > maxRequestID:
		return nil
	case method == methodPing:
		return s.serveNow(stream, state, method, jsonrpc.AppendResult(nil, id, []byte("{}")))
	}
	return s.serveNow(stream, state, method, refuse(id, errTooEarly))
}

// pauseTimers pauses the timers of one call, or those of all exchanges if timers is nil, while a
// server request is handled. Call resume to restart them.
func (s *Session) pauseTimers(timers *watched) (resume func()) {
	if timers == nil {
		return s.watch.PauseAll()
	}
	return s.watch.Pause(timers)
}

// reply posts the response to a server request, unless the request has ended.
func (s *Session) reply(ctx context.Context, state *sessionState, method string, id []byte, answer json.RawMessage, err error) {
	if ctx.Err() != nil {
		s.log.Debug("server request ended before it was answered", "method", method)
		return
	}
	body := refuse(id, err)
	if err == nil {
		body = jsonrpc.AppendResult(make([]byte, 0, len(answer)+len(id)+40), id, answer)
	} else {
		s.log.Warn("server request not answered", "method", method, "error", brief(err))
	}
	s.post(ctx, state, method, body)
}

// codeRejected is the error code for sampling that the user declined (2025-11-25, "Sampling",
// "Error Handling").
const codeRejected = -1

// refuse returns the error response to a server request, or nil if err is nil. It leaves out the
// text of a handler's error, because the server should not see that text.
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

// The rate of responses that need no handler: answers to pings, and refusals. Each is a POST that
// takes about 50 µs of CPU, so the rate uses 0.2 % of a core. A hundred streams with a keep-alive
// ping every 4 s stay below it.
const (
	answerBurst    = 64
	answerInterval = time.Second / 32
	// answerDelay is the longest time that a response may wait. A response that would wait longer
	// is dropped.
	answerDelay = 6 * time.Second
	// maxAnswers bounds how many responses wait or are being sent.
	maxAnswers = 256
)

// answers paces the responses that need no handler, over all streams of a session. A response may
// be delayed, but its stream is not. If requests arrive faster than the rate allows for long, some
// get no response.
type answers struct {
	slots lazySlots // bounds concurrent POSTs

	mu      sync.Mutex
	full    time.Duration // guarded by mu: when the whole burst is available again, in watch time
	pending int           // guarded by mu
	dropped bool          // guarded by mu: a response was dropped and logged
}

// reserve returns how long a response has to wait. If ok is false, the response must be dropped;
// first is true for the first response that is dropped. If ok is true, the caller must call done
// after sending the response.
func (a *answers) reserve(now time.Duration) (wait time.Duration, ok, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	full := max(a.full, now)
	wait = max(full-(answerBurst-1)*answerInterval-now, 0)
	if wait > answerDelay || a.pending >= maxAnswers {
		first = !a.dropped
		a.dropped = true
		return 0, false, first
	}
	a.full = full + answerInterval
	a.pending++
	return wait, true, false
}

func (a *answers) done() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending--
}

// serveNow posts a response that needs no handler, after the wait that the rate requires. The
// stream continues meanwhile. The response is sent even if the stream ends.
func (s *Session) serveNow(stream context.Context, state *sessionState, method string, body []byte) error {
	a := &s.answers
	wait, ok, first := a.reserve(s.watch.now())
	if !ok {
		if first {
			s.log.Warn("some pings or refused requests of the server are not answered: they arrive too fast",
				"method", method[:min(len(method), maxRequestMethod)])
		}
		return nil
	}
	if !s.owned.start(func() {
		defer a.done()
		if wait > 0 && s.sleep(s.root, wait) != nil {
			return
		}
		own := a.slots.get()
		if own.take(s.root, s.root) != nil {
			return
		}
		defer own.give()
		s.post(stream, state, method, body)
	}) {
		a.done()
		return ErrClosed
	}
	return nil
}
