package mcpclient

import (
	"context"
	"errors"
	"time"
)

// sharedWait bounds how long calls wait for the shared stream, once per generation. Opening the
// stream usually takes one round trip, but a proxy may hold back its header until the first event.
const sharedWait = 2 * time.Second

var errNoSharedStream = errors.New("the shared stream was not open yet")

// awaitShared makes a call to a legacy server wait until the session has tried to open the shared
// stream in this generation, if the server may send a request during the call. Some servers send
// such requests on the shared stream and lose them if it is not open yet. The call would then never
// be answered.
func (s *Session) awaitShared(c *call) error {
	state, shared := c.state, &s.shared
	if state.modern() || shared.tried.Load() >= state.generation || !s.opts.Handlers.answerRequests() || !c.mayCauseRequests() {
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

// mayCauseRequests reports whether the server may send requests before it answers the call. It does
// so for tool calls, prompts and resources, not for lists or pings.
func (c *call) mayCauseRequests() bool {
	return !c.tryBound || c.msg.method == methodGetPrompt || c.msg.method == methodReadResource
}
