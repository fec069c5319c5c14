package mcpclient_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// toolPage is one page of a scripted list: the names of its tools and the cursor of the next page.
// The cursor "-" means that there is no next page.
type toolPage struct {
	names, next string
}

// scriptTools answers tools/list with the page for the cursor; "-" stands for the first page. The
// returned value counts the requests.
func scriptTools(srv *mcptest.Server, page func(n int, cursor string) (toolPage, bool)) *int {
	n := new(int)
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/list" {
			return false
		}
		var params struct{ Cursor *string }
		_ = json.Unmarshal(m.Params, &params)
		cursor := "-"
		if params.Cursor != nil {
			cursor = *params.Cursor
		}
		*n++
		p, ok := page(*n, cursor)
		if !ok {
			rpc(200, -32602, nil)(w, m)
			return true
		}
		tools := []any{}
		for name := range strings.FieldsSeq(p.names) {
			tools = append(tools, map[string]any{"name": name, "inputSchema": map[string]any{"type": "object"}})
		}
		result := map[string]any{"tools": tools}
		if p.next != "-" {
			result["nextCursor"] = p.next
		}
		mcptest.WriteJSON(w, 200, mcptest.Result(m.ID, result))
		return true
	}
	return n
}

// names lists the tools in two ways: walked comes from the iterator, all from AllTools.
func names(t *testing.T, s *mcpclient.Session) (walked, all string) {
	t.Helper()
	var list []string
	for tool, err := range s.Tools(t.Context()) {
		require.NoError(t, err)
		list = append(list, tool.Name)
	}
	walked = strings.Join(list, " ")
	tools, _, err := s.AllTools(t.Context())
	require.NoError(t, err)
	list = nil
	for i := range tools {
		list = append(list, tools[i].Name)
	}
	return walked, strings.Join(list, " ")
}

// An empty cursor ends the list of a legacy server. On a modern server, the client follows an empty
// cursor once.
func TestEmptyCursor(t *testing.T) {
	pages := map[string]map[string]toolPage{
		"one page":                 {"-": {"a b", ""}, "": {"a b", ""}},
		"first page again":         {"-": {"a", "p2"}, "p2": {"b", ""}, "": {"a", "p2"}},
		"more, then empty again":   {"-": {"a", ""}, "": {"b", ""}},
		"more, then the end":       {"-": {"a", ""}, "": {"b", "-"}},
		"more, then another":       {"-": {"a", ""}, "": {"b", "p3"}, "p3": {"c", "-"}},
		"partly the same":          {"-": {"a b", ""}, "": {"b c", "-"}},
		"nothing":                  {"-": {"a b", ""}, "": {"", "-"}},
		"the same name twice, too": {"-": {"a a", "p2"}, "p2": {"a", "-"}},
	}
	want := map[string][2]string{ // legacy, modern
		"one page": {"a b", "a b"}, "first page again": {"a b", "a b"}, "more, then empty again": {"a", "a b"},
		"more, then the end": {"a", "a b"}, "more, then another": {"a", "a b c"}, "partly the same": {"a b", "a b c"},
		"nothing": {"a b", "a b"}, "the same name twice, too": {"a a a", "a a a"},
	}
	for name := range pages {
		for i, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
			t.Run(fmt.Sprint(name, " ", era), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := newServer(mode{era, false})
					n := scriptTools(srv, func(_ int, cursor string) (toolPage, bool) {
						p, ok := pages[name][cursor]
						return p, ok
					})
					s := serve(t, srv, mcpclient.Options{})
					walked, all := names(t, s)
					require.Equal(t, want[name][i], walked)
					require.Equal(t, walked, all)
					require.LessOrEqual(t, *n, 6)
				})
			})
		}
	}
}

// If the server refuses a cursor, the iteration starts again once, and yields no item twice.
func TestRefusedCursor(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		gone := false
		n := scriptTools(srv, func(_ int, cursor string) (toolPage, bool) {
			switch {
			case cursor == "-" && !gone:
				return toolPage{"a b", "old"}, true
			case cursor == "-":
				return toolPage{"a c", "new"}, true
			case cursor == "new":
				return toolPage{"d", "-"}, true
			}
			gone = true
			return toolPage{}, false
		})
		s := serve(t, srv, mcpclient.Options{})
		var walked []string
		for tool, err := range s.Tools(t.Context()) {
			require.NoError(t, err)
			walked = append(walked, tool.Name)
		}
		require.Equal(t, []string{"a", "b", "c", "d"}, walked)
		require.Equal(t, 4, *n)
		gone = false
		tools, _, err := s.AllTools(t.Context())
		require.NoError(t, err)
		require.Len(t, tools, 3, "as the list is now")
	})
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		n := scriptTools(srv, func(n int, cursor string) (toolPage, bool) { return toolPage{"a", fmt.Sprint(n)}, cursor == "-" })
		s := serve(t, srv, mcpclient.Options{})
		_, _, err := s.AllTools(t.Context())
		require.Equal(t, mcpclient.KindServer, failure(t, err).Kind)
		require.Equal(t, 4, *n, "once")
	})
}
