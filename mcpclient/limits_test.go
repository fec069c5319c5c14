package mcpclient_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// walkAll ranges over all tools and returns their number.
func walkAll(t *testing.T, s *mcpclient.Session) (n int, err error) {
	t.Helper()
	for _, e := range s.Tools(t.Context()) {
		if e != nil {
			require.NoError(t, err, "the walk ends at its only error")
			err = e
			continue
		}
		n++
	}
	return n, err
}

// answerLists answers each tools/list with the result of f. n is the number of earlier tools/list
// requests.
func answerLists(srv *mcptest.Server, f func(n int) map[string]any) {
	n := 0
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/list" {
			return false
		}
		result := f(n)
		result["resultType"] = "complete"
		n++
		mcptest.WriteJSON(w, http.StatusOK, mcptest.Result(m.ID, result))
		return true
	}
}

func tools(names ...string) []map[string]any {
	out := []map[string]any{}
	for _, name := range names {
		out = append(out, map[string]any{"name": name, "inputSchema": map[string]any{"type": "object"}})
	}
	return out
}

// limited checks that err is a LimitError for this limit.
func limited(t *testing.T, err error, what string, limit int64) {
	t.Helper()
	require.Equal(t, mcpclient.KindLimit, failure(t, err).Kind, "%v", err)
	var l *mcpclient.LimitError
	require.ErrorAs(t, err, &l)
	require.Equal(t, what, l.What)
	require.Equal(t, limit, l.Limit)
}

// If a list has endless pages, each with a new cursor, iteration ends at the limit.
func TestEndlessListOfPages(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		answerLists(srv, func(n int) map[string]any {
			r := map[string]any{"tools": tools(fmt.Sprint("t", n))}
			if n < 10_000 {
				r["nextCursor"] = fmt.Sprint("c", n)
			}
			return r
		})
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		n, err := walkAll(t, s)
		limited(t, err, "list pages", 1000)
		require.Equal(t, 1000, n)
		require.Equal(t, 1000, srv.Count("tools/list"))
	})
}

// Options can lower or disable the list limits.
func TestListLimitsAreOptions(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		srv.PageSize = 2
		for i := range 20 {
			add(srv, fmt.Sprint("t", i), done)
		}
		link := srv.InMemory(t)
		n, err := walkAll(t, connect(t, link, mcpclient.Options{Limits: mcpclient.Limits{Pages: 3}}))
		limited(t, err, "list pages", 3)
		require.Equal(t, 6, n)
		n, err = walkAll(t, connect(t, link, mcpclient.Options{Limits: mcpclient.Limits{Items: 5}}))
		limited(t, err, "list items", 5)
		require.Equal(t, 5, n)
		n, err = walkAll(t, connect(t, link, mcpclient.Options{Limits: mcpclient.Limits{Pages: -1, Items: -1}}))
		require.NoError(t, err)
		require.Equal(t, 21, n)
	})
}

// A repeated cursor is an error, because it would make the list endless.
func TestRepeatedCursorIsAnError(t *testing.T) {
	for name, cursors := range map[string][]string{"same": {"a", "a"}, "circle": {"a", "b", "c", "a"}} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				answerLists(srv, func(n int) map[string]any {
					return map[string]any{"tools": tools(fmt.Sprint("t", n)), "nextCursor": cursors[n%len(cursors)]}
				})
				s := serve(t, srv, mcpclient.Options{})
				srv.Reset()
				n, err := walkAll(t, s)
				require.Equal(t, mcpclient.KindProtocol, failure(t, err).Kind)
				require.ErrorContains(t, err, "cursor")
				require.Equal(t, len(cursors), n)
				require.Equal(t, len(cursors), srv.Count("tools/list"))
				echoes(t, s)
			})
		})
	}
}

// An iterator requests a page only when the loop reaches it, and stops when the loop stops.
func TestListIsLazyAndStartsAgain(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.PageSize = 1
		add(srv, "second", done)
		add(srv, "third", done)
		s := serve(t, srv, mcpclient.Options{})
		srv.Reset()
		walk := s.Tools(t.Context())
		require.Zero(t, srv.Count("tools/list"))
		for range 2 {
			for tool, err := range walk {
				require.NoError(t, err)
				if tool.Name == "second" {
					break
				}
			}
		}
		require.Equal(t, 4, srv.Count("tools/list"))
	})
}

// An oversized reply fails only its own call, whether it is JSON or an event.
func TestReplyOverTheLimit(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "huge", func(_ ctx, _ *mcptest.Call) (jsonRaw, error) { return mcptest.Text(strings.Repeat("x", 100_000)), nil })
		s := serve(t, srv, mcpclient.Options{Limits: mcpclient.Limits{Body: 10_000, Event: 10_000}})
		_, err := s.CallTool(t.Context(), "huge", nil)
		what := "body bytes"
		if srv.SSE {
			what = "event bytes"
		}
		limited(t, err, what, 10_000)
		require.True(t, mcpclient.MayHaveRun(err), "the tool ran, but its result is lost")
		require.Equal(t, 1, srv.Executions("huge"))
		echoes(t, s)
	})
}

// A result that is nested too deeply is not decoded.
func TestReplyTooDeep(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "deep", func(_ ctx, _ *mcptest.Call) (jsonRaw, error) {
			return jsonRaw(`{"content":[],"structuredContent":` + strings.Repeat(`{"a":`, 600) + `1` + strings.Repeat(`}`, 600) + `}`), nil
		})
		s := serve(t, srv, mcpclient.Options{})
		_, err := s.CallTool(t.Context(), "deep", nil)
		require.Equal(t, mcpclient.KindLimit, failure(t, err).Kind, "%v", err)
		echoes(t, s)
	})
}

// AllTools returns the items of all pages and the invalid items with their bytes.
func TestAllTools(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		bad := map[string]any{"title": "no name"}
		answerLists(srv, func(n int) map[string]any {
			switch n {
			case 0:
				return map[string]any{"tools": append(tools("a", "b"), bad), "nextCursor": "2"}
			case 1:
				return map[string]any{"tools": []any{bad}, "nextCursor": "3"}
			case 2:
				return map[string]any{"tools": tools("c")}
			default:
				return map[string]any{"tools": []any{bad, bad}, "nextCursor": fmt.Sprint(n)}
			}
		})
		s := serve(t, srv, mcpclient.Options{Limits: mcpclient.Limits{Items: 3}})
		all, invalid, err := s.AllTools(t.Context())
		require.NoError(t, err)
		require.Len(t, all, 3)
		require.Equal(t, "c", all[2].Name)
		require.Len(t, invalid, 2)
		require.JSONEq(t, `{"title":"no name"}`, string(invalid[0].Raw))
		require.ErrorContains(t, invalid[1].Err, `no "name"`)

		all, invalid, err = s.AllTools(t.Context())
		limited(t, err, "invalid list items", 3)
		require.Empty(t, all)
		require.Empty(t, invalid)
		echoes(t, s)
	})
}
