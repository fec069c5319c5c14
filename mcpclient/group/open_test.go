package group_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

var errGone = errors.New("the program has ended")

// program is a Caller with a tool on each page of its list.
type program struct {
	pages   int                            // 0: one page that is its own next page
	changed func()                         // see group.Options.Open
	gone    atomic.Bool                    // everything fails
	fails   atomic.Bool                    // calls fail
	lists   atomic.Int64                   // pages that were read
	closed  atomic.Int64                   //
	last    atomic.Pointer[callOfAProgram] // the last call
}

// Values of program.pages.
const (
	panics = -1
	noPage = -2
)

type callOfAProgram struct {
	settings mcpclient.CallSettings
	args     any
}

func (p *program) CallTool(ctx context.Context, _ string, args any, opts ...mcpclient.CallOption) (*mcpclient.CallToolResult, error) {
	settings, err := mcpclient.ApplyOptions(opts...)
	if err != nil {
		return nil, err
	}
	p.last.Store(&callOfAProgram{settings, args})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case p.gone.Load() || p.fails.Load():
		return nil, errGone
	}
	return new(mcpclient.CallToolResult), nil
}

func (p *program) ListTools(_ context.Context, cursor *string, _ ...mcpclient.CallOption) (*mcpclient.Page[mcpclient.Tool], error) {
	if p.lists.Add(1); p.gone.Load() {
		return nil, errGone
	}
	switch p.pages {
	case panics:
		panic("oops")
	case noPage:
		return nil, nil
	}
	n := 1
	if cursor != nil {
		n, _ = strconv.Atoi(*cursor)
	}
	page := &mcpclient.Page[mcpclient.Tool]{Items: []mcpclient.Tool{{Tool: mcp.Tool{Name: "tool" + strconv.Itoa(n)}}}}
	if next := strconv.Itoa(n + 1); n < p.pages {
		page.NextCursor = &next
	} else if p.pages == 0 {
		page.NextCursor = new(string)
	}
	return page, nil
}

func (p *program) Close() error { p.closed.Add(1); return nil }

// pinged is a program with a Ping.
type pinged struct {
	*program
	pings atomic.Int64
}

func (p *pinged) Ping(context.Context, ...mcpclient.CallOption) error {
	if p.pings.Add(1); p.gone.Load() {
		return errGone
	}
	return nil
}

func stdioEntry() mcpconfig.Server {
	return mcpconfig.Server{Name: "files", CallTimeout: time.Minute, Other: &mcpconfig.Other{Kind: "stdio", Command: "files"}}
}

func opens(c group.Caller, err error) group.Options {
	return group.Options{
		MinBackoff: time.Hour, MaxBackoff: time.Hour,
		Open: func(_ context.Context, _ *mcpconfig.Server, changed func()) (group.Caller, error) {
			switch c := c.(type) {
			case *program:
				c.changed = changed
			case *pinged:
				c.changed = changed
			}
			return c, err
		},
	}
}

func TestACallerOfAnotherTransport(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := &program{pages: 3}
		g := w.open(opens(p, nil), stdioEntry())
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, []string{"files__tool1", "files__tool2", "files__tool3"}, names(g))
		require.Nil(t, g.Session("files"))
		_, err := g.Call(t.Context(), "files__tool2", []byte(`{"a":1}`), mcpclient.WithMeta(map[string]any{"k": 1}))
		require.NoError(t, err)
		last := p.last.Load()
		require.Equal(t, time.Minute, last.settings.TotalTimeout, "that of the configuration")
		require.Contains(t, last.settings.Meta, "k")
		_, err = g.Call(t.Context(), "files__tool2", nil, mcpclient.WithTotalTimeout(time.Second))
		require.NoError(t, err)
		require.Equal(t, time.Second, p.last.Load().settings.TotalTimeout, "that of the call wins")

		p.pages = 4
		p.changed()
		time.Sleep(time.Second)
		require.Len(t, names(g), 4)
		require.NoError(t, g.Close())
		require.EqualValues(t, 1, p.closed.Load())
	})
}

// Errors that are not of mcpclient do not say whether the server is there, so the group finds out.
func TestErrorsOfAnotherTransport(t *testing.T) {
	for name, c := range map[string]struct {
		caller func(p *program) (group.Caller, func() int64) // and how often it was examined
	}{
		"with a ping": {func(p *program) (group.Caller, func() int64) {
			pinged := &pinged{program: p}
			return pinged, pinged.pings.Load
		}},
		"without": {func(p *program) (group.Caller, func() int64) {
			return p, func() int64 { return p.lists.Load() - 1 }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				p := &program{pages: 1}
				caller, examined := c.caller(p)
				g := w.open(opens(caller, nil), stdioEntry())
				require.NoError(t, g.Wait(t.Context()))
				call := func(ctx context.Context) error {
					_, err := g.Call(ctx, "files__tool1", nil)
					synctest.Wait()
					return err
				}
				require.NoError(t, call(t.Context()))
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				require.ErrorIs(t, call(ended), context.Canceled)
				require.Zero(t, examined(), "the caller's context says nothing about the server")
				p.fails.Store(true)
				require.ErrorIs(t, call(t.Context()), errGone)
				require.EqualValues(t, 1, examined())
				require.Equal(t, group.Ready, state(t, g, "files").Status)
				p.gone.Store(true)
				require.ErrorIs(t, call(t.Context()), errGone)
				st := state(t, g, "files")
				require.Equal(t, group.Down, st.Status)
				require.ErrorIs(t, st.Err, errGone)
				require.EqualValues(t, 1, p.closed.Load())
			})
		})
	}
}

func TestListsThatCannotBeUsed(t *testing.T) {
	for pages, text := range map[int]string{
		0: "repeats a cursor", mcpclient.DefaultMaxPages + 1: "list pages", panics: "the Caller panicked: oops", noPage: "returned no page",
	} {
		inWorld(t, func(t *testing.T, w *world) {
			p := &program{pages: pages}
			g := w.open(opens(p, nil), stdioEntry())
			require.NoError(t, g.Wait(t.Context()))
			require.ErrorContains(t, state(t, g, "files").Err, text)
			require.EqualValues(t, 1, p.closed.Load())

			later := &program{pages: 1}
			g = w.open(opens(later, nil), stdioEntry())
			require.NoError(t, g.Wait(t.Context()))
			later.pages = pages
			later.changed()
			time.Sleep(time.Minute)
			require.Equal(t, []string{"files__tool1"}, names(g))
		})
	}
}

func TestAProgramThatCannotBeOpened(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		g := w.open(opens(nil, errGone), stdioEntry())
		require.NoError(t, g.Wait(t.Context()))
		require.ErrorIs(t, state(t, g, "files").Err, errGone)
		nothing := w.open(opens(nil, nil), stdioEntry())
		require.NoError(t, nothing.Wait(t.Context()))
		require.ErrorContains(t, state(t, nothing, "files").Err, "Options.Open returned no Caller")
	})
}
