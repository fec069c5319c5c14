package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
)

const (
	maxRedirects  = 10
	redirectDrain = 2 << 10 // the body of a redirect is read up to this size in bytes, so that its connection can be reused
)

var errTooManyRedirects = errors.New("too many redirects")

// redirects reports whether resp is a redirect that can be followed.
func redirects(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location") != ""
	}
	return false
}

// request returns the next request to send. The request has a GetBody, which tells Direct that the
// body is in memory. Direct does not pass GetBody on to net/http, because net/http repeats requests
// that have one.
func (o *outgoing) request(ctx context.Context) *http.Request {
	req := (&http.Request{
		Method: o.method,
		URL:    o.url,
		Header: o.header,
		Host:   o.host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if len(o.body) > 0 {
		req.ContentLength = int64(len(o.body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.body)), nil }
		req.Body, _ = req.GetBody()
	}
	return req
}

// redirect turns o into the request for the target of a redirect (RFC 9110 section 15.4).
// Only headers that describe the request are sent to another origin: any other may be a credential.
// They stay removed even if a later redirect leads back to the first origin.
func (o *outgoing) redirect(resp *http.Response) error {
	if resp.ContentLength > 0 && resp.ContentLength <= redirectDrain {
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	_ = resp.Body.Close()
	next, err := o.url.Parse(resp.Header.Get("Location"))
	if err != nil {
		return errors.New("invalid redirect target")
	}
	if next.Scheme != "http" && next.Scheme != "https" {
		return errors.New("redirect target uses unsupported URL scheme")
	}
	if _, _, _, err := target(next); err != nil {
		return errors.New("invalid host or port in the redirect target")
	}
	next.User, next.Fragment, next.RawFragment = nil, "", ""
	if originOf(next) != originOf(o.url) {
		o.forgetOrigin()
	}
	o.url = next
	keep := resp.StatusCode == http.StatusTemporaryRedirect || resp.StatusCode == http.StatusPermanentRedirect
	see := resp.StatusCode == http.StatusSeeOther && o.method != http.MethodHead
	if !keep && (see || o.method == http.MethodPost) {
		o.method, o.body = http.MethodGet, nil
		for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"} {
			o.header.Del(name)
		}
	}
	return nil
}

// describing are the headers that are sent to another origin, unless they were filled from the
// environment.
var describing = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true,
	"Content-Encoding": true, "Content-Language": true, "Content-Type": true,
	"Mcp-Method": true, "Mcp-Name": true, "Mcp-Protocol-Version": true, "User-Agent": true,
}

func (o *outgoing) forgetOrigin() {
	o.host = ""
	maps.DeleteFunc(o.header, func(name string, _ []string) bool {
		return !describing[name] || slices.Contains(o.secret, name)
	})
	if _, ok := o.header["User-Agent"]; !ok {
		o.header["User-Agent"] = nil
	}
}
