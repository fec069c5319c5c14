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

// RoundTripper returns base with authorization. Requests to the resource's origin get the current
// token, unless they already carry an Authorization header. All other requests pass unchanged, so
// that no token is sent to another scheme, host or port. If base is nil, a [transport.NewDirect] is
// used, which is closed with the Client. Requests to authorization servers use the base of the last
// call, unless Config.Transport is set.
//
// Tokens are renewed without the user: in the background before they expire, while requests
// continue with the old one; before the request, which waits on its own context, if the token has
// expired; and after a 401 to the current token. After a 401 the request is sent again, at most
// once with a newer token that already exists and once with a renewed one. That requires a body
// that can be sent again: through GetBody, or because its length is known and at most 1 MiB.
// Requests are sent again only after a 401 or a demand for a DPoP nonce, so they run at most once
// if base guarantees that: see [transport.RunsOnce].
//
// If no token can be obtained because an authorization server or the Store failed, or because a
// Grant was refused, the error is a [*transport.Error] of stage NotSent that wraps an [*Error]. It
// is NotSent even after a 401, because a refused request did not run. If the user must log in, the
// 401 is returned: RoundTrip never prompts the user, see [Client.Authorize]. After Close, tokens
// are no longer renewed.
func (c *Client) RoundTripper(base http.RoundTripper) http.RoundTripper {
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

// RunsOnce reports whether RoundTrip runs a request at most once, see [transport.RunsOnce].
func (t *roundTripper) RunsOnce() bool { return t.once }

// RoundTrip implements http.RoundTripper; see [Client.RoundTripper].
func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, own := req.Header["Authorization"]; own || !t.client.covers(req.URL) {
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
		if err != nil || resp.StatusCode != http.StatusUnauthorized || again == nil {
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

// RequestSecrets implements redact.Holder: it returns the most recently attached tokens.
func (t *roundTripper) RequestSecrets() []string { return t.client.sent.secrets() }

// maxAttached is how many tokens are remembered for masking: a call may end after its token was
// replaced.
const maxAttached = 4

// attached remembers the tokens that were attached to requests, the newest last.
type attached struct {
	newest atomic.Pointer[token]

	mu     sync.Mutex
	recent []*token // guarded by mu
}

// note remembers a token. It takes no lock if the last request had the same token.
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

// exchange is one request, with all its tries.
type exchange struct {
	t     *roundTripper
	req   *http.Request
	again func() (io.ReadCloser, error)
}

// send sends the request with a token, and sends it again if the resource requires a nonce in the
// DPoP proof (RFC 9449 section 9).
func (x *exchange) send(tok *token, body io.ReadCloser) (*http.Response, error) {
	resp, err := x.try(tok, body)
	if err != nil || tok == nil {
		return resp, err
	}
	if tok.key != nil {
		x.t.client.nonces.take(x.req.URL, resp.Header)
		if resp.StatusCode == http.StatusUnauthorized && wantsNonce(resp.Header) && x.again != nil {
			detach(resp)
			if resp, err = x.withNonce(tok, resp); err != nil {
				return nil, err
			}
		}
	}
	tok.mark(resp.StatusCode == http.StatusUnauthorized)
	return resp, nil
}

// withNonce sends the request again with the nonce from the refusal, if the body can be sent again.
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

// try sends a copy of the request, with the token unless that is nil.
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

// notSent says that a request was not sent because there is no token.
func notSent(err error) error {
	e, ours := err.(*Error)
	return &transport.Error{Stage: transport.NotSent, Permanent: ours && e.Permanent(), Op: "obtain token", Err: err}
}

// usable returns the token for a request, nil if there is none. It waits only for the first read of
// the Store, and for the renewal of an expired token.
func (c *Client) usable(ctx context.Context) (*token, error) {
	if !c.loaded.Load() {
		if err := c.load(ctx); err != nil {
			return nil, err
		}
	}
	tok := c.held.Load()
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
	case isRefusal(err) && c.cfg.Grant == nil:
		// The resource decides whether the token is valid: this machine's clock may be wrong, and a
		// plain 401 is better than what a server shows to anonymous clients.
		return c.held.Load(), nil
	default:
		return nil, err
	}
}

// replace returns the token to resend a request with after a 401 to tok, or nil if the user must
// log in. It reads the response's body into memory.
func (c *Client) replace(ctx context.Context, tok *token, resp *http.Response) (*token, error) {
	detach(resp)
	if tok.isHopeless() && c.held.Load().same(tok) {
		return nil, nil
	}
	switch err := c.renew(ctx, tok, resp.Header); {
	case err == nil:
		return c.held.Load(), nil
	case isRefusal(err) && c.cfg.Grant == nil:
		return nil, nil
	default:
		return nil, err
	}
}
