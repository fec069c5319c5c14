package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/transport"
)

// mistake is a mistake that users often make.
type mistake struct {
	name string
	// make returns the machine, the command line and the additions that the hinted command needs.
	make func(t *testing.T) (m machine, args []string, cure cure)
	code int
	// cause and hint are the texts in README.md, with placeholders such as URL, HOST and PORT.
	cause, hint string
	// fake means that the test runs in fake time.
	fake bool
}

// cure is what the user adds to the hinted command, and the expected exit code of that command.
type cure struct {
	vars map[string]string
	args []string
	code int
}

// replies returns a RoundTripper that gives the same reply to every request.
func replies(status int, header http.Header, body string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return &http.Response{
			StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header.Clone(), Request: r,
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}, nil
	})
}

type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// guarded returns an HTTP server, not yet started, that serves srv at /mcp. It calls first for each
// request. If first returns true, srv does not receive the request.
func guarded(t *testing.T, srv *mcptest.Server, first func(w http.ResponseWriter, r *http.Request) bool) *httptest.Server {
	t.Helper()
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case first != nil && first(w, r):
		case r.URL.Path != "/mcp":
			http.NotFound(w, r)
		default:
			srv.ServeHTTP(w, r)
		}
	}))
	front.Config.ErrorLog = nil
	t.Cleanup(func() { front.Close(); srv.Close() })
	return front
}

func plainly(front *httptest.Server) string { front.Start(); return front.URL }

// refuses returns a handler that refuses a request with the given status unless the header has the
// given value. The handler returns true if it has refused the request.
func refuses(header, value string, status int, challenge, body string) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get(header) == value {
			return false
		}
		if challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
		}
		http.Error(w, body, status)
		return true
	}
}

// deadPort returns a loopback address on which nothing listens.
func deadPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

// authority writes the certificate of a TLS server to a file and returns the file's name.
func authority(t *testing.T, front *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600))
	return file
}

func modern() *mcptest.Server {
	srv := mcptest.New(mcptest.Modern)
	srv.Tools = []*mcptest.Tool{{Name: "brew", Schema: tea}}
	return srv
}

func onServer(args ...string) func(t *testing.T) (machine, []string, cure) {
	return func(t *testing.T) (machine, []string, cure) {
		t.Helper()
		return machine{}, append([]string{args[0], plainly(guarded(t, modern(), nil)) + "/mcp"}, args[1:]...), cure{}
	}
}

func onPath(path string, first func(w http.ResponseWriter, r *http.Request) bool, cured cure) func(t *testing.T) (machine, []string, cure) {
	return func(t *testing.T) (machine, []string, cure) {
		t.Helper()
		return machine{}, []string{"tools", plainly(guarded(t, modern(), first)) + path}, cured
	}
}

func onNetwork(network http.RoundTripper, cured cure) func(t *testing.T) (machine, []string, cure) {
	return func(*testing.T) (machine, []string, cure) {
		return machine{transport: network}, []string{"tools", "https://mcp.example.com/mcp"}, cured
	}
}

