package mcpclient

import (
	"context"
	"errors"
	"math"
	"time"
)

// standingWait is how long calls wait for the standing stream, once a generation. It
// takes a round trip, unless something on the way holds back the header of a
// stream until there is something on it.
const standingWait = 2 * time.Second

var errNotStanding = errors.New("the standing stream was not there yet")

// awaitStanding has a call during which a legacy server may ask something wait
// until the standing stream was tried in this generation. Servers ask there, too, and
// what they ask before the stream is open is lost: the call would wait in vain.
func (s *Session) awaitStanding(c *call) error {
	state, side := c.state, &s.side
	if state.modern() || side.tried.Load() >= state.generation || !s.opts.Handlers.asks() || !c.mayAsk() {
		return nil
	}
	ctx, cancel := c.bounded()
	defer cancel()
	timer := time.NewTimer(standingWait)
	defer timer.Stop()
	for {
		st, changed := side.look()
		if st.generation > state.generation || side.tried.Load() >= state.generation {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			side.try(state.generation)
		case <-ctx.Done():
			return withCause(notSent(errNotStanding), context.Cause(ctx))
		case <-s.root.Done():
			return withCause(notSent(errNotStanding), ErrClosed)
		}
	}
}

// mayAsk reports whether the server may want to ask something before it answers:
// a list, a ping and the like need nobody.
func (c *call) mayAsk() bool {
	return !c.tryBound || c.msg.method == methodGetPrompt || c.msg.method == methodReadResource
}

// everyGeneration is for a stream that need not be waited for any more.
const everyGeneration = math.MaxUint64

// try notes that the standing GET had an outcome in a generation: opened, lost or refused.
func (d *sideStream) try(generation uint64) {
	for {
		old := d.tried.Load()
		if old >= generation || d.tried.CompareAndSwap(old, generation) {
			return
		}
	}
}
