package group

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

	begun  atomic.Bool   // the first list has begun
	first  sync.Once     // closes stream
	stream chan struct{} // closed when the stream of notifications was opened, or could not be
}

func newConn() *conn {
	return &conn{lost: make(chan error, 1), doubt: newSignal(), fresh: newSignal(), stream: make(chan struct{})}
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
	c.follow(o)
	return o, nil
}

// follow makes the session tell c when the list of tools may have changed. The handlers and the
// observer of the user still run.
func (c *conn) follow(o *mcpclient.Options) {
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
	observer := o.Observer
	o.Observer = func(ctx context.Context, e mcpclient.Event) {
		switch e := e.(type) {
		case mcpclient.StreamOpened:
			if e.Subscription == nil {
				c.streamTried(true)
			}
		case mcpclient.StreamLost:
			if e.Subscription == nil {
				c.streamTried(false)
			}
		case mcpclient.StreamGap:
			if e.Subscription == nil {
				c.fresh.set()
			}
		default:
		}
		if observer != nil {
			observer(ctx, e)
		}
	}
}

// streamWait bounds how long the first list waits for the stream of notifications. Opening it takes
// one round trip, but a proxy may hold back its header.
const streamWait = 250 * time.Millisecond

// streamTried notes how the first try to open the stream of notifications ended. If the first list
// did not wait for it, changes may have been missed between the two. Later losses are a StreamGap.
func (c *conn) streamTried(opened bool) {
	c.first.Do(func() {
		late := c.begun.Load()
		close(c.stream)
		if opened && late {
			c.fresh.set()
		}
	})
}

// awaitStream waits until changes of the list that is read next will be noticed.
func (c *conn) awaitStream(ctx context.Context) {
	defer c.begun.Store(true)
	if c.session == nil {
		return
	}
	timer := time.NewTimer(streamWait)
	defer timer.Stop()
	select {
	case <-c.stream:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// asksAuth reports whether Options.Auth provides the authorizer of the server.
func (m *member) asksAuth() bool {
	return m.g.opts.Auth != nil && m.cfg.Header.Get("Authorization") == "" && (m.cfg.OAuth == nil || !m.cfg.OAuth.Off)
}
