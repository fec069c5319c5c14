package streamablehttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"sync/atomic"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// sending is a request with the redirects that it follows.
type sending struct {
	method string
	header http.Header
	shared bool // header belongs to other requests too: it is copied before a change
	body   []byte
	began  *atomic.Bool // Request.Began
	room   *outgoing    // unused memory for the first HTTP request; nil allocates it
}

// post returns the sending of a message. The header is a new map, because decorators may write into
// it. Without decorators, requests share their header.
func (c *Conn) post(s *Session, req *Request) sending {
	out := sending{method: http.MethodPost, body: req.Body, began: req.Began}
	if c.owner != nil {
		out.header = s.sharedHeader(req)
		out.shared = out.header != nil
	}
	if !out.shared {
		out.header = s.postHeader(req)
	}
	return out
}

// change returns the header, which may be changed.
func (out *sending) change() http.Header {
	if out.shared {
		out.header, out.shared = cloneHeader(out.header, 2), false
	}
	return out.header
}

// roundTrip sends one HTTP request and follows allowed redirects, unless began is set. It returns a
// *transport.Error or a *RedirectError. An error of the hook has stage NotSent.
func (c *Conn) roundTrip(ctx context.Context, out *sending) (*http.Response, error) {
	if c.hook != nil {
		if err := c.runHook(ctx, out.change()); err != nil {
			return nil, err
		}
	}
	if out.method == http.MethodPost && c.streamFirst.Load() {
		out.change()["Accept"] = []string{typeStream + ", " + typeJSON}
	}
	target := c.url
	_, own := out.header["Cookie"]
	for redirects := 0; ; redirects++ {
		if isSet(out.began) { // it may have been set while the hook ran, or after the last try failed
			return nil, &transport.Error{Stage: transport.MaybeSent, Op: "send request", Err: errReplay}
		}
		c.cookies.add(out, &target, own)
		resp, err := c.send(ctx, target, out)
		if err != nil {
			return nil, c.masked(out.header, linkError(contextCause(ctx), "send request", err))
		}
		c.cookies.take(&target, resp)
		if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect {
			if location := resp.Header.Get("Location"); location != "" && resp.StatusCode/100 == 3 {
				c.discard(resp)
				return nil, c.notFollowed(&target, resp, "only 307 and 308 are followed")
			}
			return resp, nil
		}
		next, err := c.redirectTarget(&target, resp, redirects)
		c.discard(resp)
		switch {
		case err != nil:
			return nil, err
		case isSet(out.began):
			return nil, c.notFollowed(&target, resp, "the server already works on the request")
		}
		target, out.header, out.shared = *next, out.header.Clone(), false // a decorator may still use the map
	}
}

func (c *Conn) runHook(ctx context.Context, header http.Header) error {
	added := make(http.Header)
	if err := c.hook(ctx, added); err != nil {
		return &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "header hook", Err: err}
	}
	if err := CheckHeader(added); err != nil {
		return &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "header hook", Err: err}
	}
	for name, values := range added {
		header[http.CanonicalHeaderKey(name)] = values[:len(values):len(values)]
	}
	return nil
}

