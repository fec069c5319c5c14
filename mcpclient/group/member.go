package group

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// member is a server of a group. One goroutine, that of run, connects it, serves it and reports its
// events, so these are in order. What others read is guarded by the mutex of the group.
type member struct {
	g    *Group
	cfg  mcpconfig.Server
	ctx  context.Context // ends when the server leaves the group
	stop context.CancelFunc
	done chan struct{} // closed when the server has left

	wake  signal // try to connect now
	repin signal // the pins have changed

	// Of the member's goroutine.
	listed   []toolspec.Function // all that the configuration allows; from the pins until the first list
	known    bool                // listed is what the server sent
	retiring sync.WaitGroup      // connections that are being closed
	last     *conn               // the connection to close when the server leaves; may be nil

	// Guarded by g.mu, and only changed by the member's goroutine.
	state   State         // Status is 0 until the server is in the group
	conn    *conn         // nil unless ready
	offer   *offer        // never nil
	changed chan struct{} // closed and replaced when the state changes
	settled chan struct{} // closed when Wait need not wait; see reconnect
}

// signal is a wish that is either there or not.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

func (s signal) clear() {
	select {
	case <-s:
	default:
	}
}

func newMember(g *Group, s *mcpconfig.Server) *member {
	m := &member{
		g: g, cfg: *s, done: make(chan struct{}), wake: newSignal(), repin: newSignal(),
		offer: new(offer), changed: make(chan struct{}), settled: make(chan struct{}),
	}
	m.ctx, m.stop = context.WithCancel(g.ctx)
	return m
}

// enter makes the server visible and starts its goroutine.
func (m *member) enter() {
	first := State{Status: Connecting}
	switch {
	case m.cfg.Disabled:
		first.Status = Disabled
	case m.cfg.Other != nil && m.g.opts.Open == nil:
		first.Status, first.Err = Unsupported, fmt.Errorf("%s servers need Options.Open", m.cfg.Other.Kind)
	case m.g.opts.Lazy:
		first.Status = Idle
	}
	m.offerPinned()
	m.set(first, nil)
	go m.run()
}

// run is the member's goroutine.
func (m *member) run() {
	if m.state.Status == Connecting || m.rest() {
		for m.try() && m.rest() {
		}
	}
	m.leave()
}

// try connects the server and serves it until it is lost. It returns false if the server has to leave
// the group.
func (m *member) try() bool {
	if m.state.Status != Connecting {
		m.set(State{Status: Connecting, Tries: m.state.Tries}, nil)
	}
	c, person, err := m.connect()
	m.wake.clear() // this try was what was wished for
	switch {
	case m.ctx.Err() != nil:
		m.last = c
	case err == nil:
		m.set(State{Status: Ready}, c)
		lost := m.serve(c)
		if m.ctx.Err() != nil {
			m.last = c
			break
		}
		m.set(m.down(0, lost), nil)
		m.retire(c)
	case person:
		m.set(State{Status: NeedsAuth, Tries: m.state.Tries + 1, Err: err}, nil)
	default:
		m.set(m.down(m.state.Tries+1, err), nil)
	}
	return m.ctx.Err() == nil
}

// down returns the state of a server that is tried again after a pause.
func (m *member) down(tries int, err error) State {
	pause := m.pause(tries)
	var status *mcpclient.HTTPError
	if errors.As(err, &status) {
		pause = max(pause, status.RetryAfter)
	}
	return State{Status: Down, Tries: tries, Err: err, Retry: time.Now().Add(pause)}
}

// pause returns the pause after a number of failures in a row: a random part of a bound that doubles.
func (m *member) pause(failures int) time.Duration {
	bound := m.g.opts.MinBackoff
	for range failures - 1 {
		if bound >= m.g.opts.MaxBackoff/2 {
			bound = m.g.opts.MaxBackoff
			break
		}
		bound *= 2
	}
	return rand.N(bound) + 1 //nolint:gosec // a pause is not a secret
}

// rest waits until the server has to be tried. It returns false if the server has to leave the group.
func (m *member) rest() bool {
	var due <-chan time.Time
	if !m.state.Retry.IsZero() {
		timer := time.NewTimer(time.Until(m.state.Retry))
		defer timer.Stop()
		due = timer.C
	}
	for {
		select {
		case <-m.ctx.Done():
			return false
		case <-m.wake:
			return true
		case <-due:
			return true
		case <-m.repin:
			m.publish(m.offer.instructions)
		}
	}
}

// set reports a state and then takes it on. c is the connection of a server that is ready.
func (m *member) set(next State, c *conn) {
	g := m.g
	next.Server, next.Since, next.Functions = m.cfg.Name, time.Now(), len(m.offer.functions)
	if g.observed() {
		g.tell(g.ctx, StateChanged{State: next, Before: m.state.Status})
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.state.Status == 0 && len(m.offer.functions) > 0 {
		g.generation++ // those of the pins become visible
	}
	m.state, m.conn = next, c
	close(m.changed)
	m.changed = make(chan struct{})
	if next.Status != Idle && next.Status != Connecting {
		closeOnce(m.settled)
	}
}

// closeOnce closes a channel, unless it is closed. Its callers hold g.mu.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// retire closes a connection that gets no more calls, as soon as its calls have ended: a call that
// still runs is not cut off because another one was lost.
func (m *member) retire(c *conn) {
	m.retiring.Go(func() {
		select {
		case <-c.calls.Close():
		case <-m.ctx.Done():
		}
		if err := c.close(); err != nil {
			m.g.closeFailed(m.cfg.Name, err)
		}
	})
}

func (g *Group) closeFailed(server string, err error) {
	g.log.Warn("a session could not be closed", "server", server, "error", brief(err))
	if g.ctx.Err() == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closing = append(g.closing, fmt.Errorf("group: closing server %s: %w", server, err))
}

// leave takes the server out of the group.
func (m *member) leave() {
	m.stop()
	m.set(State{Status: Closed}, nil)
	g := m.g
	g.mu.Lock()
	delete(g.members, toolspec.Alias(m.cfg.Name))
	if len(m.offer.functions) > 0 {
		g.generation++
	}
	g.mu.Unlock()
	if m.last != nil {
		m.retire(m.last)
	}
	m.retiring.Wait()
	close(m.done)
	g.running.Done()
}