var commonMistakes = []mistake{
	{name: "no scheme", make: func(*testing.T) (machine, []string, cure) {
		return machine{}, []string{"tools", "mcp.example.com/mcp"}, cure{}
	},
		code: exitUsage, cause: "the URL must begin with http:// or https://", hint: "did you mean https://mcp.example.com/mcp ?"},
	{name: "wrong host", make: onNetwork(roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, transport.Failed(transport.NotSent, "send request", &net.DNSError{Err: "no such host", Name: "mcp.example.com", IsNotFound: true})
	}), cure{}), code: exitNotRun, cause: "cannot connect to URL: no such host: mcp.example.com", hint: "check the spelling of the host name"},
	{name: "wrong port", make: func(t *testing.T) (machine, []string, cure) {
		return machine{}, []string{"tools", "http://" + deadPort(t) + "/mcp"}, cure{}
	}, code: exitNotRun, cause: "cannot connect to URL: connection refused", hint: "check that the server is running and listens on this port"},
	{name: "wrong path, or 404", make: onPath("/api", nil, cure{}), code: exitRefused,
		cause: "cannot connect to URL: HTTP status 404 Not Found: 404 page not found",
		hint:  "there is an MCP endpoint at another path; try: hawser ping ORIGIN/mcp"},
	{name: "http on a port for TLS", make: func(t *testing.T) (machine, []string, cure) {
		front := guarded(t, modern(), nil)
		front.StartTLS()
		return machine{}, []string{"tools", "http://" + front.Listener.Addr().String() + "/mcp"}, cure{args: []string{"--cacert", authority(t, front)}}
	}, code: exitRefused, cause: "cannot connect to URL: HTTP status 400 Bad Request: Client sent an HTTP request to an HTTPS server.",
		hint: "the port expects TLS; try: hawser ping https://HOST/mcp"},
	{name: "https on a port without TLS", make: func(t *testing.T) (machine, []string, cure) {
		return machine{}, []string{"tools", strings.Replace(plainly(guarded(t, modern(), nil)), "http:", "https:", 1) + "/mcp"}, cure{}
	}, code: exitNotRun, cause: "cannot connect to URL: the server does not speak TLS on this port",
		hint: "try http instead of https: hawser ping http://HOST/mcp"},
	{name: "proxy refused", make: func(t *testing.T) (machine, []string, cure) {
		proxy := &url.URL{Scheme: "http", Host: deadPort(t), User: url.UserPassword("me", "secret")}
		return machine{proxy: func(*http.Request) (*url.URL, error) { return proxy, nil }}, []string{"tools", plainly(guarded(t, modern(), nil)) + "/mcp"}, cure{}
	}, code: exitNotRun, cause: "cannot connect to URL: the proxy http://PROXY did not connect: connection refused",
		hint: "check HTTPS_PROXY and HTTP_PROXY, or try without the proxy: NO_PROXY=127.0.0.1 hawser ping URL"},
	{name: "401, API key", make: onPath("/mcp", refuses("X-API-Key", "sesame-1", 401, "", "missing API key"), cure{vars: map[string]string{"KEY": "sesame-1"}}),
		code: exitAuth, cause: "cannot connect to URL: HTTP status 401 Unauthorized: missing API key",
		hint: "the server takes an API key: --header 'X-API-Key: env:KEY'"},
	{name: "401, password", make: onPath("/mcp", refuses("Authorization", "Basic c2VzYW1l", 401, `Basic realm="tea"`, "no"), cure{vars: map[string]string{"CREDENTIALS": "c2VzYW1l"}}),
		code: exitAuth, cause: "cannot connect to URL: HTTP status 401 Unauthorized: no",
		hint: "the server takes a user name and a password: --header 'Authorization: Basic env:CREDENTIALS' (base64 of NAME:PASSWORD)"},
	{name: "bad token", make: func(t *testing.T) (machine, []string, cure) {
		address := plainly(guarded(t, modern(), refuses("Authorization", "Bearer sesame-2", 401, "", "no"))) + "/mcp"
		return machine{vars: map[string]string{"TOKEN": "stale-1"}}, []string{"tools", address, "-H", "Authorization: Bearer env:TOKEN"},
			cure{vars: map[string]string{"TOKEN": "sesame-2"}}
	}, code: exitAuth, cause: "cannot connect to URL: HTTP status 401 Unauthorized: no",
		hint: "the server rejected the Authorization header; the token may have expired; get a new one and send it: --header 'Authorization: Bearer env:TOKEN'"},
	{name: "403, host check", make: onPath("/mcp", func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Host, "localhost:") {
			return false
		}
		http.Error(w, "Invalid Host header", http.StatusForbidden)
		return true
	}, cure{}), code: exitRefused, cause: "cannot connect to URL: HTTP status 403 Forbidden: Invalid Host header",
		hint: "the server does not accept this host name; try: hawser ping http://localhost:PORT/mcp"},
	{name: "405", make: onPath("/api", func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/api" {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		return r.URL.Path == "/api"
	}, cure{}), code: exitRefused, cause: "cannot connect to URL: HTTP status 405 Method Not Allowed",
		hint: "there is an MCP endpoint at another path; try: hawser ping ORIGIN/mcp"},
	{name: "406", make: onNetwork(replies(http.StatusNotAcceptable, http.Header{"Content-Type": {"text/plain"}}, "not acceptable"), cure{code: exitRefused}),
		code: exitRefused, cause: "cannot connect to URL: HTTP status 406 Not Acceptable: not acceptable",
		hint: "the server or a proxy does not accept JSON and event streams; see what it received with: hawser ping URL --trace"},
	{name: "429", fake: true, make: onNetwork(replies(http.StatusTooManyRequests, http.Header{"Retry-After": {"7"}}, ""), cure{}),
		code: exitNotRun, cause: "cannot connect to URL: HTTP status 429 Too Many Requests",
		hint: "the server limits requests; wait, then run the command again"},
	{name: "502", fake: true, make: onNetwork(replies(http.StatusBadGateway, http.Header{"Content-Type": {"text/html"}}, "<html>oops"), cure{code: exitRefused}),
		code: exitRefused, cause: "cannot connect to URL: HTTP status 502 Bad Gateway, with an HTML page",
		hint: "a proxy answered because the server is down or starting; try again later with: hawser ping URL"},
	{name: "web page", make: func(t *testing.T) (machine, []string, cure) {
		return machine{}, []string{"tools", page(t, http.StatusOK, "text/html", "<!doctype html><p>Welcome") + "/home"}, cure{}
	}, code: exitRefused, cause: "cannot connect to URL: expected an MCP server, got a web page",
		hint: "check that this is the URL of an MCP endpoint; many end in /mcp"},
	{name: "old SSE URL", make: onPath("/sse", nil, cure{}), code: exitRefused,
		cause: "cannot connect to URL: HTTP status 404 Not Found: 404 page not found",
		hint:  "there is an MCP endpoint at another path; try: hawser ping ORIGIN/mcp"},
	{name: "arguments are not JSON", make: onServer("call", "brew", "{tea: green}"), code: exitUsage,
		cause: "the arguments are not JSON: column 2: invalid character 't' looking for beginning of object key string",
		hint:  `quote the JSON for the shell, '{"name": "value"}', or write name=value`},
	{name: "no such tool", make: onServer("call", "brwe", "tea=green"), code: exitUsage,
		cause: "the server has no tool brwe", hint: "did you mean brew?"},
	{name: "missing argument", make: onServer("call", "brew", "cups=1"), code: exitUsage,
		cause: "invalid arguments for the tool brew: lacks \"tea\"", hint: "it takes tea (string, required), cups (integer)"},
	{name: "no executor", make: func(t *testing.T) (machine, []string, cure) {
		return machine{}, []string{"tools", "http://mcp.test/mcp", "--executor", "ws://" + deadPort(t)}, cure{}
	}, code: exitNotRun, cause: "cannot use the executor: connection refused", hint: "check that the executor is running at this address"},
	{name: "401, login", fake: true, make: behindLogin(nil), code: exitAuth,
		cause: "not logged in to URL", hint: "hawser login URL (or send a token: " + bearerHint + ")"},
	{name: "expired login", fake: true, make: behindLogin(func(w *authtest.World) { w.Server.RevokeAll(true) }), code: exitAuth,
		cause: "the login to URL has expired or was revoked", hint: "hawser login URL (or send a token: " + bearerHint + ")"},
	{name: "read-only store", make: func(t *testing.T) (machine, []string, cure) {
		return machine{}, []string{"login", plainly(guarded(t, modern(), nil)) + "/mcp", "--store", "/proc/tokens"}, cure{}
	}, code: exitUsage, cause: "cannot store tokens: oauth/filestore: /proc/tokens: mkdir /proc/tokens", hint: storeHint},
}

