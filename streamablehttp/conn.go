// Package streamablehttp is the client side of MCP's Streamable HTTP transport, on any
// [http.RoundTripper]. In all revisions it sends POST requests. For the legacy revisions,
// 2025-03-26 to 2025-11-25, it also opens the GET stream, resumes streams and sends DELETE. For
// 2026-07-28 it mirrors parts of the body into headers.
//
// It knows HTTP, event streams and the JSON-RPC envelope, and turns each exchange into one outcome.
// It keeps no session and repeats no request: it only resumes streams that were cut, to get the
// same answer. Package mcpclient adds the session and decides what is sent again.
//
// Use it to build a gateway or a proxy. [New] returns a [Conn], [Conn.NewSession] the headers of a
// revision, and [Conn.Call] runs one request on the caller's goroutine. The [Receiver] gets the
// result straight from the wire buffer.
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

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// Config configures a Conn. [New] copies it.
type Config struct {
	// RoundTripper sends the requests. It is required, and the Conn never closes it.
	RoundTripper http.RoundTripper
	// Header is sent with every request. [CheckHeader] says what is allowed.
	Header http.Header
	// Hook, if not nil, adds headers to each request just before it is sent. It runs on the
	// caller's goroutine with the caller's context. If it fails, so does the request, and nothing
	// is sent.
	Hook func(ctx context.Context, header http.Header) error
	// AcceptGzip requests compressed replies. Without it a compressed reply is a [*ProtocolError].
	AcceptGzip bool
	// Limits bounds the size of replies.
	Limits Limits
	// Logger logs stream messages that cannot be parsed. Nil discards them.
	Logger *slog.Logger
}

// Conn talks to one MCP endpoint. It is safe for concurrent use. Create one with [New].
type Conn struct {
	printed

	url        url.URL
	rt         http.RoundTripper
	header     http.Header
	hook       func(context.Context, http.Header) error
	acceptGzip bool
	limits     Limits
	log        *slog.Logger
	guarded    bool // the RoundTripper may send a request twice unless GetBody refuses
	drain      drainer
}

// New returns a Conn for an endpoint: an absolute http or https URL. User information in it is
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
		printed: redact.NewPrinted("streamablehttp.Conn(" + redact.Address(u.String()) + ")"),
		url:     *u, rt: cfg.RoundTripper, hook: cfg.Hook, acceptGzip: cfg.AcceptGzip, limits: cfg.Limits, log: cfg.Logger,
		header:  make(http.Header, len(cfg.Header)+1),
		guarded: !transport.RunsOnce(cfg.RoundTripper),
	}
	for name, values := range cfg.Header {
		c.header[textproto.CanonicalMIMEHeaderKey(name)] = append(make([]string, 0, len(values)), values...)
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

var errUserinfo = errors.New("the endpoint URL contains a user name or password: send credentials in a header")

func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil && strings.Contains(endpoint, "@") {
		return nil, errUserinfo // a password may be what breaks the URL, and the error would quote it
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

// noScheme suggests the usual fix. It does not show the query or user information.
func noScheme(endpoint string) error {
	shown, _, _ := strings.Cut(endpoint, "?")
	if scheme, _, found := strings.Cut(shown, "://"); found {
		return fmt.Errorf("the endpoint URL has the scheme %q; it needs http or https", redact.Clean(scheme, 32))
	}
	if strings.Contains(shown, "@") {
		return errors.New("the endpoint URL needs the scheme http or https")
	}
	shown = redact.Clean(strings.TrimLeft(shown, "/"), 256)
	scheme := "https://" // do not suggest sending tokens unencrypted
	if host, _, _ := strings.Cut(shown, "/"); strings.Contains(host, ":") || host == "localhost" {
		scheme = "http://"
	}
	return fmt.Errorf("the endpoint URL needs the scheme http or https: did you mean %q?", scheme+shown)
}

// Endpoint returns the URL without its query, which may contain secrets.
func (c *Conn) Endpoint() string {
	u := c.url
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// Close cuts short the draining of answered streams and waits until it has ended. End running calls
// first.
func (c *Conn) Close() { c.drain.close() }
