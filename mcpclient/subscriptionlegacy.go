package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/transport"
)

// errNoStream is the error for a legacy server without a shared stream.
var errNoStream = errors.New("the server has no stream for notifications")

// runLegacy receives the events of the shared stream. It returns nil if the session state has
// changed.
func (l *Subscription) runLegacy() *ListenError {
	shared, state := &l.s.shared, l.state
	shared.join(l.s, l)
	var (
		late       <-chan time.Time // fires if the server takes too long to agree for the first time
		limit      = l.s.opts.Timeouts.Try
		honored    Filter
		subscribed bool
		losses     int // the value of sharedStatus.losses when the server agreed
	)
	defer func() { l.unsubscribe(state, honored.Resources) }()
	if !l.opened && limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	for {
		st, changed := shared.look()
		switch {
		case l.ctx.Err() != nil:
			return l.closed()
		case l.s.now.Load() != state:
			return nil
		case st.over != nil && l.opened:
			return &ListenError{EndRefused, st.over}
		case st.over != nil:
			return &ListenError{EndRefused, fmt.Errorf("%w: %w", errNoStream, st.over)}
		case !l.opened && !st.open && permanent(st.failed):
			return neverStarted(st.failed)
		case subscribed && l.opts.once && st.losses > losses:
			return &ListenError{EndLost, st.lost}
		case st.open && !subscribed:
			agreed, err := l.subscribe(state)
			if err == nil {
				honored, subscribed, losses = agreed, true, st.losses
				l.agreed(honored)
			} else if l.s.now.Load() != state {
				continue
			} else if end := l.refused(err); end != nil {
				return end
			} else if l.s.sleep(l.ctx, l.pace.next(false, 0, 0, false)) != nil {
				return l.closed()
			}
			continue
		}
		select {
		case <-changed:
		case <-l.ctx.Done():
		case <-late:
			if !l.opened {
				return &ListenError{EndLost, &TimeoutError{What: TimeoutTry, After: limit}}
			}
		}
	}
}

// refused returns the ListenError if err, from resources/subscribe, ends the subscription. It
// returns nil if the subscription continues.
func (l *Subscription) refused(err error) *ListenError {
	switch {
	case l.ctx.Err() != nil, l.s.root.Err() != nil:
		return l.closed()
	case !retryable(err):
		return &ListenError{EndRefused, err}
	case !l.opened:
		return neverStarted(err)
	}
	return nil // the server agreed before, so keep trying until it refuses
}

// subscribe subscribes to the part of the filter that a legacy server supports, and returns that
// part.
func (l *Subscription) subscribe(state *sessionState) (Filter, error) {
	honored := l.wants.offered(&state.capabilities)
	if honored.empty() {
		return honored, errNothingHonored
	}
	for i, uri := range honored.Resources {
		if err := l.s.subscribed.add(l.ctx, l.s, state, uri); err != nil {
			l.unsubscribe(state, honored.Resources[:i+1])
			return honored, err
		}
	}
	return honored, nil
}

// unsubscribe ends subscriptions to resources in the background.
func (l *Subscription) unsubscribe(state *sessionState, uris []string) {
	if len(uris) == 0 {
		return
	}
	l.s.owned.start(func() {
		ctx, cancel := context.WithTimeoutCause(l.s.root, cancelTimeout, &TimeoutError{What: TimeoutTotal, After: cancelTimeout})
		defer cancel()
		for _, uri := range uris {
			if err := l.s.subscribed.drop(ctx, l.s, state, uri); err != nil {
				l.s.log.Debug("unsubscribe from a resource failed", "error", brief(err))
			}
		}
	})
}

// subscribedResources are the resources that a legacy session is subscribed to. Each is subscribed
// to once, however many subscriptions use it.
type subscribedResources struct {
	mu  sync.Mutex
	uri map[string]*subscribedResource // guarded by mu
}

type subscribedResource struct {
	wanted     int           // guarded by subscribedResources.mu: how many adds have not been undone by drop
	slot       chan struct{} // full while a goroutine subscribes or unsubscribes
	generation uint64        // guarded by slot: the generation in which the server agreed; 0: none
	uncertain  uint64        // guarded by slot: the generation in which the server's answer was lost
}

// add subscribes to a resource, unless the session is already subscribed. The caller must call drop
// even if add fails: the request may have reached the server, or a concurrent drop may have left
// the unsubscribing to this caller.
func (t *subscribedResources) add(ctx context.Context, s *Session, state *sessionState, uri string) error {
	t.mu.Lock()
	r := t.uri[uri]
	if r == nil {
		if t.uri == nil {
			t.uri = make(map[string]*subscribedResource)
		}
		r = &subscribedResource{slot: make(chan struct{}, 1)}
		t.uri[uri] = r
	}
	r.wanted++
	t.mu.Unlock()
	return r.talk(ctx, func() error {
		if r.generation == state.generation {
			return nil
		}
		c := s.newQuery(ctx, message{method: methodSubscribe, params: wire.URIParams(uri)}, &wire.Empty{}, []CallOption{bySession})
		err := c.do()
		switch {
		case err == nil:
			r.generation, r.uncertain = c.state.generation, 0
		case verdict.StageOf(err) == transport.MaybeSent:
			r.uncertain = state.generation
		}
		return err
	})
}

// drop undoes one add. The last drop unsubscribes. Its add counts until the server has answered the
// unsubscribe request, so that no concurrent add creates a second entry for the resource.
func (t *subscribedResources) drop(ctx context.Context, s *Session, state *sessionState, uri string) error {
	t.mu.Lock()
	r := t.uri[uri]
	t.mu.Unlock()
	left := false
	err := r.talk(ctx, func() error {
		if left = t.leave(r); left || (r.generation != state.generation && r.uncertain != state.generation) || s.now.Load() != state {
			return nil
		}
		r.generation, r.uncertain = 0, 0
		msg := message{method: methodUnsubscribe, params: wire.URIParams(uri)}
		return s.newStateRequest(ctx, state, msg, &wire.Empty{}).do(s.opts.Retry)
	})
	if !left {
		t.release(uri, r)
	}
	return err
}

// leave undoes one add, unless only one is left. The caller holds the slot, so exactly one of
// several concurrent drops finds that its add is the last.
func (t *subscribedResources) leave(r *subscribedResource) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.wanted == 1 {
		return false
	}
	r.wanted--
	return true
}

// release undoes one add and removes the entry of the resource if no adds are left.
func (t *subscribedResources) release(uri string, r *subscribedResource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.wanted--; r.wanted == 0 {
		delete(t.uri, uri)
	}
}

// talk runs f while it holds the slot: no other goroutine can subscribe to the resource or
// unsubscribe from it meanwhile.
func (r *subscribedResource) talk(ctx context.Context, f func() error) error {
	select {
	case r.slot <- struct{}{}:
	case <-ctx.Done():
		return notSent(context.Cause(ctx))
	}
	defer func() { <-r.slot }()
	return f()
}
