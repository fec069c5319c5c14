package executor_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// sent sends req and returns the request that arrives at the executor.
func (w *world) sent(req *http.Request) *execproto.HTTPRequest {
	w.Helper()
	before := req.Header.Clone()
	ch := w.send(req)
	r := w.l.Request(w.T)
	r.Answer(http.StatusOK, "")
	requireBody(w, w.response(ch), "", nil)
	require.Equal(w, before, req.Header)
	return r.HTTPRequest
}

func TestRequestHeaders(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{})
		req := newRequest(t.Context(), t, http.MethodPost, "hello")
		req.Header = http.Header{
			"X-Twice": {"a", "b", "a"}, "x-odd-SPELLING": {"kept"}, "X-None": {}, "X-Empty": {""}, "X-Text": {"é\t"},
			"Content-Length": {"7"}, "Transfer-Encoding": {"chunked"}, "Connection": {"close"}, "Keep-Alive": {"5"}, "Te": {"trailers"},
			"Trailer": {"x"}, "Upgrade": {"h2c"}, "Proxy-Connection": {"close"}, "Host": {"evil.test"}, "content-length": {"8"},
			"Accept-Encoding": {"br"}, "Mcp-Session-Id": {"s"},
		}
		require.Equal(t, []execproto.Header{
			{Name: "Accept-Encoding", Value: "br"}, {Name: "Mcp-Session-Id", Value: "s"}, {Name: "X-Empty", Value: ""}, {Name: "X-Text", Value: "é\t"},
			{Name: "X-Twice", Value: "a"}, {Name: "X-Twice", Value: "b"}, {Name: "X-Twice", Value: "a"}, {Name: "x-odd-SPELLING", Value: "kept"},
		}, w.sent(req).Headers)
	})
}

// identity is sent if the caller asks for no coding. Some executors would ask for one otherwise, and
// a server that compresses could hold back events.
var identity = execproto.Header{Name: "Accept-Encoding", Value: "identity"}

func TestRequestForms(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*http.Request)
		method  string
		url     string
		headers []execproto.Header
		body    string
		coded   bool
	}{
		"no method":         {change: func(r *http.Request) { r.Method = "" }, method: "GET"},
		"method as it is":   {change: func(r *http.Request) { r.Method = "pUrGe" }, method: "pUrGe"},
		"fragment":          {change: setURL("http://h/p?q=1#frag"), method: "GET", url: "http://h/p?q=1"},
		"no path":           {change: setURL("http://h"), method: "GET", url: "http://h"},
		"escapes":           {change: setURL("http://h/a%2Fb%20c"), method: "GET", url: "http://h/a%2Fb%20c"},
		"userinfo":          {change: setURL("http://u:p%40@h/"), method: "GET", url: "http://h/", headers: []execproto.Header{{Name: "Authorization", Value: "Basic dTpwQA=="}}},
		"POST, no body":     {change: func(r *http.Request) { r.Method = "POST" }, method: "POST", headers: []execproto.Header{{Name: "Content-Length", Value: "0"}}},
		"DELETE, no body":   {change: func(r *http.Request) { r.Method = "DELETE" }, method: "DELETE"},
		"host":              {change: func(r *http.Request) { r.Host = "other.test" }, method: "GET", headers: []execproto.Header{{Name: "Host", Value: "other.test"}}},
		"coding asked for":  {change: func(r *http.Request) { r.Header["accept-encoding"] = []string{"gzip"} }, method: "GET", coded: true, headers: []execproto.Header{{Name: "accept-encoding", Value: "gzip"}}},
		"no host":           {change: func(r *http.Request) { r.Host = "" }, method: "GET"},
		"body":              {change: setBody("hello", 5), method: "POST", body: "hello"},
		"unknown length":    {change: setBody("hello", -1), method: "POST", body: "hello"},
		"empty body":        {change: setBody("", -1), method: "POST", headers: []execproto.Header{{Name: "Content-Length", Value: "0"}}},
		"trailer is unsent": {change: func(r *http.Request) { r.Trailer = http.Header{"X-Late": {"1"}} }, method: "GET"},
		"userinfo and a token": {
			change: func(r *http.Request) { setURL("http://u:p@h/")(r); r.Header.Set("Authorization", "Bearer t") },
			method: "GET", url: "http://h/", headers: []execproto.Header{{Name: "Authorization", Value: "Bearer t"}},
		},
	} {
		fake(t, name, func(t *testing.T) {
			w := newWorld(t, executor.Options{})
			req := newRequest(t.Context(), t, http.MethodGet, "")
			req.Body, req.GetBody = nil, nil
			c.change(req)
			got := w.sent(req)
			if c.url == "" {
				c.url = target
			}
			require.Equal(t, c.method, got.Method)
			require.Equal(t, c.url, got.URL)
			if !c.coded {
				c.headers = append(c.headers, identity)
			}
			require.ElementsMatch(t, c.headers, got.Headers)
			require.Equal(t, c.body, string(got.Body))
		})
	}
}

