package group

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// server keeps the functions of a server that is ready up to date, and finds out whether the server
// is lost. Lists and pings run on goroutines of their own, one of each at a time, so that a slow one
// delays no event.
type server struct {
	m    *member
	c    *conn
	ctx  context.Context
	work sync.WaitGroup

	due    <-chan time.Time // when to list, nil if the list is up to date
	lists  chan made        // the result of the list that is running, nil if none is
	pings  chan error       // the same for a ping
	again  bool             // the list may have changed since the running one started
	failed int              // lists that have failed in a row
}

// serve returns why the server is lost, or an error if the server has to leave the group.
func (m *member) serve(c *conn) error {
	ctx, cancel := context.WithCancel(m.ctx)
	s := &server{m: m, c: c, ctx: ctx}
	defer s.work.Wait()
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-c.lost:
			return err
		case <-c.doubt:
			s.ping()
		case err := <-s.pings:
			if s.pings = nil; err != nil {
				return err
			}
		case <-c.fresh:
			s.listIn(m.g.opts.Debounce)
		case <-s.due:
			s.due = nil
			s.list()
		case r := <-s.lists:
			s.lists = nil
			s.take(r)
		case <-m.repin:
			m.publish(m.offer.instructions)
		}
	}
}

// listIn lists the tools after d, unless that is already planned: a server that reports changes all
// the time cannot put it off.
func (s *server) listIn(d time.Duration) {
	if s.due == nil {
		s.due = time.After(max(d, 0))
	}
}

// list starts to list the tools. If a list is running, another one follows it.
func (s *server) list() {
	if s.again = s.lists != nil; s.again {
		return
	}
	result := make(chan made, 1)
	s.lists = result
	s.work.Go(func() {
		ctx, cancel := s.bounded()
		defer cancel()
		tools, err := s.c.list(ctx)
		result <- made{tools: tools, err: err}
	})
}

// take replaces the functions by those of a list. If the list failed, they stay as they are, and the
// list is read again after a pause.
func (s *server) take(r made) {
	m := s.m
	if r.err == nil {
		s.failed = 0
		m.known, m.listed = true, functionsOf(&m.cfg, r.tools)
		m.publish(s.c.instructions())
		if s.again {
			s.list()
		}
		return
	}
	s.again = false
	s.failed++
	if m.g.observed() {
		m.g.tell(m.g.ctx, ListFailed{Server: m.cfg.Name, Err: r.err})
	}
	s.c.judge(s.ctx, r.err)
	s.listIn(m.pause(s.failed))
}

// ping finds out whether the server is still there, with one try. It does nothing if a ping is
// running.
func (s *server) ping() {
	if s.pings != nil {
		return
	}
	result := make(chan error, 1)
	s.pings = result
	s.work.Go(func() {
		ctx, cancel := s.bounded()
		defer cancel()
		err := s.c.ping(ctx)
		if answered(err) {
			err = nil
		}
		result <- err
	})
}

// bounded returns a context for a list or a ping.
func (s *server) bounded() (context.Context, context.CancelFunc) {
	if limit := s.m.connectTimeout(); limit >= 0 {
		return context.WithTimeout(s.ctx, limit)
	}
	return context.WithCancel(s.ctx)
}

// judge notes what the outcome of a call or a list says about the server.
func (c *conn) judge(ctx context.Context, err error) {
	switch {
	case err == nil:
		return
	case mcpclient.Unreachable(err):
		select {
		case c.lost <- err:
		default:
		}
		return
	}
	switch mcpclient.KindOf(err) {
	case mcpclient.KindNotSent, mcpclient.KindUnanswered, mcpclient.KindOutcomeUnknown:
		c.doubt.set()
	case 0: // of a Caller that has other errors
		if ctx.Err() == nil {
			c.doubt.set()
		}
	default:
	}
}

// ping asks for a sign of life.
func (c *conn) ping(ctx context.Context) error {
	p, ok := c.caller.(interface {
		Ping(ctx context.Context, opts ...mcpclient.CallOption) error
	})
	if ok {
		return p.Ping(ctx, mcpclient.WithTries(1))
	}
	_, err := c.caller.ListTools(ctx, nil, mcpclient.WithTries(1))
	return err
}

// answered reports whether a ping that ended with err shows that the server is there.
func answered(err error) bool { return err == nil || mcpclient.KindOf(err) == mcpclient.KindServer }

// list returns the tools of all pages.
func (c *conn) list(ctx context.Context) ([]mcpclient.Tool, error) {
	if c.session == nil {
		return listAll(ctx, c.caller)
	}
	tools, _, err := c.session.AllTools(ctx)
	if err != nil && c.session.Capabilities().Tools == nil && refusesLists(err) {
		return nil, nil // a server without tools
	}
	return tools, err
}

// refusesLists reports whether a list of tools failed because there are none.
func refusesLists(err error) bool {
	var rpc *mcpclient.RPCError
	if errors.As(err, &rpc) {
		return rpc.Code == mcpclient.CodeMethodNotFound
	}
	return mcpclient.KindOf(err) == mcpclient.KindInvalid // with mcpclient.Options.Strict
}

// listAll is [mcpclient.Session.AllTools] for other callers.
func listAll(ctx context.Context, c Caller) ([]mcpclient.Tool, error) {
	var tools []mcpclient.Tool
	var cursor *string
	seen := make(map[string]bool)
	for range mcpclient.DefaultMaxPages {
		page, err := c.ListTools(ctx, cursor)
		if err != nil {
			return nil, err
		}
		if tools = append(tools, page.Items...); len(tools) > mcpclient.DefaultMaxItems {
			return nil, &mcpclient.LimitError{What: "list items", Limit: mcpclient.DefaultMaxItems}
		}
		if cursor = page.NextCursor; cursor == nil {
			return tools, nil
		}
		if seen[*cursor] {
			return nil, errors.New("the list of tools repeats a cursor")
		}
		seen[*cursor] = true
	}
	return nil, &mcpclient.LimitError{What: "list pages", Limit: mcpclient.DefaultMaxPages}
}

// instructions returns the server's instructions for a model.
func (c *conn) instructions() string {
	if c.session == nil {
		return ""
	}
	return c.session.Instructions()
}
