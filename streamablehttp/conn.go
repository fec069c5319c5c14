// Package streamablehttp is the Streamable HTTP transport of MCP as its client
// sees it, on any [http.RoundTripper]: POST in both eras, the standing GET
// stream, resumption and DELETE of the legacy one (revisions 2025-03-26 to
// 2025-11-25), the mirrored headers of 2026-07-28.
//
// It knows HTTP, event streams and the JSON-RPC envelope, and turns each
// exchange into one outcome; it keeps no session and retries nothing except
// the resumption of a cut stream, which is part of waiting for the same answer.
// The session, and everything that is ever sent twice, is package mcpclient's.
//
// A call runs on its caller's goroutine: [Conn.Call] sends, reads and hands the
// result to the [Receiver] straight from the wire buffer.
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

// Config says how a Conn reaches its endpoint. It is copied.
type Config struct {
	// RoundTripper carries the requests. Required. It is never closed here.
	RoundTripper http.RoundTripper
	// Header is sent with every request to the endpoint.
	Header http.Header
	// Hook, if not nil, may add headers to each request just before it is sent.
	// It runs on the caller's goroutine with the caller's context; its error
	// fails the request, which was not sent.
	Hook func(ctx context.Context, header http.Header) error
	// AcceptGzip asks for compressed replies. Without it an encoded reply is an error.
	AcceptGzip bool
	// Limits bounds replies.
	Limits Limits
	// Logger receives what has no other way out; nil discards it.
	Logger *slog.Logger
}

// Conn is one MCP endpoint. It is safe for concurrent use.
type Conn struct {
	printed

	url        url.URL
	rt         http.RoundTripper
	header     http.Header
	hook       func(context.Context, http.Header) error
	acceptGzip bool
	limits     Limits
	log        *slog.Logger
	guarded    bool // the RoundTripper may run a request twice unless GetBody refuses
	drain      drainer
}

// New returns a Conn for an endpoint. The URL must be absolute, http or https,
// without user information (send credentials in a header).
func New(endpoint string, cfg Config) (*Conn, error) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.RoundTripper == nil {
		return nil, errors.New("no RoundTripper")
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

var errUserinfo = errors.New("the endpoint URL holds a user name or password; send credentials in a header")

func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil && strings.Contains(endpoint, "@") {
		return nil, errUserinfo // a password may hold what breaks the URL, and the error would quote it
	}
	if err != nil {
		var parse *url.Error // holds the whole URL, which may hold secrets
		if errors.As(err, &parse) {
			err = parse.Err
		}
		if strings.Contains(endpoint, "@") {
			return nil, errUserinfo // url's own text may quote the password
		}
		if !strings.Contains(endpoint, "://") {
			return nil, noScheme(endpoint)
		}
		return nil, fmt.Errorf("bad endpoint URL: %w", err)
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

// noScheme hints at the usual slip, without showing what may be secret.
func noScheme(endpoint string) error {
	shown, _, _ := strings.Cut(endpoint, "?")
	if scheme, _, found := strings.Cut(shown, "://"); found {
		return fmt.Errorf("the endpoint URL has the scheme %q; it needs http or https", sanitize(scheme, 32))
	}
	if strings.Contains(shown, "@") {
		return errors.New("the endpoint URL needs the scheme http or https")
	}
	shown = sanitize(strings.TrimLeft(shown, "/"), 256)
	scheme := "https://" // not to lead anybody into sending tokens in clear
	if host, _, _ := strings.Cut(shown, "/"); strings.Contains(host, ":") || host == "localhost" {
		scheme = "http://"
	}
	return fmt.Errorf("the endpoint URL needs the scheme http or https: did you mean %q?", scheme+shown)
}

// Endpoint returns the URL without its query, which may hold secrets.
func (c *Conn) Endpoint() string {
	u := c.url
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// Close waits for what the Conn still does in the background: at most the
// draining of answered streams, which it cuts short. Calls that are running are
// their callers' to end first.
func (c *Conn) Close() { c.drain.close() }
