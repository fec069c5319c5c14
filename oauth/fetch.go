package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/release"
)

const (
	maxDocument  = 256 << 10 // maximum size of a response body, in bytes
	maxNesting   = 32        // maximum depth of JSON
	maxRedirects = 3         // maximum number of redirects of a GET

	opPost = "post form"
)

// fetcher sends all requests of this package except those for the resource itself. Except in
// postFormTrusted, it sends only to URLs that egress allows. It follows redirects of a GET to the
// same origin, but no redirects of a POST. It limits the size of response bodies and the time of
// each request. Its errors are of type [*Error], and contain no URL query.
type fetcher struct {
	transport func() http.RoundTripper
	timeout   time.Duration // for one request, including its redirects
	egress    *egress
}

// answer is a response with any status. body is nil if it was not read.
type answer struct {
	status int
	header http.Header
	body   []byte
	url    string // as errors show it
}

// getJSON gets a JSON object and decodes it into out. If the final status is not 200, the error
// wraps a *statusError. Its kind is KindNetwork if the status is transient, and KindMetadata
// otherwise.
func (f *fetcher) getJSON(ctx context.Context, op, text string, header http.Header, out decodable) error {
	ctx, stop := context.WithTimeoutCause(ctx, f.timeout, errTooSlow)
	defer stop()
	u, err := f.parse(text)
	if err != nil {
		return &Error{Kind: KindMetadata, Op: op, URL: shownURL(text), Err: err}
	}
	for redirects := 0; ; redirects++ {
		req := &http.Request{Method: http.MethodGet, URL: u, Header: header.Clone()}
		a, err := f.send(ctx, op, req, f.visit(u), http.StatusOK)
		switch {
		case err != nil:
			return err
		case a.status == http.StatusOK:
			if err := readJSON(u, a, out); err != nil {
				return &Error{Kind: KindMetadata, Op: op, URL: a.url, Err: err}
			}
			return nil
		case !isRedirect(a.status):
			return statusKind(op, u, a.status)
		}
		if u, err = f.follow(u, a, redirects); err != nil {
			return &Error{Kind: KindMetadata, Op: op, URL: a.url, Err: err}
		}
	}
}

// parse parses a URL that a server named, see [egress.parse].
func (f *fetcher) parse(text string) (*url.URL, error) {
	u, err := f.egress.parse(text)
	return u, named(err, text, "")
}

// named adds the URL that was refused, and that of the document that named it, to a [*URLError].
func named(err error, text, from string) error {
	var refused *URLError
	if errors.As(err, &refused) {
		refused.URL, refused.From = shownURL(text), from
	}
	return err
}

