package main

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"

	"github.com/hawser-mcp/hawser/transport"
)

// witness is a RoundTripper that records details that explain a failure. It ends retries early if
// the server refuses connections, because the user can repeat the command. It is safe for
// concurrent use.
type witness struct {
	base http.RoundTripper
	// proxy returns the proxy for a request. It is nil if an executor sends the requests.
	proxy func(*http.Request) (*url.URL, error)

	mu        sync.Mutex
	connected bool                // guarded by mu: the session is connected; errors pass unchanged
	refused   int                 // guarded by mu: the number of refused connections
	target    *url.URL            // guarded by mu: the target of the last redirect
	through   string              // guarded by mu: the proxy of the last request, without credentials
	wanted    map[string][]string // guarded by mu: the challenges of the last 401 or 403 from each URL
	cookies   bool                // guarded by mu: the server set cookies
}

// RunsOnce implements the method that [transport.RunsOnce] calls.
func (w *witness) RunsOnce() bool { return transport.RunsOnce(w.base) }

// RoundTrip implements [http.RoundTripper].
func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	through := ""
	if w.proxy != nil {
		if u, err := w.proxy(req); err == nil && u != nil {
			through = u.Scheme + "://" + u.Host
		}
	}
	resp, err := w.base.RoundTrip(req)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.through = through
	if err != nil {
		return resp, w.judge(req, err)
	}
	w.cookies = w.cookies || len(resp.Header["Set-Cookie"]) > 0
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		if w.wanted == nil {
			w.wanted = map[string][]string{}
		}
		w.wanted[plainURL(req.URL)] = resp.Header.Values("Www-Authenticate")
	}
	if location := resp.Header.Get("Location"); location != "" && resp.StatusCode/100 == 3 {
		if target, err := req.URL.Parse(location); err == nil {
			w.target = target
		}
	}
	return resp, nil
}

// judge marks a refused connection as permanent while the session is connecting. For this machine,
// it does so on the first try, because the server is unlikely to start soon. For other machines, it
// does so on the second try.
func (w *witness) judge(req *http.Request, err error) error {
	var link *transport.Error
	if w.connected || !isRefused(err) || !errors.As(err, &link) || error(link) != err || link.Stage != transport.NotSent {
		return err
	}
	if w.refused++; w.refused == 1 && !isThisMachine(req.URL.Hostname()) {
		return err
	}
	final := *link
	final.Permanent = true
	return &final
}

// isRefused reports whether a connection was refused. It recognizes an executor's error by its
// text.
func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), ": connect: connection refused")
}

func isThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// begun records that the session is connected.
func (w *witness) begun() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connected = true
}

// redirect returns the target of the last redirect without its query, as shellURL returns it. It is
// "" if there was no redirect.
func (w *witness) redirect() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.target == nil {
		return ""
	}
	return shellURL(plainURL(w.target))
}

// proxyUsed returns the proxy of the last request, or "" if it used none.
func (w *witness) proxyUsed() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.through
}

// challenged returns the authentication challenges of the last 401 or 403 from an endpoint. Those of
// an authorization server are about something else.
func (w *witness) challenged(endpoint string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wanted[endpoint]
}

// plainURL returns a URL without its query and fragment, which may be secret.
func plainURL(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return plain.String()
}

// hasCookies reports whether the server set cookies.
func (w *witness) hasCookies() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cookies
}
