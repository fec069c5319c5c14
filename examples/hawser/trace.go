package main

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// tracer is the RoundTripper for --trace. It shows each exchange and each event on stderr, without
// secrets. It shows the values of harmless headers only, URLs without their queries, and short
// descriptions of messages. It keeps the contract of package transport if its base does.
type tracer struct {
	base http.RoundTripper
	con  *console
	now  func() time.Time
	last atomic.Int64 // number of the last exchange
}

// RunsOnce implements the method that [transport.RunsOnce] calls.
func (t *tracer) RunsOnce() bool { return transport.RunsOnce(t.base) }

// RoundTrip implements [http.RoundTripper].
func (t *tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	n := t.last.Add(1)
	t.hide(req.Header, "Authorization", "Proxy-Authorization", "Cookie", "Mcp-Session-Id")
	t.say(n, ">", req.Method+" "+traceURL(req.URL))
	t.header(n, ">", req.URL, req.Header)
	out := req
	if req.Body != nil && req.Body != http.NoBody {
		out = req.WithContext(req.Context()) // copy: the caller's request must not change
		out.Body = t.watch(n, ">", req.Header, req.Body)
	}
	begin := t.now()
	resp, err := t.base.RoundTrip(out)
	took := shortly(t.now().Sub(begin))
	if err != nil {
		t.say(n, "x", "failed after "+took+": "+oneLine(transport.Scrub(err.Error()), 300))
		return resp, err
	}
	t.hide(resp.Header, "Mcp-Session-Id", "Set-Cookie")
	t.say(n, "<", fmt.Sprintf("%d %s after %s", resp.StatusCode, http.StatusText(resp.StatusCode), took))
	t.header(n, "<", req.URL, resp.Header)
	if out != req && resp.Request == out {
		resp.Request = req
	}
	if resp.Body != nil && resp.Body != http.NoBody {
		resp.Body = t.watch(n, "<", resp.Header, resp.Body)
	}
	return resp, nil
}

func (t *tracer) say(n int64, side, text string) { t.con.line(fmt.Sprintf("%s %d %s", side, n, text)) }

// hide masks the values of the named headers in all later output.
func (t *tracer) hide(header http.Header, names ...string) {
	for _, name := range names {
		for _, value := range header[name] {
			t.con.hide(value)
			t.hideCookies(name, value)
			if _, token, ok := strings.Cut(value, " "); ok {
				t.con.hide(strings.TrimSpace(token))
			}
		}
	}
}

// hideCookies masks the values of the cookies in a header.
func (t *tracer) hideCookies(name, header string) {
	switch name {
	case "Cookie":
		for pair := range strings.SplitSeq(header, ";") {
			_, value, _ := strings.Cut(pair, "=")
			t.con.hide(value)
		}
	case "Set-Cookie":
		pair, _, _ := strings.Cut(header, ";")
		_, value, _ := strings.Cut(pair, "=")
		t.con.hide(value)
	}
}

// harmless are the headers whose values are shown.
var harmless = []string{
	"Accept", "Accept-Encoding", "Access-Control-Allow-Origin", "Age", "Allow", "Cache-Control", "Connection", "Content-Encoding", "Content-Length",
	"Content-Type", "Date", "Mcp-Method", "Mcp-Protocol-Version", "Retry-After", "Server", "Transfer-Encoding", "User-Agent", "Vary", "Via",
	"X-Accel-Buffering",
}

// header shows the headers of a request to base or of its response, sorted by name. It hides the
// values of headers that are not harmless, and the queries of URLs.
func (t *tracer) header(n int64, side string, base *url.URL, header http.Header) {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := "[hidden]"
		switch key := http.CanonicalHeaderKey(name); {
		case slices.Contains(harmless, key):
			value = oneLine(strings.Join(header[name], ", "), 300)
		case key == "Location":
			value = "an invalid URL"
			if u, err := base.Parse(header.Get("Location")); err == nil {
				value = traceURL(u)
			}
		case key == "Www-Authenticate":
			value = oneLine(transport.Scrub(strings.Join(header[name], ", ")), 300)
		}
		t.say(n, side, "  "+oneLine(name, 100)+": "+value)
	}
}

// traceURL returns a URL without the parts that may be secret.
func traceURL(u *url.URL) string {
	text := oneLine((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String(), 300)
	if u.RawQuery != "" {
		text += "?…"
	}
	return text
}

// watch returns a body that shows each message that is read from it.
func (t *tracer) watch(n int64, side string, header http.Header, body io.ReadCloser) io.ReadCloser {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	m := bodyMessages{kind: kind, stream: kind == "text/event-stream", say: func(text string) { t.say(n, side, text) }}
	return &watchedBody{ReadCloser: body, messages: m}
}

// watchedBody is a body that shows its messages as they are read. Close may run concurrently with
// Read.
type watchedBody struct {
	io.ReadCloser

	mu       sync.Mutex
	messages bodyMessages // guarded by mu
	ended    bool         // guarded by mu
}

// Read implements [io.Reader].
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return n, err
	}
	b.messages.add(p[:n])
	if err != nil {
		b.ended = true
		if err == io.EOF {
			b.messages.end("end")
		} else {
			b.messages.end("cut: " + oneLine(transport.Scrub(err.Error()), 200))
		}
	}
	return n, err
}

// Close implements [io.Closer].
func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.ended = true
		b.messages.end("closed")
	}
	return err
}
