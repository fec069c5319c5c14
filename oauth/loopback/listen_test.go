package loopback

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// listening calls l.listen. It closes the listeners when the test ends.
func listening(t *testing.T, l *Login, last string) (listeners []net.Listener, redirect *url.URL) {
	t.Helper()
	listeners, redirect, err := l.listen(last)
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, ln := range listeners {
			ln.Close()
		}
	})
	return listeners, redirect
}

// freePort returns a port that was free when it was checked.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	return port
}

// A login uses the port of the last login again, so that the client need not register another
// redirect URI.
func TestPortOfTheLastLogin(t *testing.T) {
	port := freePort(t)
	last := "http://127.0.0.1:" + port + "/callback"
	_, first := listening(t, &Login{}, last)
	require.Equal(t, last, first.String())
	_, second := listening(t, &Login{}, last)
	require.NotEqual(t, last, second.String(), "the port is taken")

	for _, other := range []string{"", "https://app.example.com:" + port + "/callback", "http://192.0.2.1:" + port + "/", "http://127.0.0.1/callback", "http://127.0.0.1:99999/", ":"} {
		require.Zero(t, portOf(other), other)
	}
}

func TestPortThatIsTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	err = (&Login{Port: ln.Addr().(*net.TCPAddr).Port}).Login(t.Context(), &script{})
	require.ErrorContains(t, err, "oauth/loopback: listen tcp "+ln.Addr().String())
}

func TestFixedPort(t *testing.T) {
	port, err := strconv.Atoi(freePort(t))
	require.NoError(t, err)
	_, redirect := listening(t, &Login{Port: port, Path: "/oauth/back"}, "http://127.0.0.1:1/callback")
	require.Equal(t, "http://127.0.0.1:"+strconv.Itoa(port)+"/oauth/back", redirect.String())
}

// The login listens on both addresses of localhost. Otherwise another program could listen on the
// second one and receive the code.
func TestLocalhostIsBothAddresses(t *testing.T) {
	listeners, redirect := listening(t, &Login{Host: "LocalHost"}, "")
	require.Equal(t, "localhost", redirect.Hostname())
	want := []string{"127.0.0.1:" + redirect.Port()}
	if has("::1") {
		want = append(want, "[::1]:"+redirect.Port())
	}
	var got []string
	for _, ln := range listeners {
		got = append(got, ln.Addr().String())
	}
	require.Equal(t, want, got)
}

func TestLocalhostWhoseOtherAddressIsTaken(t *testing.T) {
	if !has("::1") {
		return // localhost has only one address on this machine
	}
	ln, err := net.Listen("tcp", "[::1]:0")
	require.NoError(t, err)
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	_, redirect := listening(t, &Login{Host: "localhost"}, "http://localhost:"+port+"/callback")
	require.NotEqual(t, port, redirect.Port())
}

func TestHosts(t *testing.T) {
	for host, want := range map[string]string{
		"": "127.0.0.1", "127.0.0.1": "127.0.0.1", "localhost": "localhost", "[::1]": "::1", "0:0:0:0:0:0:0:1": "::1",
	} {
		if want == "::1" && !has("::1") {
			continue
		}
		_, redirect := listening(t, &Login{Host: host}, "")
		require.Equal(t, want, redirect.Hostname(), host)
	}
	for _, host := range []string{"0.0.0.0", "::", "192.0.2.1", "example.com", "localhost.example.com", "::1%lo", "127.0.0.1:80"} {
		_, _, err := (&Login{Host: host}).listen("")
		require.ErrorContains(t, err, "not loopback", host)
	}
	for _, path := range []string{"callback", "/a b", "/a?b", "/a#b", "/é", "?"} {
		_, _, err := (&Login{Path: path}).listen("")
		require.ErrorContains(t, err, "path", path)
	}
}

