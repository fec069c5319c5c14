package group

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// try is one try to connect a server. It is bounded by a clock, and holds one of the group's slots.
// While a user logs in, the clock is stopped and the slot is free.
type try struct {
	m      *member
	limit  time.Duration
	clock  clock
	slot   bool          // holds a slot
	logins chan login    // see asker
	denied atomic.Value  // the error of the last login that failed
	over   chan struct{} // closed when the try has ended, and logins is no longer received from
}

// login says that an Authorizer is about to be called, or has returned. The session continues when
// heard is closed.
type login struct {
	begins bool
	heard  chan struct{}
}

// made is the outcome of a try.
type made struct {
	conn  *conn
	tools []mcpclient.Tool
	err   error
}

// connect makes one try to connect the server and to read its list of tools. If it fails, person says
// that another try needs a person first.
func (m *member) connect() (c *conn, person bool, err error) {
	limit := m.connectTimeout()
	t := &try{m: m, limit: limit, clock: clock{left: limit}, logins: make(chan login), over: make(chan struct{})}
	defer t.end()
	t.begin()
	ctx, cancel := context.WithCancelCause(m.ctx)
	defer cancel(nil)
	result := make(chan made, 1)
	go func() { result <- t.run(ctx) }() // ended when connect returns
	for {
		select {
		case r := <-result:
			if r.err != nil {
				return nil, t.needsPerson(r.err), t.failed(ctx, r.err)
			}
			m.known = true
			m.listed = functionsOf(&m.cfg, r.tools)
			m.publish(r.conn.instructions())
			return r.conn, false, nil
		case <-t.clock.expired():
			cancel(errNotReady)
		case l := <-t.logins:
			t.hear(l)
		}
	}
}

// begin waits for a slot and then starts the clock.
func (t *try) begin() {
	select {
	case t.m.g.slots <- struct{}{}:
		t.slot = true
	case <-t.m.ctx.Done():
	}
	t.clock.start()
}

// pause stops the clock and frees the slot.
func (t *try) pause() {
	t.clock.stop()
	if t.slot {
		<-t.m.g.slots
		t.slot = false
	}
}

func (t *try) end() {
	close(t.over)
	t.pause()
}

// hear reports that the user is asked to log in, or no longer is.
func (t *try) hear(l login) {
	defer close(l.heard)
	tries := t.m.state.Tries
	if l.begins {
		t.pause()
		t.m.set(State{Status: Authorizing, Tries: tries}, nil)
		return
	}
	t.m.set(State{Status: Connecting, Tries: tries}, nil)
	t.begin()
}

// run connects the server and lists its tools.
func (t *try) run(ctx context.Context) (r made) {
	defer func() {
		if v := recover(); v != nil {
			r.err = fmt.Errorf("a function of the group's options panicked: %v", v)
		}
		if r.err != nil && r.conn != nil {
			if err := r.conn.close(); err != nil {
				t.m.g.closeFailed(t.m.cfg.Name, err)
			}
		}
	}()
	r.conn = newConn()
	if r.err = t.open(ctx, r.conn); r.err == nil {
		r.conn.awaitStream(ctx)
		r.tools, r.err = r.conn.list(ctx)
	}
	return r
}

// connectTimeout bounds a try, and a list or a ping of a server that is ready. Negative means no
// bound.
func (m *member) connectTimeout() time.Duration {
	return cmp.Or(m.cfg.ConnectTimeout, m.g.opts.ConnectTimeout)
}

// asker is an Authorizer that tells the try when it may be asking the user.
type asker struct {
	mcpclient.Authorizer
	t *try
	c *conn
}

// Authorize implements mcpclient.Authorizer.
func (a asker) Authorize(ctx context.Context, endpoint string, status int, header http.Header, began time.Time) error {
	a.c.asked.Add(1)
	a.c.asking.Add(1)
	defer a.c.asking.Add(-1)
	a.t.tell(ctx, true)
	defer a.t.tell(ctx, false)
	err := a.Authorizer.Authorize(ctx, endpoint, status, header, began)
	if err != nil {
		a.t.denied.Store(&loginError{err})
	}
	return err
}

// loginError is why a login failed.
type loginError struct{ error }

// tell waits until the member has heard that a login begins or has ended. It does nothing if the try
// is over: a login of a server that is ready does not change its status.
func (t *try) tell(ctx context.Context, begins bool) {
	l := login{begins, make(chan struct{})}
	select {
	case t.logins <- l:
	case <-t.over:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-l.heard:
	case <-ctx.Done():
	}
}

// clock is a timer that can be stopped and started again. A negative time never expires.
type clock struct {
	left  time.Duration
	began time.Time
	timer *time.Timer // nil while the clock is stopped
}

func (c *clock) start() {
	if c.left >= 0 {
		c.began, c.timer = time.Now(), time.NewTimer(c.left)
	}
}

func (c *clock) stop() {
	if c.timer != nil {
		c.timer.Stop()
		c.left, c.timer = max(0, c.left-time.Since(c.began)), nil
	}
}

func (c *clock) expired() <-chan time.Time {
	if c.timer == nil {
		return nil
	}
	return c.timer.C
}
