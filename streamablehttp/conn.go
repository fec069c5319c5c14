// Package streamablehttp is the client side of MCP's Streamable HTTP transport, on any
// [http.RoundTripper]. In all revisions it sends POST requests. For the legacy revisions,
// 2025-03-26 to 2025-11-25, it also opens the GET stream, resumes streams and sends DELETE. For
// 2026-07-28 it mirrors parts of the body into headers.
//
// It handles HTTP, event streams and the JSON-RPC envelope, and turns each exchange into one
// outcome. It keeps no session and does not retry requests; it only resumes an interrupted stream
// to get the answer to the same request. Package mcpclient manages sessions and decides which
// requests to retry.
//
// Use it to build a gateway or a proxy. [New] returns a [Conn], [Conn.NewSession] returns the
// headers of a revision, and [Conn.Call] runs one request on the caller's goroutine. The [Receiver]
// gets the result directly from the receive buffer.
package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/release"
	"github.com/hawser-mcp/hawser/transport"
)

// Config configures a Conn. [New] copies it.
type Config struct {
	// RoundTripper sends the requests. It is required, and the Conn never closes it.
	RoundTripper http.RoundTripper
	// Header is sent with every request. [CheckHeader] reports which headers are allowed. Without a
	// User-Agent in it, requests have the one of this module, "hawser/" and its version. An empty
	// User-Agent sends none.
	Header http.Header
	// Hook, if not nil, adds headers to each request just before it is sent. It runs on the
	// caller's goroutine with the caller's context. If it fails, so does the request, and nothing
	// is sent.
	Hook func(ctx context.Context, header http.Header) error
	// AcceptGzip requests compressed replies. A reply in gzip is decoded even without it; a reply in
	// any other coding is a [*ProtocolError].
	AcceptGzip bool
	// NoCookies drops the cookies that the endpoint sets. By default the Conn keeps them until it
	// is discarded and sends them only to the endpoint's origin: same scheme, host and port. It
	// keeps at most 32 cookies of at most 4 KiB each, and sends at most 8 KiB with a request. A
	// Cookie header from Header, Hook or a request replaces them.
	NoCookies bool
	// Limits bounds the size of replies.
	Limits Limits
	// Logger logs stream messages that cannot be parsed. Nil discards them.
	Logger *slog.Logger
}

// Conn talks to one MCP endpoint. It is safe for concurrent use. Create one with [New].
type Conn struct {
	printed

	url         url.URL
	endpoint    string // the URL without its query
	rt          http.RoundTripper
	header      http.Header
	hook        func(context.Context, http.Header) error
	acceptGzip  bool
	limits      Limits
	log         *slog.Logger
	owner       preparer // the RoundTripper, if it sends requests without a copy; else nil
	guarded     bool     // the RoundTripper may send a request twice unless GetBody refuses
	cookies     cookies
	streamFirst atomic.Bool // a 406 has shown that Accept must begin with text/event-stream
	drain       drainer
}

// New returns a Conn for an endpoint: an absolute http or https URL. A URL with userinfo is
// refused; send credentials in a header.
func New(endpoint string, cfg Config) (*Conn, error) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.RoundTripper == nil {
		return nil, errors.New("option RoundTripper is nil")
	}
	if err := CheckHeader(cfg.Header); err != nil {
		return nil, fmt.Errorf("option Header: %w", err)
	}
	c := &Conn{
		url: *u, endpoint: withoutQuery(*u), rt: cfg.RoundTripper, hook: cfg.Hook, acceptGzip: cfg.AcceptGzip, limits: cfg.Limits, log: cfg.Logger,
		header:  http.Header{"User-Agent": {release.UserAgent}},
		guarded: !transport.RunsOnce(cfg.RoundTripper),
	}
	c.printed = redact.NewPrinted("streamablehttp.Conn(" + c.endpoint + ")")
	for name, values := range cfg.Header {
		c.header[textproto.CanonicalMIMEHeaderKey(name)] = append(make([]string, 0, len(values)), values...)
	}
	if own, ok := cfg.RoundTripper.(preparer); ok && own.Prepare(context.Background()) != nil {
		c.owner = own
	}
	c.cookies.off = cfg.NoCookies
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

var errUserinfo = errors.New("the endpoint URL contains a user name or password: send credentials in a header")

