package mcpclient

import (
	"context"
	"sync"
	"time"
)

// The rate of answers that no handler gives: answers to pings, and refusals. Each
// is a POST of about 50 µs of CPU, so the rate costs 0.2 % of a core. Keep-alive
// pings come every few seconds: a hundred streams with a ping every 4 s stay below it.
const (
	answerBurst    = 64
	answerInterval = time.Second / 32
	// answerDelay is the longest wait of an answer for its turn. One that would wait
	// longer is dropped.
	answerDelay = 6 * time.Second
	// maxAnswers bounds the answers that wait or are being sent, to a server that does not take them.
	maxAnswers = 256
)

// answers paces what is answered without a handler, in all streams of a session.
// An answer waits for its turn; the stream does not. So a server that waits for each
// answer is slowed down, and a flood beyond the rate is dropped.
type answers struct {
	slots slots // POSTs at once

	mu      sync.Mutex
	full    time.Duration // guarded by mu: when the whole burst is there again, on the watch's clock
	pending int           // guarded by mu
	dropped bool          // guarded by mu: something was, which was logged
}

// reserve gives an answer its turn, after a wait; ok is false if it is dropped,
// first true the first time that happens. An answer with a turn ends with done.
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

// serveNow posts an answer that no handler has to give, when its turn comes. Body
// makes the message. The stream goes on meanwhile, and the answer outlives it.
func (s *Session) serveNow(stream context.Context, state *sessionState, method string, body func() []byte) error {
	a := &s.answers
	wait, ok, first := a.reserve(s.watch.now())
	if !ok {
		if first {
			s.log.Warn("the server sends pings, or requests that are refused, too fast: not all are answered",
				"method", method[:min(len(method), maxAskedMethod)])
		}
		return nil
	}
	message := body()
	if !s.owned.start(func() {
		defer a.done()
		if wait > 0 && s.sleep(s.root, wait) != nil {
			return
		}
		if a.slots.take(s.root, s.root) != nil {
			return
		}
		defer a.slots.give()
		s.post(stream, state, method, message)
	}) {
		a.done()
		return ErrClosed
	}
	return nil
}