// send performs one exchange.
func (c *Conn) send(ctx context.Context, target url.URL, from *sending) (*http.Response, error) {
	out := from.room
	from.room = nil
	if out == nil {
		out = new(outgoing)
	}
	out.url, out.began, out.text = target, from.began, from.body
	prepared := false
	switch {
	case from.body == nil:
	case c.owner != nil:
		if own := c.owner.Prepare(ctx); own != nil {
			ctx, prepared = own, true
		}
	case c.guarded:
		out.guard = new(replayGuard)
		ctx = httptrace.WithClientTrace(ctx, out.guard.trace())
	}
	req := (&http.Request{
		Method: from.method, URL: &out.url, Host: target.Host, Header: from.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if from.body != nil {
		out.body.Reset(from.body)
		// net/http recognizes this type as memory and sends header and body in one write.
		req.ContentLength, req.Body = int64(len(from.body)), io.NopCloser(&out.body)
		if !prepared {
			req.GetBody = out.getBody
		}
	}
	resp, err := c.exchange(req)
	if err != nil {
		if out.guard.lost() && transport.StageOf(err) == transport.NotSent { // the error is only about net/http's last try
			err = &transport.Error{Stage: transport.MaybeSent, Err: err}
		}
		return nil, err
	}
	if resp == nil {
		return nil, errors.New("the RoundTripper returned neither a response nor an error")
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	if resp.Request == nil {
		resp.Request = req
	}
	return resp, nil
}

// preparer is implemented by [transport.NewDirect], which documents Prepare. Prepare returns nil if
// requests cannot be prepared.
type preparer interface {
	Prepare(ctx context.Context) context.Context
}

// exchange calls RoundTrip. A goroutine that reads a stream for hours keeps the stack that its
// deepest call needed, and that is RoundTrip. So for such a stream it is called on a goroutine of
// its own. A panic of the RoundTripper reaches the caller either way.
func (c *Conn) exchange(req *http.Request) (*http.Response, error) {
	if !httprule.OpensStream(req.Method, req.Header) {
		return c.rt.RoundTrip(req)
	}
	type outcome struct {
		resp     *http.Response
		err      error
		panicked any
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() { o.panicked = recover(); done <- o }()
		o.resp, o.err = c.rt.RoundTrip(req)
	}()
	o := <-done
	if o.panicked != nil {
		panic(o.panicked)
	}
	return o.resp, o.err
}

// outgoing holds the parts of one request, in one allocation.
type outgoing struct {
	url   url.URL
	body  bytes.Reader
	text  []byte
	guard *replayGuard
	began *atomic.Bool
}

func (o *outgoing) getBody() (io.ReadCloser, error) {
	if o.guard.refuses() || isSet(o.began) {
		return nil, errReplay
	}
	return io.NopCloser(bytes.NewReader(o.text)), nil
}

func isSet(b *atomic.Bool) bool { return b != nil && b.Load() }

var errReplay = errors.New("the request may already have been sent, and must not be sent twice")

// replayGuard prevents an unknown RoundTripper from sending a POST twice by itself. If GetBody is
// set, net/http resends a request after an HTTP/2 RST_STREAM, and when a reused connection turns
// out to be dead. GetBody fails from the moment when a connection is taken until a response byte
// arrives. After the response byte, GetBody works again, so that authorization can resend the
// request after a 401.
type replayGuard struct {
	exposed atomic.Bool
	written atomic.Bool // a header was written, and no response byte has arrived
}

func (g *replayGuard) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              func(string) { g.exposed.Store(false) },
		GotConn:              func(httptrace.GotConnInfo) { g.exposed.Store(true) },
		WroteHeaders:         func() { g.written.Store(true) },
		GotFirstResponseByte: func() { g.exposed.Store(false); g.written.Store(false) },
		// An interim response proves nothing: the server may still reset the stream. The first byte
		// of that response opened the guard, so close it again.
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			g.exposed.Store(true)
			g.written.Store(true)
			return nil
		},
	}
}

func (g *replayGuard) refuses() bool { return g != nil && g.exposed.Load() }

// lost reports whether a request was sent and got no response.
func (g *replayGuard) lost() bool { return g != nil && g.written.Load() }

func (c *Conn) redirectTarget(from *url.URL, resp *http.Response, followed int) (*url.URL, error) {
	location := resp.Header.Get("Location")
	refuse := func(reason string) error { return c.notFollowed(from, resp, reason) }
	next, err := from.Parse(location)
	switch {
	case location == "" || err != nil:
		return nil, refuse("its target is missing or not a URL")
	case followed >= maxRedirects:
		return nil, refuse(fmt.Sprintf("more than %d redirects", maxRedirects))
	case next.User != nil:
		return nil, refuse("its target contains a user name or password")
	case !httprule.SameOrigin(next, from):
		return nil, refuse("it leads to another origin")
	}
	next.Fragment, next.RawFragment = "", ""
	return next, nil
}

// notFollowed returns the error for a redirect. The error shows the target's path only if the
// target is on the endpoint's own host.
func (c *Conn) notFollowed(from *url.URL, resp *http.Response, reason string) *RedirectError {
	location := resp.Header.Get("Location")
	e := &RedirectError{Status: resp.StatusCode, Origin: originOf(from, location), Reason: reason}
	if next, err := from.Parse(location); err == nil && next.Host != "" && next.Hostname() == from.Hostname() {
		e.Target = e.Origin + shown(c, resp, next.EscapedPath(), 256)
	}
	return e
}

// originOf returns the scheme, host and port of the target of a Location header.
func originOf(from *url.URL, location string) string {
	next, err := from.Parse(location)
	if err != nil || next.Host == "" {
		return "an invalid target"
	}
	return next.Scheme + "://" + redact.Clean(next.Host, 256)
}

func contextCause(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
