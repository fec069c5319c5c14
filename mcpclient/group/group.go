package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
	"github.com/hawser-mcp/hawser/transport"
)

// Group is many MCP servers for one agent. It connects them in the background, tries again when one
// is down, and keeps their lists of tools up to date. Servers do not affect each other.
//
// All methods are safe for concurrent use. Do not call them from an [Observer], and neither Remove nor
// Close from a handler of a session, because these wait for handlers.
type Group struct {
	redact.Printed

	opts      Options // resolved
	log       *slog.Logger
	observers []Observer // the log, the user's observer; empty if nothing is observed
	slots     chan struct{}
	eras      mcpclient.EraCache
	direct    transport.Transport // nil if Options.Transports has an entry for ""
	unwatch   func()

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup // the members; no lock is held while waiting for it
	done    chan struct{}  // closed when err may be read
	err     error          // of Close

	mu         sync.RWMutex
	members    map[string]*member // guarded by mu; by alias
	generation uint64             // guarded by mu; counts the changes of the functions
	closed     bool               // guarded by mu
	closing    []error            // guarded by mu; errors of closing the sessions
}

// New returns a Group of the servers, which it connects in the background: see [Group.Wait]. If opts
// is nil, the defaults apply. The error is about the configuration: two servers with the same name
// for a model, an executor without a transport, or an invalid Prefix. A server that cannot be
// reached is not an error.
func New(servers []mcpconfig.Server, opts *Options) (*Group, error) {
	resolved, err := opts.resolved()
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	g := &Group{
		Printed: redact.NewPrinted("group.Group"),
		opts:    resolved, log: resolved.Logger,
		slots: make(chan struct{}, resolved.Parallel), members: make(map[string]*member), done: make(chan struct{}),
	}
	if opts != nil && opts.Logger != nil {
		g.observers = append(g.observers, g.logEvent)
	}
	if resolved.Observer != nil {
		g.observers = append(g.observers, resolved.Observer)
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	members := make([]*member, 0, len(servers))
	for i := range servers {
		m, admitErr := g.admit(&servers[i])
		members, err = append(members, m), errors.Join(err, admitErr)
	}
	if err != nil {
		g.cancel()
		return nil, err
	}
	if g.opts.Transports[""] == nil {
		g.direct = transport.NewDirect(nil)
	}
	g.unwatch = g.opts.Pins.watch(g.pinsChanged)
	for _, m := range members {
		m.enter()
	}
	return g, nil
}

// Add adds a server while the group is in use. Its errors are those of [New], and
// [mcpclient.ErrClosed] if the group is closed.
func (g *Group) Add(s mcpconfig.Server) error {
	m, err := g.admit(&s)
	if err == nil {
		m.enter()
	}
	return err
}

// admit takes a server in. It cannot be seen before [member.enter].
func (g *Group) admit(s *mcpconfig.Server) (*member, error) {
	alias := toolspec.Alias(s.Name)
	if s.Other == nil && s.Executor != "" && g.opts.Transports[s.Executor] == nil {
		return nil, fmt.Errorf("group: server %q: no transport for executor %q", s.Name, s.Executor)
	}
	m := newMember(g, s)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		m.stop()
		return nil, fmt.Errorf("group: server %q: %w", s.Name, mcpclient.ErrClosed)
	}
	if other := g.members[alias]; other != nil {
		m.stop()
		return nil, fmt.Errorf("group: server %q: server %q has the same name for a model, %s", s.Name, other.cfg.Name, alias)
	}
	g.members[alias] = m
	g.running.Add(1)
	return m, nil
}

// Remove takes a server out of the group and closes its session: calls in flight fail with
// [mcpclient.KindClosed]. It returns when the session is closed, and reports whether the server was
// in the group.
func (g *Group) Remove(name string) bool {
	m := g.named(name)
	if m == nil {
		return false
	}
	m.stop()
	<-m.done
	return true
}

