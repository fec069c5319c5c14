package mcpclient_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

const rootsChanged = "notifications/roots/list_changed"

// The server gets the handler's current result each time it requests the roots.
func TestRoots(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		for _, params := range []any{nil, map[string]any{}, map[string]any{"_meta": map[string]any{"k": 1}}} {
			srv.Tools = nil
			add(srv, "ask", asking(listRoots, params))
			roots := []mcp.Root(nil)
			s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
				Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return roots, nil },
			}})
			for _, test := range []struct {
				roots []mcp.Root
				want  string
			}{
				{nil, `{"roots":[]}`},
				{[]mcp.Root{{URI: "file:///home/gopher", Name: "home"}}, `{"roots":[{"uri":"file:///home/gopher","name":"home"}]}`},
				{
					[]mcp.Root{{URI: "file:///"}, {URI: "file://localhost/c%3A/a%20b/"}, {URI: "file:///%D0%B3"}},
					`{"roots":[{"uri":"file:///"},{"uri":"file://localhost/c%3A/a%20b/"},{"uri":"file:///%D0%B3"}]}`,
				},
			} {
				roots = test.roots
				res, err := s.CallTool(t.Context(), "ask", nil)
				require.NoError(t, err)
				require.JSONEq(t, test.want, text(t, res))
			}
		}
	})
}

// If a list contains an invalid or misleading root, the client sends none of the roots in the list.
func TestBadRootsAreNotSent(t *testing.T) {
	for _, uri := range []string{
		"", "/home/secret", "https://secret.example/", "file:secret", "file:/secret", "file://other.example/secret", "file:///a/../secret",
		"file:///a/%2e%2e/secret", "file:///a/..%2Fsecret", "file:///a/..%5Csecret", "file:///./secret", "file:///a//secret", "file:///se cret",
		"file:///secret?q", "file:///secret#f", "file:///secret\n", "file:///secret%00", "file:///secret%zz", "file://user@localhost/secret",
		"file:///sécret", "file://secret",
	} {
		t.Run(uri, func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				add(srv, "ask", asking(listRoots, nil))
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
					Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) {
						return []mcp.Root{{URI: "file:///private/1"}, {URI: uri}, {URI: "file:///private/2"}}, nil
					},
				}})
				e := fails(t, srv, s, mcpclient.CodeInternal, mcpclient.KindInput)
				require.NotContains(t, e.Error(), "cret", "a path may be private")
				if srv.Era == mcptest.Modern {
					require.Contains(t, e.Error(), "roots[1]")
				}
				for _, r := range srv.Requests("") {
					require.NotContains(t, string(r.Body), "cret")
					require.NotContains(t, string(r.Body), "private")
				}
			})
		})
	}
}

// If the handler returns too many roots, the client sends none of them.
func TestTooManyRoots(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", asking(listRoots, nil))
		roots := make([]mcp.Root, 10_001)
		for i := range roots {
			roots[i].URI = "file:///" + strings.Repeat("a", 1+i%100)
		}
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return roots, nil },
		}})
		fails(t, srv, s, mcpclient.CodeInternal, mcpclient.KindInput)
		roots = roots[:10_000]
		_, err := s.CallTool(t.Context(), "ask", nil)
		require.NoError(t, err)
	})
}

// A legacy server is notified that the roots have changed. A modern server is not notified, because
// its revision has no such notification. Without a handler for roots, RootsChanged fails.
func TestRootsChanged(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		var d diary
		s := connect(t, link, mcpclient.Options{Handlers: d.requestHandlers("roots")})
		srv.Reset()
		require.NoError(t, s.RootsChanged(t.Context()))
		want := []string{rootsChanged}
		if srv.Era == mcptest.Modern {
			want = nil
		}
		require.Equal(t, want, withoutGET(srv.Methods()))
		for _, r := range srv.Requests(rootsChanged) {
			require.Empty(t, r.ID)
			require.NotEmpty(t, r.Session)
		}

		bare := connect(t, link, mcpclient.Options{Handlers: d.requestHandlers("form", "sample")})
		srv.Reset()
		e := failure(t, bare.RootsChanged(t.Context()))
		require.Equal(t, mcpclient.KindInvalid, e.Kind)
		require.True(t, unsent(e))
		require.Empty(t, withoutGET(srv.Methods()))

		require.NoError(t, s.Close())
		err := s.RootsChanged(t.Context())
		if srv.Era == mcptest.Legacy {
			require.Equal(t, mcpclient.KindClosed, failure(t, err).Kind)
		}
		require.Zero(t, srv.Count(rootsChanged))
	})
}

// The notification is safe to repeat, so it is sent again after an overload.
func TestRootsChangedIsRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("roots")})
		refuseOnce(srv, rootsChanged, 503)
		require.NoError(t, s.RootsChanged(t.Context()))
		require.Equal(t, 2, srv.Count(rootsChanged))
	})
}

// withoutGET drops the GET of the shared stream, which may happen at any time.
func withoutGET(methods []string) (rest []string) {
	for _, m := range methods {
		if m != "GET" {
			rest = append(rest, m)
		}
	}
	return rest
}
