package streamablehttp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

// echoing answers with what it received of a call: the method, the mirrored name and the cookie.
func echoing(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	http.SetCookie(w, &http.Cookie{Name: "node", Value: "n1"})
	w.Header().Set("Content-Type", typeJSON)
	_, id, _ := strings.Cut(string(body), `"id":`)
	id, _, _ = strings.Cut(id, ",")
	h := r.Header
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":["%s","%s","%s","%s","%s"]}`, id,
		h.Get("Accept"), h.Get(headerName), h.Get("Cookie"), h.Get("X-Own"), h.Get("X-Hook"))
}

// Over a Direct, calls share their headers. Cookies, hooks and headers of one request do not reach
// another, and the templates stay as they are.
func TestSharedHeadersAreNotChanged(t *testing.T) {
	overNetwork(t, echoing, func(t *testing.T, _ *memnet.Network, rt transport.Transport) {
		plain := newConn(t, rt)
		hooked := newConn(t, rt, func(cfg *Config) {
			cfg.Hook = func(_ context.Context, h http.Header) error {
				h.Set("X-Hook", "hook")
				return nil
			}
		})
		for _, c := range []*Conn{plain, hooked} {
			require.NotNil(t, c.owner)
			for _, s := range []*Session{c.legacy(), c.modern()} {
				before := s.post.Clone()
				var group sync.WaitGroup
				for i := range 40 {
					group.Go(func() { callShared(t, c, s, i) })
				}
				group.Wait()
				require.Equal(t, before, s.post)
				if s.modern {
					require.Len(t, s.tools.byName, 3)
					for name, h := range s.tools.byName {
						require.Len(t, h, len(before)+2, name)
					}
				}
			}
		}
	})
}

// callShared makes ten calls of one tool and checks which headers they had.
func callShared(t *testing.T, c *Conn, s *Session, i int) {
	name, own, hook := fmt.Sprint("tool", i%3), "", ""
	req := Request{Method: "tools/call", Name: name, HasName: true}
	if i%4 == 0 {
		own = fmt.Sprint("own", i)
		req.Header = http.Header{"X-Own": {own}}
	}
	if c.hook != nil {
		hook = "hook"
	}
	if !s.modern {
		name = ""
	}
	for round := range 10 {
		req.ID = int64(100*i + round + 1)
		req.Body = fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call"}`, req.ID)
		recv := new(heard)
		if err := c.Call(t.Context(), s, &req, recv); err != nil {
			t.Error(err)
			return
		}
		for _, cookie := range []string{"node=n1", ""} { // none before the first answer
			want := fmt.Sprintf(`[%q,%q,%q,%q,%q]`, typeJSON+", "+typeStream, name, cookie, own, hook)
			if recv.result == want {
				break
			}
			if cookie == "" || round > 0 && !strings.Contains(recv.result, "node=n1") {
				t.Errorf("got %s, want %s", recv.result, want)
			}
		}
	}
}

// A Session keeps the headers of a bounded number of tools, with short names.
func TestKeptToolHeadersAreBounded(t *testing.T) {
	c := newConn(t, transport.NewDirect(nil))
	t.Cleanup(func() { require.NoError(t, c.rt.(transport.Transport).Close()) })
	s := c.modern()
	shared := func(name string) bool {
		out := c.post(s, &Request{Method: "tools/call", Name: name, HasName: true})
		require.Equal(t, []string{encodeHeaderValue(name)}, out.header[headerName])
		return out.shared
	}
	require.False(t, shared(strings.Repeat("x", maxToolName+1)))
	for i := range maxToolHeaders {
		require.True(t, shared(fmt.Sprint("tool", i)))
	}
	require.False(t, shared("one more"))
	require.True(t, shared("tool0"))
	require.Len(t, s.tools.byName, maxToolHeaders)
	read := c.post(s, &Request{Method: "resources/read", Name: "tool0", HasName: true})
	require.False(t, read.shared)
	require.Equal(t, []string{"resources/read"}, read.header[headerMethod])
	mirrored := c.post(s, &Request{Method: "tools/call", Name: "tool0", HasName: true, Params: []Param{{Name: "a", Value: "b"}}})
	require.False(t, mirrored.shared)
}

// A decorator gets a header of its own for each request, because it may write into it.
func TestDecoratorsGetTheirOwnHeader(t *testing.T) {
	var headers []http.Header
	c := newConn(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		req.Header.Set("Authorization", fmt.Sprint(len(headers)))
		headers = append(headers, req.Header)
		return text(http.StatusOK, typeJSON, answer), nil
	}))
	for _, s := range []*Session{c.legacy(), c.modern()} {
		for range 2 {
			require.NoError(t, c.do(t.Context(), s, new(heard)))
		}
		require.NotContains(t, s.post, "Authorization")
	}
	for i, h := range headers {
		require.Equal(t, fmt.Sprint(i), h.Get("Authorization"))
	}
}
