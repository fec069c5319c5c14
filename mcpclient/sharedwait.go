package mcpclient

import (
	"context"
	"errors"
	"time"
)

// sharedWait is how long calls wait for the shared stream, once a generation. Opening it takes a
// round trip, unless a proxy holds back the header of a stream until the first event.
const sharedWait = 2 * time.Second

var errNoSharedStream = errors.New("the shared stream was not open yet")

// awaitShared has a call to a legacy server wait until the shared stream was tried in this
// generation, if the server may send a request meanwhile. Some servers send requests on that
// stream, and lose those that they send before it is open: the call would wait in vain.
func (s *Session) awaitShared(c *call) error {
	state, shared := c.state, &s.shared
	if state.modern() || shared.tried.Load() >= state.generation || !s.opts.Handlers.answerRequests() || !c.mayAsk() {
		return nil
	}
	ctx, cancel := c.bounded()
	defer cancel()
	timer := time.NewTimer(sharedWait)
	defer timer.Stop()
	for {
		_, changed := shared.look()
		if s.now.Load() != state || shared.tried.Load() >= state.generation {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			shared.setTried(state.generation)
		case <-ctx.Done():
			return withCause(notSent(errNoSharedStream), context.Cause(ctx))
		case <-s.root.Done():
			return withCause(notSent(errNoSharedStream), ErrClosed)
		}
	}
}

// mayAsk reports whether the server may send a request before it answers. It does not for a list, a
// ping and similar requests.
func (c *call) mayAsk() bool {
	return !c.tryBound || c.msg.method == methodGetPrompt || c.msg.method == methodReadResource
}
