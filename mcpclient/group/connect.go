package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/internal/goroutines"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// conn is what a try to connect made. It is used until it is lost, and then replaced.
type conn struct {
	caller  Caller
	session *mcpclient.Session // nil for the callers of Options.Open
	release func() error       // releases the authorizer, nil for none
	calls   goroutines.Group   // the calls in flight; refuses new ones when the connection is retired

	lost  chan error // a call found out that the server cannot be reached; holds one
	doubt signal     // a call got no answer
	fresh signal     // the list of tools may have changed
}

func newConn() *conn {
	return &conn{lost: make(chan error, 1), doubt: newSignal(), fresh: newSignal()}
}

func (c *conn) close() error {
	var err error
	if c.caller != nil {
		err = c.caller.Close()
	}
	if c.release != nil {
		err = errors.Join(err, c.release())
	}
	return err
}

// try is one try to connect a server. It is bounded by a clock, and holds one of the group's slots.
// While a user logs in, the clock is stopped and the slot is free.
type try struct {
	m      *member
	limit  time.Duration
	clock  clock
	slot   bool          // holds a slot
	logins chan login    // see asker
	over   chan struct{} // closed when nobody receives from logins any more
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

// connect makes one try to connect the server and to read its list of tools.
func (m *member) connect() (*conn, error) {
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
				return nil, t.failed(ctx, r.err)
			}
			m.known = true
			m.listed = functionsOf(&m.cfg, r.tools)
			m.publish(r.conn.instructions())
			return r.conn, nil
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
		r.tools, r.err = r.conn.list(ctx)
	}
	return r
}

// open connects the server.
func (t *try) open(ctx context.Context, c *conn) error {
	m := t.m
	if m.cfg.Other != nil {
		caller, err := m.g.opts.Open(ctx, &m.cfg, c.fresh.set)
		if err == nil && caller == nil {
			err = errors.New("Options.Open returned no Caller")
		}
		c.caller = caller
		return err
	}
	o, err := m.sessionOptions(ctx, c)
	if err != nil {
		return err
	}
	if o.Auth != nil {
		o.Auth = asker{o.Auth, t}
	}
	s, err := mcpclient.Connect(ctx, m.cfg.URL, o)
	if err != nil {
		return err // without s: a nil *Session in a Caller is not nil
	}
	c.caller, c.session = s, s
	return nil
}

// sessionOptions returns the options of a session whose notifications go to c.
func (m *member) sessionOptions(ctx context.Context, c *conn) (*mcpclient.Options, error) {
	o := &mcpclient.Options{
		Transport: m.g.transportOf(&m.cfg), Header: m.cfg.Header.Clone(), EraCache: &m.g.eras, Logger: m.g.opts.Logger,
		ConnectRetry: mcpclient.Retry{MaxTries: 1}, // the group tries again
		Timeouts:     mcpclient.Timeouts{Total: m.cfg.CallTimeout},
	}
	if m.asksAuth() {
		auth, release, err := m.g.opts.Auth(ctx, &m.cfg)
		if err != nil {
			return nil, fmt.Errorf("authorizer of server %s: %w", m.cfg.Name, err)
		}
		o.Auth, c.release = auth, release
	}
	if m.g.opts.Session != nil {
		m.g.opts.Session(&m.cfg, o)
	}
	changed, restored, missed := o.Handlers.ToolsChanged, o.Handlers.SessionRestored, o.Handlers.MissedEvents
	o.Handlers.ToolsChanged = func(ctx context.Context, s *mcpclient.Session) {
		c.fresh.set()
		if changed != nil {
			changed(ctx, s)
		}
	}
	o.Handlers.SessionRestored = func(ctx context.Context, s *mcpclient.Session, r mcpclient.SessionRestored) {
		c.fresh.set()
		if restored != nil {
			restored(ctx, s, r)
		}
	}
	o.Handlers.MissedEvents = func(ctx context.Context, s *mcpclient.Session, e mcpclient.MissedEvents) {
		c.fresh.set()
		if missed != nil {
			missed(ctx, s, e)
		}
	}
	return o, nil
}

// asksAuth reports whether Options.Auth provides the authorizer of the server.
func (m *member) asksAuth() bool {
	return m.g.opts.Auth != nil && m.cfg.Header.Get("Authorization") == "" && (m.cfg.OAuth == nil || !m.cfg.OAuth.Off)
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
}

// Authorize implements mcpclient.Authorizer.
func (a asker) Authorize(ctx context.Context, endpoint string, status int, header http.Header, began time.Time) error {
	a.t.tell(ctx, true)
	defer a.t.tell(ctx, false)
	return a.Authorizer.Authorize(ctx, endpoint, status, header, began)
}

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
