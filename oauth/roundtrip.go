package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// RoundTripper returns an [http.RoundTripper] that adds the current token to requests and sends
// them with base. It adds the token only to requests to the resource's origin that have no
// Authorization header. All other requests pass unchanged, so no token goes to another scheme, host
// or port. If base is nil, RoundTripper uses a [transport.NewDirect] that Close also closes. Unless
// Config.Transport is set, requests to authorization servers use the base passed to the last call
// of RoundTripper.
//
// The Client renews tokens without the user. It renews a token in the background shortly before the
// token expires; meanwhile, requests use the old token. If the token has expired, requests wait for
// the renewal. If the resource responds with 401, the request is sent again: at most once with a
// newer token that already exists, and at most once with a renewed token. Resending requires
// GetBody, or a body of known length of at most 1 MiB. Requests are resent only after a 401, so a
// request runs at most once if base guarantees that: see [transport.RunsOnce].
//
// If an authorization server or the Store fails, or if the server refuses a Grant, RoundTrip
// returns a [*transport.Error] of stage NotSent that wraps an [*Error]. The stage is NotSent even
// after a 401, because a refused request did not run. If the user must log in, RoundTrip returns
// the 401. It never prompts the user: see [Client.LoginRoundTripper] and [Client.Authorize]. After
// Close, tokens are no longer renewed.
func (c *Client) RoundTripper(base http.RoundTripper) http.RoundTripper {
	return c.newRoundTripper(base)
}

func (c *Client) newRoundTripper(base http.RoundTripper) *roundTripper {
	if base == nil {
		base = c.base.direct()
	}
	c.base.set(base)
	return &roundTripper{client: c, base: base, once: transport.RunsOnce(base)}
}

type roundTripper struct {
	client *Client
	base   http.RoundTripper
	once   bool
}

// RunsOnce reports whether RoundTrip runs a request at most once; see [transport.RunsOnce].
func (t *roundTripper) RunsOnce() bool { return t.once }

// RoundTrip implements http.RoundTripper; see [Client.RoundTripper].
func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, own := req.Header["Authorization"]; own || !t.client.covers(req.URL) || t.client.fetcher.egress.exposed {
		return t.base.RoundTrip(req)
	}
	tok, err := t.client.usable(req.Context())
	if err != nil {
		closeBody(req)
		return nil, notSent(err)
	}
	first, again, err := bodies(req)
	if err != nil {
		return nil, &transport.Error{Stage: transport.NotSent, Op: "read request body", Err: err}
	}
	x := &exchange{t: t, req: req, again: again}
	resp, err := x.send(tok, first)
	for range 2 { // once with a newer token that already exists, once with a renewed one
		if err != nil || !isUnauthorized(resp.StatusCode, resp.Header) || again == nil {
			break
		}
		next, renewErr := t.client.replace(req.Context(), tok, resp)
		if renewErr != nil {
			return nil, notSent(renewErr)
		}
		if next == nil {
			break
		}
		body, bodyErr := again()
		if bodyErr != nil {
			break // the request cannot be sent again, so the 401 is returned
		}
		tok = next
		resp, err = x.send(tok, body)
	}
	if err != nil {
		return nil, err
	}
	resp.Request = req
	return resp, nil
}

// RequestSecrets implements redact.Holder. It returns the tokens most recently sent with requests.
func (t *roundTripper) RequestSecrets() []string { return t.client.sent.secrets() }

// maxAttached is how many tokens are remembered for masking. One is not enough, because a token may
// be replaced while a request with it is in flight.
const maxAttached = 4

// attached remembers the tokens that were attached to requests, the newest last.
type attached struct {
	newest atomic.Pointer[token]

	mu     sync.Mutex
	recent []*token // guarded by mu
}

// note remembers a token. It takes no lock if the previous call had the same token.
func (a *attached) note(tok *token) {
	if a.newest.Load() == tok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.newest.Store(tok)
	if slices.Contains(a.recent, tok) {
		return
	}
	if a.recent = append(a.recent, tok); len(a.recent) > maxAttached {
		a.recent = slices.Delete(a.recent, 0, 1)
	}
}

func (a *attached) secrets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	texts := make([]string, len(a.recent))
	for i, tok := range a.recent {
		texts[i] = tok.Access
	}
	return texts
}

// exchange is one request with all its attempts.
type exchange struct {
	t     *roundTripper
	req   *http.Request
	again func() (io.ReadCloser, error)
}