func setURL(raw string) func(*http.Request) {
	return func(r *http.Request) {
		u, err := url.Parse(raw)
		if err != nil {
			panic(err)
		}
		r.URL, r.Host = u, u.Host
	}
}

func setBody(text string, length int64) func(*http.Request) {
	return func(r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(text)), length
	}
}

// A request that cannot be sent fails permanently and uses no link.
func TestRequestsThatCannotBeSent(t *testing.T) {
	gone := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		change func(*http.Request)
		text   string
		wraps  error
	}{
		"relative":         {change: setURL("/p"), text: "not an absolute http or https URL"},
		"scheme":           {change: setURL("ftp://h/"), text: "not an absolute http or https URL"},
		"no URL":           {change: func(r *http.Request) { r.URL = nil }, text: "not an absolute http or https URL"},
		"opaque":           {change: func(r *http.Request) { r.URL.Opaque = "//evil.test/" }, text: "opaque"},
		"method":           {change: func(r *http.Request) { r.Method = "GET /" }, text: "or the method"},
		"line break":       {change: func(r *http.Request) { r.Header.Set("X-A", "1\r\nX-B: secret") }, text: "header field"},
		"header name":      {change: func(r *http.Request) { r.Header["X A"] = []string{"1"} }, text: "header field"},
		"not UTF-8":        {change: func(r *http.Request) { r.Header.Set("X-A", "secret\xff") }, text: "X-A must be valid UTF-8"},
		"body too short":   {change: setBody("hello", 6), text: "request body", wraps: io.ErrUnexpectedEOF},
		"body too long":    {change: setBody("hello", 4), text: "longer than its ContentLength of 4 bytes"},
		"body fails":       {change: func(r *http.Request) { setBody("", 5)(r); r.Body = io.NopCloser(failing{gone}) }, wraps: gone},
		"length too large": {change: setBody("hello", 1<<40), wraps: executor.ErrTooLarge},
		"body too large": {change: func(r *http.Request) {
			setBody("", -1)(r)
			r.Body = io.NopCloser(io.LimitReader(zeros{}, 48<<20))
		}, wraps: executor.ErrTooLarge},
		"message too large": {change: func(r *http.Request) {
			for i := range 70 {
				r.Header.Set("X-"+string(rune('A'+i%26))+string(rune('A'+i/26)), strings.Repeat("x", 1<<20))
			}
		}, wraps: executor.ErrTooLarge},
	} {
		fake(t, name, func(t *testing.T) {
			w := newWorld(t, executor.Options{})
			req := newRequest(t.Context(), t, http.MethodPost, "")
			c.change(req)
			spy := &closeSpy{ReadCloser: req.Body}
			req.Body = spy
			err := w.failed(w.send(req))
			requireStage(t, err, transport.NotSent, true, c.text)
			require.NotContains(t, err.Error(), "secret")
			if c.wraps != nil {
				require.ErrorIs(t, err, c.wraps)
			}
			require.Equal(t, 1, spy.closed)
			w.works(w.l)
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type closeSpy struct {
	io.ReadCloser
	closed int
}

func (c *closeSpy) Close() error {
	c.closed++
	return c.ReadCloser.Close()
}

var secretHeader = executor.HeaderFromEnv{Origin: "https://mcp.test", Name: "Authorization", Prefix: "Bearer ", Variable: "TOKEN"}

func TestHeadersFromEnv(t *testing.T) {
	for raw, filled := range map[string]bool{
		"https://mcp.test/mcp": true, "https://mcp.test:443/": true, "https://MCP.test/": true, "HTTPS://mcp.test/": true,
		"http://mcp.test/": false, "https://mcp.test:8443/": false, "https://mcp.test.evil/": false, "https://evil.test/mcp.test": false,
		"https://mcp.test@evil.test/": false, "https://xmcp.test/": false, "http://mcp.test:443/": false, "https://u:p@mcp.test/": false,
	} {
		fake(t, strings.ReplaceAll(raw, "/", "_"), func(t *testing.T) {
			w := newWorld(t, executor.Options{HeadersFromEnv: []executor.HeaderFromEnv{secretHeader}})
			req := newRequest(t.Context(), t, http.MethodGet, "")
			setURL(raw)(req)
			var got []execproto.Header
			for _, h := range w.sent(req).Headers {
				if h.EnvVar != "" {
					got = append(got, h)
				}
			}
			if filled {
				require.Equal(t, []execproto.Header{{Name: "Authorization", Value: "Bearer ", EnvVar: "TOKEN"}}, got)
			} else {
				require.Empty(t, got)
			}
			req.Host = "evil.test" // otherwise another virtual host would get the secret
			for _, h := range w.sent(req).Headers {
				require.Empty(t, h.EnvVar)
			}
			setURL("https://mcp.test/")(req)
			req.Header.Set("authorization", "mine")
			require.Equal(t, []execproto.Header{identity, {Name: "Authorization", Value: "mine"}}, w.sent(req).Headers)
		})
	}
}

func TestHeadersFromEnvNeedTheCapability(t *testing.T) {
	for _, mode := range modes {
		fake(t, mode.name, func(t *testing.T) {
			x := &exectest.Executor{Greet: func(l *exectest.Link) {
				greet(func(id string) []string {
					return []string{`{"id":` + id + `,"result":{"environmentInfo":{"capabilities":{"httpReady":true}}}}`}
				})(l)
				_, _ = l.Next()
			}}
			opts := executor.Options{HeadersFromEnv: []executor.HeaderFromEnv{secretHeader}, Shared: mode.shared}
			rt, err := executor.Open(t.Context(), x.Dial, &opts)
			require.NoError(t, err)
			defer rt.Close()
			w := &world{t, x, rt, x.Accept()}
			for range 3 {
				req := newRequest(t.Context(), t, http.MethodGet, "")
				setURL("https://mcp.test/")(req)
				requireStage(t, w.failed(w.send(req)), transport.NotSent, true, "cannot fill header fields")
			}
			w.works(w.l) // the field is not sent to that origin
			require.Equal(t, 1, x.Dials())
		})
	}
}

func TestHeadersFromEnvAreChecked(t *testing.T) {
	for name, change := range map[string]func(*executor.HeaderFromEnv){
		"no origin": func(h *executor.HeaderFromEnv) { h.Origin = "" }, "path": func(h *executor.HeaderFromEnv) { h.Origin += "/x" },
		"query": func(h *executor.HeaderFromEnv) { h.Origin += "?x" }, "scheme": func(h *executor.HeaderFromEnv) { h.Origin = "ws://h" },
		"userinfo": func(h *executor.HeaderFromEnv) { h.Origin = "https://u@h" }, "name": func(h *executor.HeaderFromEnv) { h.Name = "a b" },
		"framing": func(h *executor.HeaderFromEnv) { h.Name = "host" }, "prefix": func(h *executor.HeaderFromEnv) { h.Prefix = "\n" },
		"variable": func(h *executor.HeaderFromEnv) { h.Variable = "" },
	} {
		h := secretHeader
		change(&h)
		_, err := executor.Dial(t.Context(), "ws://127.0.0.1:1", &executor.Options{HeadersFromEnv: []executor.HeaderFromEnv{h}})
		require.ErrorContains(t, err, "HeadersFromEnv", name)
	}
}