// behindLogin returns a mistake at a server that requires a login. If expire is not nil, the user has
// logged in, and expire ends that login.
func behindLogin(expire func(w *authtest.World)) func(t *testing.T) (machine, []string, cure) {
	return func(t *testing.T) (machine, []string, cure) {
		t.Helper()
		world, srv := authtest.New(t), modern()
		t.Cleanup(srv.Close)
		world.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
		m := machine{transport: world.Transport, login: visits(world)}
		store := []string{"--store", filepath.Join(t.TempDir(), "tokens")}
		if expire != nil {
			r := m.hawser(t, append([]string{"login", world.Resource.URL}, store...)...)
			require.Equal(t, exitOK, r.code, r.err)
			expire(world)
		}
		return m, append([]string{"tools", world.Resource.URL}, store...), cure{}
	}
}

// hinted matches the command or the header in a hint.
var hinted = regexp.MustCompile(`(NO_PROXY=\S+ )?hawser ((?:ping|login) \S+(?: --[a-z-]+(?: [^\s(-]\S*)?)*)|--header '([^']+)'`)

// TestCommonMistakes checks that each mistake has a one-line cause, a hint and the expected exit
// code. It also checks that README.md lists the mistakes and that commands in hints work.
func TestCommonMistakes(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, c := range commonMistakes {
		run := func(t *testing.T) {
			m, args, cure := c.make(t)
			r := m.hawser(t, args...)
			lines := strings.Split(strings.TrimSpace(r.err), "\n")
			for len(lines) > 0 && strings.Contains(lines[0], "; trying again in ") {
				lines = lines[1:]
			}
			require.Len(t, lines, 2, r.err)
			require.Equal(t, c.code, r.code, r.err)
			require.NotContains(t, r.err, "secret")
			cause, hint := general(lines[0], args[1], m), general(lines[1], args[1], m)
			require.Contains(t, cause, "hawser: "+c.cause)
			require.Equal(t, "hint: "+c.hint, hint)
			runHint(t, m, args, lines[1], cure)
		}
		t.Run(c.name, func(t *testing.T) {
			if c.fake {
				synctest.Test(t, run)
			} else {
				run(t)
			}
		})
		row := fmt.Sprintf("| %s | %s | %s | %d |\n", c.name, c.cause, strings.ReplaceAll(c.hint, "|", `\|`), c.code)
		if !strings.Contains(string(readme), row) {
			t.Errorf("README.md lacks the row %s", row)
		}
	}
}

