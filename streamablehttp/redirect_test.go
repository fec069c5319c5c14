package streamablehttp

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// redirecting sends one redirect to each target in order, then the answer. It records the URL and
// body of each request.
type redirecting struct {
	status  int
	targets []string
	seen    []string
	bodies  []*trackedBody
}

func (r *redirecting) RoundTrip(req *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.seen = append(r.seen, fmt.Sprintf("%s %s %s %d %s", req.Method, req.URL, req.Host, req.ContentLength, sent))
	resp := text(http.StatusOK, typeJSON, answer)
	if len(r.targets) > 0 {
		resp = text(r.status, "text/html", "<a href>")
		if r.targets[0] != "" {
			resp.Header.Set("Location", r.targets[0])
		}
		r.targets = r.targets[1:]
	}
	r.bodies = append(r.bodies, resp.Body.(*trackedBody))
	return resp, nil
}

func (r *redirecting) call(t *testing.T, endpoint string) error {
	t.Helper()
	c, err := New(endpoint, Config{RoundTripper: r})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	err = c.do(t.Context(), c.legacy(), new(heard))
	for _, body := range r.bodies {
		require.Positive(t, body.closed.Load(), "bodies are closed")
	}
	return err
}

func TestRedirectFollowed(t *testing.T) {
	const sent = `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`
	for _, row := range []struct{ endpoint, target, next, host string }{
		{"http://server/mcp", "http://server/other?a=b", "http://server/other?a=b", "server"},
		{"http://server/mcp", "/mcp/", "http://server/mcp/", "server"},
		{"http://server/a/mcp", "../b#fragment", "http://server/b", "server"},
		{"http://server/mcp", "//server/x", "http://server/x", "server"},
		{"http://server/mcp", "?q", "http://server/mcp?q", "server"},
		{"http://server/mcp", "http://server:80/", "http://server:80/", "server:80"},
		{"http://server:80/mcp", "http://server/", "http://server/", "server"},
		{"https://server/mcp", "https://server:443/", "https://server:443/", "server:443"},
		{"http://server:8080/mcp", "HTTP://SERVER:8080/x", "http://SERVER:8080/x", "SERVER:8080"},
		{"http://[::1]:8080/mcp", "http://[::1]:8080/x", "http://[::1]:8080/x", "[::1]:8080"},
		{"http://[::1]/mcp", "http://[::1]:80/x", "http://[::1]:80/x", "[::1]:80"},
	} {
		for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			rt := &redirecting{status: status, targets: []string{row.target}}
			require.NoError(t, rt.call(t, row.endpoint), row.target)
			require.Len(t, rt.seen, 2)
			require.Equal(t, fmt.Sprintf("POST %s %s %d %s", row.next, row.host, len(sent), sent), rt.seen[1])
		}
	}
	rt := &redirecting{status: 307, targets: []string{"/1", "/2", "/3"}}
	require.NoError(t, rt.call(t, "http://server/mcp"))
	require.Len(t, rt.seen, 4)
}