// Reconnect tries now to connect a server that is Idle, Down or NeedsAuth: after the user has logged
// in, or after an outage. It does not wait; see [Group.Wait]. It has no effect on a server with
// another status. It reports whether the server is in the group.
func (g *Group) Reconnect(name string) bool {
	m := g.named(name)
	if m == nil {
		return false
	}
	m.reconnect()
	return true
}

// Wait waits until each server that is now in the group was ready, failed once, or needs a person:
// it does not wait for users who log in. A lazy group connects all its servers. Wait returns early
// if ctx ends.
//
// Wait returns an error if a server with [mcpconfig.Server].Required is neither ready nor Disabled.
// The error wraps the reason of each such server.
func (g *Group) Wait(ctx context.Context) error {
	members := g.list()
	for _, m := range members {
		m.connectIdle()
	}
	var errs []error
	for _, m := range members {
		errs = append(errs, m.wait(ctx))
	}
	return errors.Join(errs...)
}

// States returns the states of all servers, sorted by name.
func (g *Group) States() []State {
	var states []State
	g.mu.RLock()
	for _, m := range g.members {
		if m.state.Status != 0 {
			states = append(states, m.state)
		}
	}
	g.mu.RUnlock()
	slices.SortFunc(states, func(a, b State) int { return strings.Compare(a.Server, b.Server) })
	return states
}

// Session returns the session of a server, for prompts, resources and typed calls. It returns nil
// unless the server is ready, and for servers of [Options].Open. The group closes the session.
func (g *Group) Session(server string) *mcpclient.Session {
	m := g.named(server)
	if m == nil {
		return nil
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	if m.conn == nil {
		return nil
	}
	return m.conn.session
}

// Close closes all sessions at the same time: calls in flight fail with [mcpclient.KindClosed]. It
// takes about as long as the slowest Close of a session; see [mcpclient.Timeouts]. It may be called
// more than once and concurrently.
func (g *Group) Close() error {
	g.mu.Lock()
	first := !g.closed
	g.closed = true
	g.mu.Unlock()
	if first {
		g.unwatch()
		g.cancel()
		g.running.Wait()
		if g.direct != nil {
			g.closing = append(g.closing, g.direct.Close())
		}
		g.err = errors.Join(g.closing...)
		close(g.done)
	}
	<-g.done
	return g.err
}

// named returns the member with this name in the configuration, or nil if the group does not have it.
func (g *Group) named(server string) *member {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if m := g.members[toolspec.Alias(server)]; m != nil && m.cfg.Name == server && m.state.Status != 0 {
		return m
	}
	return nil
}

// list returns the members, sorted by name.
func (g *Group) list() []*member {
	g.mu.RLock()
	members := slices.Collect(maps.Values(g.members))
	members = slices.DeleteFunc(members, func(m *member) bool { return m.state.Status == 0 })
	g.mu.RUnlock()
	slices.SortFunc(members, func(a, b *member) int { return strings.Compare(a.cfg.Name, b.cfg.Name) })
	return members
}

// pinsChanged recomputes the functions of a server.
func (g *Group) pinsChanged(server string) {
	if m := g.named(server); m != nil {
		m.repin.set()
	}
}

// transportOf returns what carries the requests of a server.
func (g *Group) transportOf(s *mcpconfig.Server) http.RoundTripper {
	if rt := g.opts.Transports[s.Executor]; rt != nil {
		return rt
	}
	return g.direct
}

// resolved returns a copy of o in which every zero is replaced by its default.
func (o *Options) resolved() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	r.Transports = maps.Clone(r.Transports)
	r.Parallel = cmp.Or(max(r.Parallel, 0), defaultParallel)
	r.ConnectTimeout = cmp.Or(r.ConnectTimeout, defaultConnectTimeout)
	r.MinBackoff = cmp.Or(max(r.MinBackoff, 0), defaultMinBackoff)
	r.MaxBackoff = max(cmp.Or(max(r.MaxBackoff, 0), defaultMaxBackoff), r.MinBackoff)
	r.Debounce = cmp.Or(r.Debounce, defaultDebounce)
	r.Logger = cmp.Or(r.Logger, slog.New(slog.DiscardHandler))
	return r, checkPrefix(r.Prefix)
}