// send sends the request with a token. It sends the request a second time if the resource requires
// a nonce in the DPoP proof (RFC 9449 section 9).
func (x *exchange) send(tok *token, body io.ReadCloser) (*http.Response, error) {
	resp, err := x.try(tok, body)
	if err != nil || tok == nil {
		return resp, err
	}
	if tok.key != nil {
		x.t.client.nonces.take(x.req.URL, resp.Header)
		if resp.StatusCode == http.StatusUnauthorized && wantsNonce(resp.Header) && x.again != nil {
			if detach(resp); mayHaveRun(resp) {
				return resp, nil
			}
			if resp, err = x.withNonce(tok, resp); err != nil {
				return nil, err
			}
		}
	}
	tok.mark(isUnauthorized(resp.StatusCode, resp.Header))
	return resp, nil
}

// withNonce sends the request again with the nonce from the refused response. It returns refused if
// the body cannot be sent again.
func (x *exchange) withNonce(tok *token, refused *http.Response) (*http.Response, error) {
	body, bodyErr := x.again()
	if bodyErr != nil {
		return refused, nil //nolint:nilerr // the refusal is returned
	}
	resp, err := x.try(tok, body)
	if err == nil {
		x.t.client.nonces.take(x.req.URL, resp.Header)
	}
	return resp, err
}

// try sends a copy of the request once. tok may be nil.
func (x *exchange) try(tok *token, body io.ReadCloser) (*http.Response, error) {
	out := x.req.WithContext(x.req.Context())
	out.Body = body
	if x.again != nil && body != nil && body != http.NoBody {
		out.GetBody = x.again
	}
	if tok != nil {
		out.Header = x.req.Header.Clone()
		if out.Header == nil {
			out.Header = make(http.Header, 2)
		}
		out.Header["Authorization"] = []string{tok.header}
		x.t.client.sent.note(tok)
		if tok.key != nil {
			proof, err := tok.key.proof(x.req.Method, x.req.URL, tok.Access, x.t.client.nonces.get(x.req.URL))
			if err != nil {
				closeBody(out)
				return nil, notSent(&Error{Kind: KindConfig, Op: "sign DPoP proof", Err: err})
			}
			out.Header["Dpop"] = []string{proof}
		}
	}
	resp, err := x.t.base.RoundTrip(out)
	if err == nil && resp == nil {
		err = errors.New("the RoundTripper returned neither a response nor an error")
	}
	return resp, err
}

// notSent returns the error of a request that was not sent because no token was obtained.
func notSent(err error) error {
	e, ours := err.(*Error)
	return &transport.Error{Stage: transport.NotSent, Permanent: ours && e.Permanent(), Op: "obtain token", Err: err}
}

// usable returns the token for a request, or nil if there is none. It blocks only for the first
// read of the Store and for the renewal of an expired token.
func (c *Client) usable(ctx context.Context) (*token, error) {
	if !c.loaded.Load() {
		if err := c.load(ctx); err != nil {
			return nil, err
		}
	}
	tok := c.held.Load()
	if tok == nil && c.source() != nil {
		err := c.renew(ctx, nil, nil)
		return c.held.Load(), err
	}
	if tok == nil || tok.Expiry.IsZero() {
		return tok, nil
	}
	switch tok.freshness(time.Now()) {
	case fresh:
		return tok, nil
	case due:
		c.renewInBackground(tok)
		return tok, nil
	case expired:
	}
	switch err := c.renew(ctx, tok, nil); {
	case err == nil:
		return c.held.Load(), nil
	case c.keeps(err):
		// Send the expired token anyway. This machine's clock may be wrong, and without a token the
		// resource might respond as to an anonymous client instead of with 401.
		return c.held.Load(), nil
	default:
		return nil, err
	}
}

// replace returns the token with which to resend a request after a 401 to tok, or nil if the user
// must log in or the resource may have run the request. It reads the body of resp into memory.
func (c *Client) replace(ctx context.Context, tok *token, resp *http.Response) (*token, error) {
	if detach(resp); mayHaveRun(resp) {
		return nil, nil
	}
	if tok.isHopeless() && c.held.Load().same(tok) {
		return nil, nil
	}
	switch err := c.renew(ctx, tok, resp.Header); {
	case err == nil:
		return c.held.Load(), nil
	case c.keeps(err):
		return nil, nil
	default:
		return nil, err
	}
}
