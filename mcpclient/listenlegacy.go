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

// errNoStream says that a legacy server does not tell anything on its own.
var errNoStream = errors.New("the server has no stream for notifications")

// runLegacy listens on the standing stream of a generation: nil when the session has moved on.
func (l *Subscription) runLegacy(state *sessionState) *ListenError {
	side := &l.s.side
	side.join(l.s, l)
	var (
		pace       pace
		late       <-chan time.Time // when the server has taken too long to agree for the first time
		limit      = l.s.opts.Timeouts.Try
		honored    Filter
		subscribed bool
		losses     int // when the server agreed
	)
	defer func() { l.unsubscribe(state, honored.Resources) }()
	if !l.began && limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	for {
		st, changed := side.look()
		switch {
		case l.ctx.Err() != nil:
			return l.closed()
		case st.generation > state.generation || l.s.now.Load() != state:
			return nil
		case st.over != nil && l.began:
			return &ListenError{EndRefused, st.over}
		case st.over != nil:
			return &ListenError{EndRefused, fmt.Errorf("%w: %w", errNoStream, st.over)}
		case !l.began && !st.open && permanent(st.failed):
			return notBegun(st.failed)
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
			} else if l.s.sleep(l.ctx, pace.next(false, 0, nil)) != nil {
				return l.closed()
			}
			continue
		}
		select {
		case <-changed:
		case <-l.ctx.Done():
		case <-late:
			if !l.began {
				return &ListenError{EndLost, &TimeoutError{What: TimeoutTry, After: limit}}
			}
		}
	}
}

// refused says whether an error of resources/subscribe ends the subscription.
func (l *Subscription) refused(err error) *ListenError {
	switch {
	case l.ctx.Err() != nil, l.s.root.Err() != nil:
		return l.closed()
	case !lost(err):
		return &ListenError{EndRefused, err}
	case !l.began:
		return notBegun(err)
	}
	return nil // it was agreed to before: asked for again until the server says no
}

// subscribe asks a legacy server for what it offers of the filter, and returns that.
func (l *Subscription) subscribe(state *sessionState) (Filter, error) {
	honored, offers := l.wants, &state.capabilities
	honored.ToolsChanged = honored.ToolsChanged && offers.Tools != nil && offers.Tools.ListChanged
	honored.PromptsChanged = honored.PromptsChanged && offers.Prompts != nil && offers.Prompts.ListChanged
	honored.ResourcesChanged = honored.ResourcesChanged && offers.Resources != nil && offers.Resources.ListChanged
	if offers.Resources == nil || !offers.Resources.Subscribe {
		honored.Resources = nil
	}
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

// unsubscribe tells the server, off everybody's path, that its updates are not wanted any more.
func (l *Subscription) unsubscribe(state *sessionState, uris []string) {
	if len(uris) == 0 {
		return
	}
	l.s.owned.start(func() {
		ctx, cancel := context.WithTimeoutCause(l.s.root, cancelTimeout, &TimeoutError{What: TimeoutTotal, After: cancelTimeout})
		defer cancel()
		for _, uri := range uris {
			if err := l.s.subscribed.drop(ctx, l.s, state, uri); err != nil {
				l.s.log.Debug("subscription of a resource not ended", "error", brief(err))
			}
		}
	})
}

// subscribedResources are the resources that a legacy session is subscribed to,
// each once, however many subscriptions want it.
type subscribedResources struct {
	mu  sync.Mutex
	uri map[string]*subscribedResource // guarded by mu
}

type subscribedResource struct {
	wanted     int           // guarded by subscribedResources.mu
	turn       chan struct{} // full while somebody talks to the server about it
	generation uint64        // of whoever has the turn: subscribed to in this generation; 0: not at all
	doubt      uint64        // of whoever has the turn: in this generation the answer was lost
}

// add subscribes to a resource, unless the session is subscribed already. One
// that fails must be dropped too: the request may have arrived, or another may
// have left it to this one to tell the server of the end.
func (t *subscribedResources) add(ctx context.Context, s *Session, state *sessionState, uri string) error {
	t.mu.Lock()
	r := t.uri[uri]
	if r == nil {
		if t.uri == nil {
			t.uri = make(map[string]*subscribedResource)
		}
		r = &subscribedResource{turn: make(chan struct{}, 1)}
		t.uri[uri] = r
	}
	r.wanted++
	t.mu.Unlock()
	return r.talk(ctx, func() error {
		if r.generation == state.generation {
			return nil
		}
		c := s.newQuery(ctx, message{method: methodSubscribe, params: wire.URIParams(uri)}, &wire.Empty{}, nil)
		err := c.do()
		switch {
		case err == nil:
			r.generation, r.doubt = c.state.generation, 0
		case verdict.StageOf(err) == transport.MaybeSent:
			r.doubt = state.generation
		}
		return err
	})
}

// drop is the end of one add. The last one tells the server; the wish counts
// until it was told, so that nobody subscribes beside it.
func (t *subscribedResources) drop(ctx context.Context, s *Session, state *sessionState, uri string) error {
	t.mu.Lock()
	r := t.uri[uri]
	t.mu.Unlock()
	left := false
	err := r.talk(ctx, func() error {
		if left = t.leave(r); left || (r.generation != state.generation && r.doubt != state.generation) || s.now.Load() != state {
			return nil
		}
		r.generation, r.doubt = 0, 0
		msg := message{method: methodUnsubscribe, params: wire.URIParams(uri)}
		return s.newStateRequest(ctx, state, msg, &wire.Empty{}).do(s.opts.Retry)
	})
	if !left {
		t.release(uri, r)
	}
	return err
}

// leave takes one wish back, unless it is the last: while somebody has the
// turn, so that of those who leave at once one is the last.
func (t *subscribedResources) leave(r *subscribedResource) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.wanted == 1 {
		return false
	}
	r.wanted--
	return true
}

// release takes one wish back.
func (t *subscribedResources) release(uri string, r *subscribedResource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.wanted--; r.wanted == 0 {
		delete(t.uri, uri)
	}
}

// talk runs f when nobody else talks to the server about the resource.
func (r *subscribedResource) talk(ctx context.Context, f func() error) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return notSent(context.Cause(ctx))
	}
	defer func() { <-r.turn }()
	return f()
}
