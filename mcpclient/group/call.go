package group

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// Call runs the function that a model called. name is that of [Group.Functions], and args are the
// arguments that the model wrote: a JSON object, or nothing or null for none. The options of the call
// are those of a session.
//
// The group never repeats a call; the session does, if that is safe. Call waits for a server that is
// connecting, and for one that is Idle or due for its next try. For any other server that is not
// ready, it fails at once. A call that was not made is a [*CallError]. All other errors are those of
// [mcpclient.Session.CallTool].
func (g *Group) Call(ctx context.Context, name string, args json.RawMessage, opts ...mcpclient.CallOption) (*mcpclient.CallToolResult, error) {
	if !g.observed() {
		return g.call(ctx, g.owner(name), name, args, opts)
	}
	began, m := time.Now(), g.owner(name)
	result, err := g.call(ctx, m, name, args, opts)
	e := Called{Function: name, Took: time.Since(began), Err: err}
	if m != nil {
		e.Server = m.cfg.Name
	}
	g.tell(ctx, e)
	return result, err
}

// owner returns the server that a function's name belongs to, or nil if no server has the alias.
func (g *Group) owner(name string) *member {
	bare, ok := strings.CutPrefix(name, g.opts.Prefix)
	alias, _, named := strings.Cut(bare, toolspec.Separator)
	if !ok || !named {
		return nil
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	if m := g.members[alias]; m != nil && m.state.Status != 0 {
		return m
	}
	return nil
}

func (g *Group) call(
	ctx context.Context, m *member, name string, args json.RawMessage, opts []mcpclient.CallOption,
) (*mcpclient.CallToolResult, error) {
	if m == nil {
		return nil, g.unknown(name)
	}
	if trimmed := bytes.TrimSpace(args); len(trimmed) == 0 || string(trimmed) == "null" {
		args = json.RawMessage("{}")
	}
	v := m.look(name)
	if v.function.Function == nil && !v.held { // perhaps a server that is not connected yet has it
		if _, err := m.awaitReady(ctx, name); err != nil {
			return nil, err
		}
		v = m.look(name)
	}
	if err := v.refusal(name); err != nil {
		return nil, err
	}
	if err := m.approve(ctx, v, name, args); err != nil {
		return nil, err
	}
	c, f, err := m.begin(ctx, name, v.function.Fingerprint)
	if err != nil {
		return nil, err
	}
	defer c.calls.End()
	if c.session == nil && m.cfg.CallTimeout != 0 {
		opts = slices.Concat([]mcpclient.CallOption{mcpclient.WithTotalTimeout(m.cfg.CallTimeout)}, opts)
	}
	result, err := c.caller.CallTool(ctx, f.Tool, args, opts...)
	c.judge(ctx, err)
	return result, err
}

// unknown returns the error of a call whose name belongs to no server.
func (g *Group) unknown(name string) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return &mcpclient.Error{Kind: mcpclient.KindClosed, Method: "tools/call", Outcome: mcpclient.NotRun, Err: mcpclient.ErrClosed}
	}
	return &CallError{Reason: UnknownFunction, Function: name}
}

// view is what a call sees of a server at one moment.
type view struct {
	state    State
	conn     *conn // nil unless ready
	function callable
	held     bool            // the pins hold the function back
	changed  <-chan struct{} // closed when the state changes
}

// look returns what a call sees of the server.
func (m *member) look(name string) view {
	m.g.mu.RLock()
	defer m.g.mu.RUnlock()
	v := view{state: m.state, conn: m.conn, function: m.offer.byName[name], changed: m.changed}
	if v.function.Function == nil {
		_, v.held = slices.BinarySearch(m.offer.held, name)
	}
	return v
}

// refusal returns why the function must not be called, nil if it may.
func (v *view) refusal(name string) error {
	switch {
	case v.held:
		return &CallError{Reason: Denied, Function: name, State: v.state, Err: errNotAccepted}
	case v.function.Function == nil:
		return &CallError{Reason: UnknownFunction, Function: name, State: v.state}
	}
	return nil
}

var (
	errNotAccepted = errors.New("its definition is new or has changed, and the user has not accepted it")
	errRedefined   = errors.New("its definition changed while the call waited")
	errNever       = errors.New("the configuration forbids it")
	errNoPrompt    = errors.New("it needs the user's approval, and there is no way to ask")
)

// approve applies the rule of the configuration.
func (m *member) approve(ctx context.Context, v view, name string, args json.RawMessage) error {
	var err error
	switch v.function.rule {
	case mcpconfig.Auto:
		return nil
	case mcpconfig.Ask:
		if err = errNoPrompt; m.g.opts.Approve != nil {
			err = m.g.opts.Approve(ctx, *v.function.Function, args)
		}
	default:
		err = errNever
	}
	if err == nil {
		return nil
	}
	return &CallError{Reason: Denied, Function: name, State: v.state, Err: err, canceled: ctx.Err() != nil}
}

// begin waits until the server is ready and begins a call on its connection. It fails if the
// function is not the approved one any more.
func (m *member) begin(ctx context.Context, name, fingerprint string) (*conn, *toolspec.Function, error) {
	for {
		v, err := m.awaitReady(ctx, name)
		if err == nil {
			err = v.refusal(name)
		}
		switch {
		case err != nil:
			return nil, nil, err
		case v.function.Fingerprint != fingerprint:
			return nil, nil, &CallError{Reason: Denied, Function: name, State: v.state, Err: errRedefined}
		case v.conn.calls.Begin():
			return v.conn, v.function.Function, nil
		}
	}
}

// awaitReady waits until the server is ready. It waits for one try at most.
func (m *member) awaitReady(ctx context.Context, name string) (view, error) {
	tried := false
	for {
		v := m.look(name)
		switch {
		case v.state.Status == Ready:
			return v, nil
		case v.state.Status == Connecting:
			tried = true
		case v.state.Status == Idle, v.state.Status == Down && !tried && !time.Now().Before(v.state.Retry):
			m.start(v.state)
		default:
			return v, &CallError{Reason: ServerDown, Function: name, State: v.state, Err: v.state.Err}
		}
		select {
		case <-v.changed:
		case <-ctx.Done():
			return v, &CallError{Reason: ServerDown, Function: name, State: v.state, Err: context.Cause(ctx), canceled: true}
		}
	}
}