func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil && strings.Contains(endpoint, "@") {
		return nil, errUserinfo // the password may be the invalid part, and the error would quote it
	}
	if err != nil {
		var parse *url.Error // quotes the whole URL, which may contain secrets
		if errors.As(err, &parse) {
			err = parse.Err
		}
		if !strings.Contains(endpoint, "://") {
			return nil, noScheme(endpoint)
		}
		return nil, fmt.Errorf("invalid endpoint URL: %w", err)
	}
	switch {
	case endpoint == "":
		return nil, errors.New("the endpoint URL is empty")
	case u.User != nil:
		return nil, errUserinfo
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, noScheme(endpoint)
	case u.Host == "":
		return nil, errors.New("the endpoint URL has no host")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// noScheme suggests the usual correction. It does not show the query or userinfo.
func noScheme(endpoint string) error {
	shown, _, _ := strings.Cut(endpoint, "?")
	if scheme, _, found := strings.Cut(shown, "://"); found {
		return fmt.Errorf("the endpoint URL must be http or https, got scheme %q", redact.Clean(scheme, 32))
	}
	if strings.Contains(shown, "@") {
		return errors.New("the endpoint URL must begin with http:// or https://")
	}
	shown = redact.Clean(strings.TrimLeft(shown, "/"), 256)
	scheme := "https://" // do not suggest sending tokens unencrypted
	if host, _, _ := strings.Cut(shown, "/"); strings.Contains(host, ":") || host == "localhost" {
		scheme = "http://"
	}
	return fmt.Errorf("the endpoint URL must begin with http:// or https://: did you mean %q?", scheme+shown)
}

// Endpoint returns the URL without its query, which may contain secrets.
func (c *Conn) Endpoint() string { return c.endpoint }

func withoutQuery(u url.URL) string {
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// Close stops the background goroutine that drains answered streams, and waits until it has ended.
// The caller must end running calls first.
func (c *Conn) Close() { c.drain.close() }

// These limits bound the memory and time that a server can cost the client. The doc comments of
// [Config], [Limits] and the error types repeat the values that users need.
const (
	// defaultMaxBody bounds a JSON reply, in bytes.
	defaultMaxBody = 64 << 20
	// defaultMaxEvent bounds one event of a stream, in bytes.
	defaultMaxEvent = 64 << 20
	// maxErrorBody bounds the part of an error reply that is read, in bytes.
	maxErrorBody = 64 << 10
	// previewLimit bounds Preview fields, in bytes. lineLimit bounds the part of a preview that an
	// error text shows, in bytes.
	previewLimit = 2 << 10
	lineLimit    = 200
	// errorBodyTime bounds the wait for the body of an error reply, whose status is already known.
	errorBodyTime = 5 * time.Second
	// maxSessionID bounds a session ID, in bytes. Common servers accept no longer headers.
	maxSessionID = 8 << 10
	// maxRetryAfter clamps a Retry-After header.
	maxRetryAfter = 60 * time.Second
	// maxRedirects bounds the redirects of one request.
	maxRedirects = 3

	// maxRetry clamps the reconnection time that a stream requests.
	maxRetry = 60 * time.Second
	// maxCursor bounds the event ID sent back in a header, in bytes. A stream with a longer event
	// ID cannot be resumed.
	maxCursor = 4 << 10
	// resumeTries bounds the failed tries in a row to resume a stream.
	resumeTries = 4
	// resumeInitial is the first wait before a cut stream is resumed, unless the server set one.
	resumeInitial = 250 * time.Millisecond
	// emptyStreams and emptyPatience bound the empty streams in a row that a server sends instead
	// of the rest of a call's stream: the call ends after this many of them and this long.
	emptyStreams  = 10
	emptyPatience = time.Minute
	// emptyLife is how long a stream without a byte must stay open to show that the server still
	// serves it.
	emptyLife = 5 * time.Second

	// drainLimit and drainTime bound how much of a stream is read after its answer, and for how
	// long. Reading to the end lets the connection be reused.
	drainLimit = 64 << 10
	drainTime  = 50 * time.Millisecond
)

// Limits bounds the size of a reply. A reply over a limit fails with a [*LimitError]. Zero means
// the default, negative means no limit.
type Limits struct {
	// MaxBody bounds a JSON reply, in bytes after decompression. The default is 64 MiB.
	MaxBody int64
	// MaxEvent bounds one event of a stream, in bytes. The default is 64 MiB.
	MaxEvent int
}

const unlimited = 1<<63 - 1

func (l Limits) body() int64 {
	switch {
	case l.MaxBody < 0:
		return unlimited
	case l.MaxBody == 0:
		return defaultMaxBody
	}
	return l.MaxBody
}

func (l Limits) event() int {
	switch {
	case l.MaxEvent < 0:
		return int(^uint(0) >> 1)
	case l.MaxEvent == 0:
		return defaultMaxEvent
	}
	return l.MaxEvent
}

// within lowers each limit to at most size. A size of zero changes nothing.
func (l Limits) within(size int64) Limits {
	if size <= 0 {
		return l
	}
	return Limits{MaxBody: min(l.body(), size), MaxEvent: int(min(int64(l.event()), size))}
}