// follow returns the target of a redirect, or an error if the redirect must not be followed.
func (f *fetcher) follow(from *url.URL, a *answer, redirects int) (*url.URL, error) {
	refused := &RedirectError{URL: a.url, Status: a.status}
	to, err := from.Parse(a.header.Get("Location"))
	if err != nil || a.header.Get("Location") == "" {
		refused.Reason = "missing or invalid Location"
		return nil, refused
	}
	refused.Origin = redact.Clean(httprule.Origin(to), maxHost)
	switch {
	case !httprule.SameOrigin(from, to):
		refused.Reason = "it leads to another origin"
		return nil, refused
	case redirects >= maxRedirects:
		refused.Reason = "too many redirects"
		return nil, refused
	}
	return f.parse(to.String())
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func statusKind(op string, u *url.URL, status int) error {
	kind := KindMetadata
	if httpstatus.Of(status).Transient() {
		kind = KindNetwork
	}
	return &Error{Kind: kind, Op: op, URL: shownURL(u.String()), Status: status, Err: &statusError{shownURL(u.String()), status}}
}

// postForm posts a form to a URL that a server named.
func (f *fetcher) postForm(ctx context.Context, text string, form url.Values, header http.Header) (*answer, error) {
	u, err := f.parse(text)
	if err != nil {
		return nil, &Error{Kind: KindMetadata, Op: opPost, URL: shownURL(text), Err: err}
	}
	return f.post(ctx, opPost, u, f.visit(u), "application/x-www-form-urlencoded", []byte(form.Encode()), header)
}

// postFormTrusted posts a form to a URL from the configuration. It does not apply the address rules
// of f.egress.
func (f *fetcher) postFormTrusted(ctx context.Context, text string, form url.Values, header http.Header) (*answer, error) {
	var anywhere egress
	anywhere.inside.Store(true)
	u, err := anywhere.parse(text)
	if err != nil {
		return nil, &Error{Kind: KindConfig, Op: opPost, URL: shownURL(text), Err: named(err, text, "")}
	}
	return f.post(ctx, opPost, u, nil, "application/x-www-form-urlencoded", []byte(form.Encode()), header)
}

// postJSON posts JSON to a URL that a server named.
func (f *fetcher) postJSON(ctx context.Context, op, text string, body []byte) (*answer, error) {
	u, err := f.parse(text)
	if err != nil {
		return nil, &Error{Kind: KindMetadata, Op: op, URL: shownURL(text), Err: err}
	}
	return f.post(ctx, op, u, f.visit(u), "application/json", body, nil)
}

func (f *fetcher) post(
	ctx context.Context, op string, u *url.URL, v *visit, contentType string, body []byte, header http.Header,
) (*answer, error) {
	ctx, stop := context.WithTimeoutCause(ctx, f.timeout, errTooSlow)
	defer stop()
	req := &http.Request{
		Method: http.MethodPost, URL: u, Header: header.Clone(),
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Content-Type", contentType)
	a, err := f.send(ctx, op, req, v, 0)
	if err == nil && a.status/100 == 3 {
		refused := &RedirectError{URL: a.url, Status: a.status, Reason: "redirects of a POST are not followed"}
		if to, parseErr := u.Parse(a.header.Get("Location")); parseErr == nil {
			refused.Origin = redact.Clean(httprule.Origin(to), maxHost)
		}
		return nil, &Error{Kind: KindResponse, Op: op, URL: a.url, Status: a.status, Err: refused}
	}
	return a, err
}

func (f *fetcher) visit(u *url.URL) *visit { return &visit{egress: f.egress, u: u} }

// send sends one request. If v is not nil, v checks each address before it is dialed. send reads
// the response body only if want is 0 or equals the response's status.
func (f *fetcher) send(ctx context.Context, op string, req *http.Request, v *visit, want int) (*answer, error) {
	outgoing := ctx
	if v != nil {
		outgoing = v.context(ctx)
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Host = req.URL.Host
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", release.UserAgent)
	resp, err := f.transport().RoundTrip(req.WithContext(outgoing))
	if err != nil {
		return nil, fetchError(ctx, op, req.URL, err)
	}
	defer resp.Body.Close()
	if v != nil {
		v.answered()
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, url: shownURL(req.URL.String())}
	if want != 0 && resp.StatusCode != want {
		return a, nil
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, fetchError(ctx, op, req.URL, err)
	case len(a.body) > maxDocument:
		kind := KindResponse
		if req.Method == http.MethodGet {
			kind = KindMetadata
		}
		return nil, &Error{Kind: kind, Op: op, URL: a.url, Err: &LimitError{What: "bytes of a document", Limit: maxDocument}}
	}
	return a, nil
}

// fetchError turns err, a failed request to u, into an *Error. If err wraps a *URLError, the *Error
// wraps that. Otherwise, if ctx has ended, the *Error wraps the cause of ctx. Otherwise it wraps
// err, without the URL that a user's RoundTripper may have added.
func fetchError(ctx context.Context, op string, u *url.URL, err error) error {
	place := shownURL(u.String())
	var refused *URLError
	if errors.As(err, &refused) {
		refused.URL = place
		return &Error{Kind: KindMetadata, Op: op, URL: place, Err: refused}
	}
	if ctx.Err() != nil {
		return &Error{Kind: KindNetwork, Op: op, URL: place, Err: context.Cause(ctx)}
	}
	var quoted *url.Error
	if errors.As(err, &quoted) {
		err = quoted.Err
	}
	return &Error{Kind: KindNetwork, Op: op, URL: place, Err: err}
}

// readJSON decodes a JSON object. It ignores the Content-Type, because servers often send a wrong
// one for files without a suffix.
func readJSON(from *url.URL, a *answer, out decodable) error {
	wrong := &DocumentError{URL: shownURL(from.String())}
	switch text := bytes.TrimLeft(withoutMark(a.body), " \t\r\n"); {
	case len(text) == 0 || text[0] != '{':
		wrong.Reason, wrong.isOther = "not a JSON object", true
		wrong.Wanted, wrong.Found = "a JSON object", describeBody(a)
		return wrong
	case isNestedDeeper(text, maxNesting):
		return &LimitError{What: "levels of a document", Limit: maxNesting}
	}
	err := decode(a.body, out)
	var wrongType *DocumentError
	switch {
	case errors.As(err, &wrongType):
		wrongType.URL = wrong.URL
		return wrongType
	case err != nil:
		wrong.Reason, wrong.isOther = err.Error(), true
		wrong.Wanted, wrong.Found = "a JSON object", describeBody(a)
		return wrong
	}
	return nil
}

// describeBody says what an answer is: its media type and its length.
func describeBody(a *answer) string {
	media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		media = "no known type"
	}
	return fmt.Sprintf("%d bytes of %s", len(a.body), redact.Clean(media, 64))
}

// isNestedDeeper reports whether the arrays and objects in a JSON text are nested more than limit
// levels deep.
func isNestedDeeper(text []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
