package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Grant obtains tokens without the user: [ClientCredentials], [JWTBearer], [EnterpriseManaged],
// [FromTokenSource], [StaticToken]. Its tokens are kept only in memory. When a token expires or is refused, the Client obtains a new one.
type Grant interface {
	// tokenRequest returns the parameters of the token request, except resource, scope and client
	// authentication. at describes the token to obtain.
	tokenRequest(ctx context.Context, c *Client, at *target) (url.Values, error)
	// authenticates reports whether the request also carries client authentication.
	authenticates() bool
}

// target describes the token to obtain.
type target struct {
	resource  string
	server    *ServerMetadata
	scopes    []string // the scopes to request
	supported []string // the scopes that the resource names
	bound     bool     // the resource requires DPoP
	found     time.Time
}

// obtain gets a token from the Grant and makes it the current one. old is the token to replace, or
// nil. refusal is the header of a 401 to old, or nil if old has only expired.
func (c *Client) obtain(ctx context.Context, old *token, refusal http.Header) error {
	if s := c.source(); s != nil {
		return c.take(ctx, s, old, refusal != nil)
	}
	a := &ask{}
	at := c.known.target()
	if refusal != nil {
		var err error
		if a, err = readRefusal(http.StatusUnauthorized, refusal); err != nil {
			return err
		}
		at = nil // the resource may have another authorization server now
	}
	if at == nil {
		var err error
		if at, err = c.discover(ctx, a.hints, old); err != nil {
			return err
		}
	}
	next := *at
	if refusal == nil && old != nil {
		next.scopes = old.Requested
	} else {
		next.scopes = c.chooseScopes(a, at, old)
	}
	return c.grant(ctx, &next)
}

// grant obtains a token from the Grant and makes it the current one.
func (c *Client) grant(ctx context.Context, at *target) error {
	return alsoTried(c.grantOnce(ctx, at), at.server.tried)
}

func (c *Client) grantOnce(ctx context.Context, at *target) error {
	g := c.cfg.Grant
	form, err := g.tokenRequest(ctx, c, at)
	if err != nil {
		return grantError(ctx, err)
	}
	if assertion := form.Get("assertion"); assertion != "" && c.known.isSpent(assertion) {
		return &Error{Kind: KindRefused, Op: "obtain token", URL: shownURL(at.server.TokenEndpoint), Code: codeInvalidGrant, Err: errSpent}
	}
	req := &tokenRequest{op: "obtain token", at: at, form: form}
	if g.authenticates() {
		if req.who, err = c.identity(ctx, at.server, nil); err != nil {
			return err
		}
	}
	if req.key, req.bound, err = c.chooseDPoP(ctx, at.server, at.bound); err != nil {
		return err
	}
	form.Set("resource", at.resource)
	if req.who != nil && c.workaround(ctx, at.server.Issuer, req.who.clientID).NoOffline {
		at.scopes = withoutOffline(at.scopes)
	}
	setScope(form, at.scopes)
	tok, err := c.requestToken(ctx, req)
	switch code := codeOf(err); {
	case code == codeInvalidGrant:
		c.known.spend(form.Get("assertion"))
	case code == codeInvalidScope && slices.Contains(at.scopes, scopeOffline):
		return c.grantWithoutOffline(ctx, req)
	}
	if err != nil {
		return err
	}
	tok.anew, tok.Refresh = true, "" // the next token comes from the Grant, not from a refresh
	c.held.Store(tok)
	return nil
}

// grantWithoutOffline repeats a request whose scopes the server refused, without offline_access.
func (c *Client) grantWithoutOffline(ctx context.Context, refused *tokenRequest) error {
	at := *refused.at
	at.scopes = withoutOffline(at.scopes)
	err := c.grantOnce(ctx, &at)
	if err == nil && refused.who != nil {
		c.remember(ctx, at.server.Issuer, refused.who.clientID, func(w *workaround) { w.NoOffline = true })
	}
	return err
}

// errSpent is returned for an assertion that was refused before (MCP workload-identity-federation).
var errSpent = errors.New("the server already refused this assertion")

// grantError wraps an error that a Grant's callback returned.
func grantError(ctx context.Context, err error) error {
	var typed *Error
	if errors.As(err, &typed) {
		return err
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &Error{Kind: KindLogin, Op: "obtain token", Err: err}
}

func setScope(form url.Values, scopes []string) {
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
}

// ClientCredentials obtains tokens for a client that acts on its own behalf (RFC 6749 section 4.4,
// MCP extension oauth-client-credentials). Config.Registration must have a ClientID with a
// ClientSecret or, preferably, a Key. Dynamic registration is not used.
type ClientCredentials struct{}

func (ClientCredentials) tokenRequest(context.Context, *Client, *target) (url.Values, error) {
	return url.Values{"grant_type": {"client_credentials"}}, nil
}

func (ClientCredentials) authenticates() bool { return true }

func (ClientCredentials) check(r *Registration) error {
	if r.ClientID == "" || r.ClientSecret == "" && r.Key == nil {
		return errors.New("ClientCredentials requires Registration.ClientID with ClientSecret or Key")
	}
	return nil
}

const grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer" //nolint:gosec // a name

// JWTBearer exchanges an assertion for a token (RFC 7523 section 2.1). The assertion is signed by a
// third party, such as the platform that a workload runs on (MCP extension
// workload-identity-federation). The client needs no ID or registration. Assertions are sent only
// to Config.Issuer or, if that is empty, to the first authorization server that the resource named.
type JWTBearer struct {
	// Assertion returns a fresh assertion. It is called for each token, and must return when ctx
	// ends. An assertion that the server refused with invalid_grant is not sent again.
	Assertion func(ctx context.Context) (string, error)
}

func (g JWTBearer) tokenRequest(ctx context.Context, _ *Client, _ *target) (url.Values, error) {
	assertion, err := g.Assertion(ctx)
	switch {
	case err != nil:
		return nil, err
	case assertion == "":
		return nil, errors.New("empty assertion from JWTBearer.Assertion")
	}
	return url.Values{"grant_type": {grantJWTBearer}, "assertion": {assertion}}, nil
}

func (JWTBearer) authenticates() bool { return false }

func (g JWTBearer) check(*Registration) error {
	if g.Assertion == nil {
		return errors.New("JWTBearer requires Assertion")
	}
	return nil
}
