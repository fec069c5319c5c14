package streamablehttp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// cookieServer answers each request with the next list of Set-Cookie lines, and records the Cookie
// headers.
func cookieServer(set ...[]string) (rt roundTripper, sent *[]string) {
	sent = new([]string)
	return func(req *http.Request) (*http.Response, error) {
		*sent = append(*sent, strings.Join(req.Header["Cookie"], "|"))
		resp := text(200, typeJSON, answer)
		if n := len(*sent); n <= len(set) {
			resp.Header["Set-Cookie"] = set[n-1]
		}
		resp.Request = req
		return resp, nil
	}, sent
}

// The client returns each cookie to the endpoint unchanged, on matching paths, until the cookie
// expires.
func TestCookies(t *testing.T) {
	for name, row := range map[string]struct{ set, want string }{
		"plain":                {"a=1", "a=1"},
		"attributes":           {"AWSALB=x/y+z=; Expires=Fri, 01 Jan 2100 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax", "AWSALB=x/y+z="},
		"quoted":               {`a="b c"`, `a="b c"`},
		"path of the endpoint": {"a=1; Path=/mcp", "a=1"},
		"path above":           {"a=1; Path=/m", ""},
		"path elsewhere":       {"a=1; Path=/other", ""},
		"own domain":           {"a=1; Domain=server", "a=1"},
		"parent domain":        {"a=1; Domain=.example.com", ""},
		"Secure over http":     {"a=1; Secure", ""},
		"expired":              {"a=1; Max-Age=0", ""},
		"expires":              {"a=1; Max-Age=1", ""},
		"past":                 {"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ""},
		"huge":                 {"a=" + strings.Repeat("x", 4<<10), ""},
		"no cookie":            {"\x01", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt, sent := cookieServer([]string{row.set})
				c := newConn(t, rt)
				require.NoError(t, c.do(t.Context(), c.legacy(), &heard{}))
				time.Sleep(time.Second)
				require.NoError(t, c.do(t.Context(), c.legacy(), &heard{}))
				require.Equal(t, []string{"", row.want}, *sent)
			})
		})
	}
}

// The server can replace or delete a cookie by its name. GET and DELETE requests carry cookies like
// POST.
func TestCookiesChange(t *testing.T) {
	rt, sent := cookieServer([]string{"a=1", "b=2"}, []string{"a=3"}, []string{"b=; Max-Age=0"})
	c := newConn(t, rt)
	for range 3 {
		require.NoError(t, c.do(t.Context(), c.legacy(), &heard{}))
	}
	require.Error(t, c.Listen(t.Context(), c.legacy(), new(Cursor), &heard{}, nil))
	require.NoError(t, c.Delete(t.Context(), c.legacy()))
	require.Equal(t, []string{"", "a=1; b=2", "b=2; a=3", "a=3", "a=3"}, *sent)
}

// The caller's Cookie header takes precedence. With NoCookies, the Conn keeps no cookies.
func TestCookiesOfTheCaller(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"Header": func(cfg *Config) { cfg.Header = http.Header{"Cookie": {"mine=1"}} },
		"Hook": func(cfg *Config) {
			cfg.Hook = func(_ context.Context, h http.Header) error { h.Set("Cookie", "mine=1"); return nil }
		},
		"NoCookies": func(cfg *Config) { cfg.NoCookies = true },
	} {
		t.Run(name, func(t *testing.T) {
			rt, sent := cookieServer([]string{"a=1"})
			c := newConn(t, rt, change)
			for range 2 {
				require.NoError(t, c.do(t.Context(), c.legacy(), &heard{}))
			}
			want := "mine=1"
			if name == "NoCookies" {
				want = ""
			}
			require.Equal(t, []string{want, want}, *sent)
		})
	}
}

// The cookies that a server can make the client keep and send are bounded.
func TestCookiesAreBounded(t *testing.T) {
	var many, large []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("c%d=1", i))
		large = append(large, fmt.Sprintf("c%d=%s", i, strings.Repeat("x", 3000)))
	}
	rt, sent := cookieServer(many, large)
	c := newConn(t, rt)
	for range 3 {
		require.NoError(t, c.do(t.Context(), c.legacy(), &heard{}))
	}
	require.Equal(t, 32, strings.Count((*sent)[1], "="))
	require.Contains(t, (*sent)[1], "c99=1")
	require.LessOrEqual(t, len((*sent)[2]), 8<<10)
	require.Contains(t, (*sent)[2], "c99=")
}

// Cookies are neither accepted from another origin nor sent to it.
func TestCookiesStayAtTheirOrigin(t *testing.T) {
	var sent []string
	c := newConn(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		sent = append(sent, req.URL.String()+" "+req.Header.Get("Cookie"))
		resp := text(200, typeJSON, answer)
		resp.Request = req
		switch len(sent) {
		case 1: // the redirect of the same origin sets one
			resp = text(307, "", "")
			resp.Header.Set("Location", "/mcp/")
			resp.Header.Set("Set-Cookie", "a=1; Path=/")
		case 3: // the RoundTripper followed a redirect
			elsewhere, err := url.Parse("http://server:81/mcp")
			require.NoError(t, err)
			resp.Request = &http.Request{URL: elsewhere}
			resp.Header.Set("Set-Cookie", "evil=1")
		case 4:
			resp = text(307, "", "")
			resp.Header.Set("Location", "https://server/mcp")
			resp.Header.Set("Set-Cookie", "b=1")
		}
		return resp, nil
	}))
	for range 2 {
		require.NoError(t, c.do(t.Context(), c.legacy(), &heard{}))
	}
	var redirect *RedirectError
	require.ErrorAs(t, c.do(t.Context(), c.legacy(), &heard{}), &redirect)
	require.Equal(t, []string{"http://server/mcp ", "http://server/mcp/ a=1", "http://server/mcp a=1", "http://server/mcp a=1"}, sent)
}

// A cookie that the server quotes in an error text is masked.
func TestCookiesAreMasked(t *testing.T) {
	n := 0
	c := newConn(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		resp := text(200, typeJSON, answer)
		resp.Header.Set("Set-Cookie", "node=topsecret1")
		if n++; n > 1 {
			resp = text(500, "text/plain", "your cookie was topsecret1")
		}
		resp.Request = req
		return resp, nil
	}))
	require.NoError(t, c.do(t.Context(), c.legacy(), &heard{}))
	err := c.do(t.Context(), c.legacy(), &heard{})
	require.Error(t, err)
	for _, shown := range []string{err.Error(), fmt.Sprintf("%+v", c)} {
		require.NotContains(t, shown, "topsecret1")
	}
}