// A login uses the path that the client proposes, unless one is configured. If it cannot use the
// port of a registration from before paths were distinct, it uses a new path.
func TestProposedPath(t *testing.T) {
	port := freePort(t)
	for _, c := range []struct{ path, proposed, want string }{
		{"", "http://127.0.0.1/callback/abc", "/callback/abc"},
		{"", "http://127.0.0.1:" + port + "/callback/abc", "/callback/abc"},
		{"", "http://127.0.0.1:" + port + "/callback", "/callback"},
		{"", "", "/callback"},
		{"", "https://evil.example/x", "/callback"},
		{"", "http://127.0.0.1/a%20b", "/callback"},
		{"/callback", "http://127.0.0.1/callback/abc", "/callback"},
		{"/mine", "http://127.0.0.1:" + port + "/callback", "/mine"},
	} {
		listeners, redirect := listening(t, &Login{Path: c.path}, c.proposed)
		require.Equal(t, c.want, redirect.Path, c)
		for _, ln := range listeners {
			require.NoError(t, ln.Close())
		}
	}
	_, first := listening(t, &Login{}, "http://127.0.0.1:"+port+"/callback")
	require.Equal(t, "/callback", first.Path)
	for _, l := range []*Login{{}, {Port: must(strconv.Atoi(freePort(t)))}} {
		_, other := listening(t, l, "http://127.0.0.1:"+port+"/callback")
		require.Regexp(t, "^/callback/[a-z0-9]{26}$", other.Path)
	}
	_, other := listening(t, &Login{}, "http://127.0.0.1:"+port+"/callback/abc")
	require.Equal(t, "/callback/abc", other.Path, "it is distinct already")
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// A configured callback is used exactly. Only a missing port is added.
func TestCallback(t *testing.T) {
	port := freePort(t)
	for _, callback := range []string{
		"http://127.0.0.1:" + port + "/callback", "http://localhost:" + port + "/oauth2/back", "http://LocalHost:" + port, "http://127.0.0.1:" + port + "/",
	} {
		require.NoError(t, (&Login{Callback: callback}).Check())
		g := start(t.Context(), t, &Login{Callback: callback}, &script{last: "http://127.0.0.1/callback/abc"})
		require.Equal(t, callback, g.redirect)
		require.Equal(t, http.StatusOK, g.comeBack().status, callback)
		require.NoError(t, <-g.result)
		require.Equal(t, []string{callback + "?code=SECRET&state=" + goodState}, g.flow.completed())
	}
	_, redirect := listening(t, &Login{Callback: "http://localhost/callback"}, "")
	require.Regexp(t, `^http://localhost:\d+/callback$`, redirect.String())

	for callback, why := range map[string]string{
		"https://localhost:1/": "expected http://", "localhost:1/callback": "expected http://", "http://localhost:1/a?b": "expected http://",
		"http://localhost:1/#": "expected http://", "http://me@localhost:1/": "expected http://", "://": "expected http://",
		"http://example.com:1/": "not loopback", "http://0.0.0.0:1/": "not loopback", "http://localhost:0/": "port", "http://localhost:99999/": "port",
		"http://localhost:1/a%20b": "path", "http://[0:0:0:0:0:0:0:1]:1/": "::1",
	} {
		require.ErrorContains(t, (&Login{Callback: callback}).Check(), why, callback)
		require.ErrorContains(t, (&Login{Callback: callback}).Login(t.Context(), &script{}), why, callback)
	}
	for _, l := range []Login{{Port: 1}, {Host: "localhost"}, {Path: "/a"}} {
		l.Callback = "http://localhost:1/"
		require.ErrorContains(t, l.Check(), "excludes")
	}
}

// A callback at another path than that of this login has no effect, even with the right state.
func TestCallbackAtAnotherPath(t *testing.T) {
	g := start(t.Context(), t, &Login{}, &script{last: "http://127.0.0.1/callback/mine"})
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/callback/mine$`, g.redirect)
	for _, path := range []string{"/callback", "/callback/", "/callback/other", "/callback/mine/", "/callback/MINE"} {
		page := g.visit("http://" + g.origin() + path + "?code=SECRET&state=" + goodState)
		require.Equal(t, http.StatusNotFound, page.status, path)
		require.Contains(t, page.body, "came back to another address")
		require.NotContains(t, page.body, "SECRET")
	}
	require.Empty(t, g.flow.completed())
	g.goesOn()
}

// Browsers omit port 80 from the Host header.
func TestHostOfPort80(t *testing.T) {
	v := newVisit(&script{}, &url.URL{Scheme: "http", Host: "127.0.0.1:80", Path: "/callback"})
	require.True(t, v.isHost("127.0.0.1"))
	require.True(t, v.isHost("127.0.0.1:80"))
	require.False(t, v.isHost("127.0.0.1:8080"))
	require.False(t, v.isHost(""))
}

func TestRootPath(t *testing.T) {
	g := start(t.Context(), t, &Login{Path: "/"}, &script{})
	page := g.comeBack()
	require.NoError(t, <-g.result)
	require.Equal(t, http.StatusOK, page.status)
	require.Equal(t, "/done", page.address.RequestURI())
}