func TestRedirectRefused(t *testing.T) {
	for _, row := range []struct {
		endpoint, target, origin string
		statuses                 []int
	}{
		{"http://server/mcp", "http://server/path?token=secret", "http://server", []int{301, 302, 303, 300, 305}},
		{"http://server/mcp", "http://evil.example:81/secret?token=secret#secret", "http://evil.example:81", []int{301, 302, 303, 307, 308}},
		{"http://server/mcp", "//evil.example/secret", "http://evil.example", []int{307, 308}},
		{"https://server/mcp", "http://server/path", "http://server", []int{307, 308}},
		{"http://server/mcp", "https://server/path", "https://server", []int{307, 308}},
		{"http://server/mcp", "http://server:8080/path", "http://server:8080", []int{307, 308}},
		{"http://server:443/mcp", "https://server/path", "https://server", []int{307, 308}},
		{"http://server/mcp", "http://user:secret@server/path", "http://server", []int{301, 307, 308}},
		{"http://server/mcp", "http://secret@server/", "http://server", []int{307}},
		{"http://server/mcp", "http://server@evil.example/secret", "http://evil.example", []int{307}},
		{"http://server/mcp", "http://server.evil.example/secret", "http://server.evil.example", []int{307}},
		{"http://server/mcp", "", "http://server", []int{307, 308}},
		{"http://server/mcp", "http://[secret/", "an invalid target", []int{301, 307}},
		{"http://server/mcp", "http://server:secret/", "an invalid target", []int{302, 308}},
		{"http://server/mcp", "javascript:secret", "an invalid target", []int{302, 307}},
		{"http://server/mcp", "file:///secret", "an invalid target", []int{302, 307}},
		{"http://server/mcp", "http:secret", "an invalid target", []int{307}},
		{"http://server/mcp", "http:///secret", "an invalid target", []int{307}},
		{"http://server/mcp", "http://ev\u202eil/secret", "http://ev\ufffdil", []int{307}},
	} {
		for _, status := range row.statuses {
			rt := &redirecting{status: status, targets: []string{row.target}}
			err := rt.call(t, row.endpoint)
			refused, ok := err.(*RedirectError)
			require.True(t, ok, "%s: %T: %v", row.target, err, err)
			require.Equal(t, status, refused.Status)
			require.Equal(t, row.origin, refused.Origin, row.target)
			require.NotContains(t, err.Error(), "secret", row.target)
			requireOneLine(t, err)
			require.Len(t, rt.seen, 1, "nothing was sent to the target")
		}
	}
	rt := &redirecting{status: 308, targets: []string{"/1", "/2", "/3", "/4?secret"}}
	err := rt.call(t, "http://server/mcp")
	require.IsType(t, (*RedirectError)(nil), err)
	require.NotContains(t, err.Error(), "secret")
	require.Len(t, rt.seen, 4, "three redirects are followed")
}

// A redirect without a target is an ordinary status.
func TestRedirectWithoutTarget(t *testing.T) {
	for _, status := range []int{300, 301, 302, 303, 304} {
		rt := &redirecting{status: status, targets: []string{""}}
		require.IsType(t, (*HTTPError)(nil), rt.call(t, "http://server/mcp"))
	}
}

// Each hop has its own header map, because a decorator may still use the map of the previous hop.
func TestRedirectHasItsOwnHeader(t *testing.T) {
	var kept []http.Header
	rt := roundTripper(func(req *http.Request) (*http.Response, error) {
		req.Header.Set("X-Hop", strconv.Itoa(len(kept)))
		kept = append(kept, req.Header)
		resp := text(http.StatusOK, typeJSON, answer)
		if len(kept) < 3 {
			resp = text(http.StatusTemporaryRedirect, "", "")
			resp.Header.Set("Location", "/next")
		}
		return resp, nil
	})
	_, err := callOnce(t, rt)
	require.NoError(t, err)
	require.Len(t, kept, 3)
	for i, header := range kept {
		require.Equal(t, []string{strconv.Itoa(i)}, header["X-Hop"])
		require.Equal(t, []string{"session-1"}, header[headerSession])
	}
}

// The error shows the target of the redirect without its query, so the user can correct the
// endpoint URL.
func TestRedirectErrorShowsThePath(t *testing.T) {
	for location, want := range map[string]string{
		"/mcp/?key=secret":           "redirect 301 to http://server/mcp/ not followed: only 307 and 308 are followed",
		"https://server/mcp#x":       "redirect 301 to https://server/mcp not followed: only 307 and 308 are followed",
		"https://user:pw@server/a?b": "redirect 301 to https://server/a not followed: only 307 and 308 are followed",
		"https://host/a?b":           "redirect 301 to https://host not followed: only 307 and 308 are followed",
	} {
		_, err := callOnce(t, always(func() *http.Response {
			resp := text(http.StatusMovedPermanently, "", "")
			resp.Header.Set("Location", location)
			return resp
		}))
		require.EqualError(t, err, want)
	}
}
