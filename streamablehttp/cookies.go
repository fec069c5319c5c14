package streamablehttp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/httprule"
)

// Limits on the cookies that a Conn keeps and sends.
const (
	// maxCookies is the number of cookies kept. When it is reached, a new cookie replaces the
	// oldest.
	maxCookies = 32
	// maxCookie bounds the name and value of one cookie together, in bytes. A longer cookie is
	// dropped.
	maxCookie = 4 << 10
	// maxCookieHeader bounds the Cookie header, in bytes. Many servers refuse longer headers.
	// Cookies that do not fit are left out, the oldest first.
	maxCookieHeader = 8 << 10
)

// cookies holds the cookies that the endpoint set. Most come from a load balancer that pins a
// session to a node. All requests of a Conn go to the endpoint's origin, so a Domain attribute does
// not send a cookie anywhere else. It is safe for concurrent use.
type cookies struct {
	off bool
	mu  sync.Mutex
	all []cookie // guarded by mu; oldest first
}

type cookie struct {
	name, path string
	pair       string    // as it is sent
	expires    time.Time // zero: with the Conn
}

// take keeps the cookies of a response to a request for target.
func (c *cookies) take(target *url.URL, resp *http.Response) {
	if c.off || len(resp.Header["Set-Cookie"]) == 0 || !fromOrigin(target, resp) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range resp.Header["Set-Cookie"] {
		set, err := http.ParseSetCookie(line)
		if err != nil || len(set.Name)+len(set.Value) > maxCookie || !belongs(set, target) {
			continue
		}
		next := newCookie(set, target)
		c.all = slices.DeleteFunc(c.all, func(old cookie) bool { return old.name == next.name && old.path == next.path })
		if next.expired() {
			continue
		}
		if len(c.all) == maxCookies {
			c.all = slices.Delete(c.all, 0, 1)
		}
		c.all = append(c.all, next)
	}
}

// fromOrigin reports whether a response comes from the origin of target. It may not, because a
// RoundTripper can follow redirects itself.
func fromOrigin(target *url.URL, resp *http.Response) bool {
	return resp.Request == nil || resp.Request.URL == nil || httprule.SameOrigin(resp.Request.URL, target)
}

// belongs reports whether the origin of target may set a cookie (RFC 6265, section 5.3).
func belongs(set *http.Cookie, target *url.URL) bool {
	if set.Secure && target.Scheme != "https" {
		return false
	}
	host, domain := strings.ToLower(target.Hostname()), strings.ToLower(strings.TrimPrefix(set.Domain, "."))
	return domain == "" || domain == host || strings.HasSuffix(host, "."+domain)
}

func newCookie(set *http.Cookie, target *url.URL) cookie {
	value := set.Value
	if set.Quoted {
		value = `"` + value + `"`
	}
	next := cookie{name: set.Name, path: set.Path, pair: set.Name + "=" + value, expires: set.Expires}
	if !strings.HasPrefix(next.path, "/") { // RFC 6265, section 5.1.4
		next.path = "/"
		if end := strings.LastIndexByte(target.EscapedPath(), '/'); end > 0 {
			next.path = target.EscapedPath()[:end]
		}
	}
	switch {
	case set.MaxAge < 0:
		next.expires = time.Unix(0, 0)
	case set.MaxAge > 0:
		next.expires = time.Now().Add(time.Duration(min(set.MaxAge, maxAge)) * time.Second)
	}
	return next
}

// maxAge is the longest Max-Age that is honored, in seconds: ten years.
const maxAge = 10 * 365 * 24 * 3600

func (c *cookie) expired() bool { return !c.expires.IsZero() && !time.Now().Before(c.expires) }

// matches reports whether a cookie is sent with requests for path (RFC 6265, section 5.1.4).
func (c *cookie) matches(path string) bool {
	rest, found := strings.CutPrefix(path, c.path)
	return found && (rest == "" || rest[0] == '/' || strings.HasSuffix(c.path, "/"))
}

// header returns the Cookie header of a request for target, or "" if no cookie matches.
func (c *cookies) header(target *url.URL) string {
	if c.off {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) == 0 {
		return ""
	}
	path := target.EscapedPath()
	if path == "" {
		path = "/"
	}
	var pairs []string
	size := 0
	for _, one := range slices.Backward(c.all) {
		if one.expired() || !one.matches(path) || size+len(one.pair)+len("; ") > maxCookieHeader {
			continue
		}
		size += len(one.pair) + len("; ")
		pairs = append(pairs, one.pair)
	}
	slices.Reverse(pairs)
	return strings.Join(pairs, "; ")
}

// add sets the Cookie header of a request for target. A Cookie header of the caller wins.
func (c *cookies) add(out *sending, target *url.URL, own bool) {
	if own {
		return
	}
	if value := c.header(target); value != "" {
		out.change()["Cookie"] = []string{value}
	} else if !out.shared { // a shared header has no cookies, and must not be written to
		delete(out.header, "Cookie")
	}
}
