package oauth

import (
	"context"
	"errors"
	"sync"
	"time"
)

// owned are the goroutines of a client, for Close to wait on.
type owned struct {
	mu     sync.Mutex
	wg     sync.WaitGroup
	closed bool // guarded by mu: no more starts
}

// start runs f on a goroutine of the client, unless the client is closing.
func (o *owned) start(f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.wg.Go(f)
	return true
}

// close refuses further starts and returns a channel that is closed when the rest is done.
func (o *owned) close() <-chan struct{} {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	done := make(chan struct{})
	go func() { o.wg.Wait(); close(done) }()
	return done
}

// flight does one piece of work at a time, for all who want it.
type flight struct {
	mu      sync.Mutex
	current *work // guarded by mu
}

// work is done on a goroutine of the client's, within a bound of its own: no
// caller's context ends it. All else may be read once done is closed.
type work struct {
	done     chan struct{}
	err      error
	prompted bool // an authorization: a person was asked
	stepUp   bool // … for more scopes
}

// join returns the work that is being done, beginning it if there is none.
// joined tells that it was there already, and may be about something else.
func (c *Client) join(f *flight, limit time.Duration, do func(context.Context, *work) error) (w *work, joined bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil {
		return f.current, true
	}
	w = &work{done: make(chan struct{})}
	started := c.owned.start(func() {
		ctx, stop := context.WithTimeoutCause(c.root, limit, errTooSlow)
		defer stop()
		err := do(ctx, w)
		f.mu.Lock()
		w.err, f.current = err, nil
		f.mu.Unlock()
		close(w.done)
	})
	if !started {
		w.err = &Error{Kind: KindClosed, Err: ErrClosed}
		close(w.done)
		return w, false
	}
	f.current = w
	return w, false
}

var errTooSlow = errors.New("timeout: it took too long")

// wait waits for work, until the caller's context ends or the client is closed.
func (c *Client) wait(ctx context.Context, w *work) error {
	select {
	case <-w.done:
		return w.err
	default:
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.closing.Done():
		return &Error{Kind: KindClosed, Err: ErrClosed}
	}
}