// runHint runs the command in a hint, or repeats the failed command with the header in the hint.
func runHint(t *testing.T, m machine, args []string, hint string, cure cure) {
	t.Helper()
	found := hinted.FindStringSubmatch(hint)
	if found == nil {
		return
	}
	if found[1] != "" {
		m.proxy = nil
	}
	m.vars = cure.vars
	command := strings.Fields(found[2])
	if found[3] != "" {
		command = []string{"ping", args[1], "--header", found[3]}
	}
	r := m.hawser(t, append(command, cure.args...)...)
	require.Equal(t, cure.code, r.code, "%q: %s", command, r.err)
}

// storeFlag matches the flag that hinted commands keep.
var storeFlag = regexp.MustCompile(` --store /\S+`)

// general replaces the addresses in text with placeholders such as URL, HOST and PORT, as in
// README.md.
func general(text, address string, m machine) string {
	if strings.Contains(address, "://") {
		text = strings.ReplaceAll(text, address, "URL")
	}
	text = storeFlag.ReplaceAllString(text, "")
	if m.proxy != nil {
		if proxy, err := m.proxy(nil); err == nil {
			text = strings.ReplaceAll(text, proxy.Host, "PROXY")
		}
	}
	if u, err := url.Parse(address); err == nil && u.Port() != "" {
		text = strings.ReplaceAll(text, u.Scheme+"://"+u.Host, "ORIGIN")
		text = strings.ReplaceAll(strings.ReplaceAll(text, u.Host, "HOST"), u.Port(), "PORT")
	}
	return text
}
