package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Grant obtains tokens without the user: [ClientCredentials], [JWTBearer], [EnterpriseManaged]. Its
// tokens are kept only in memory, and obtained again when they expire or are refused.
type Grant interface {
	// tokenRequest returns the parameters of the token request, without resource, scope and client
	// authentication. at is the server and the resource of the token.
	tokenRequest(ctx context.Context, c *Client, at *target) (url.Values, error)
	// authenticates reports whether the request also carries client authentication.
	authenticates() bool
}

// target describes the token to obtain.
type target struct {
	resource  string
	server    *ServerMetadata
	scopes    []string // to request
	supported []string // named by the resource
	bound     bool     // the resource requires DPoP
	found     time.Time
}

// obtain gets the first or the next token from the Grant. refusal is the header of a 401, or nil if
// old has only expired.
func (c *Client) obtain(ctx context.Context, old *token, refusal http.Header) error {
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
		if at, err = c.discover(ctx, a.hint, old); err != nil {
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
	g := c.cfg.Grant
	form, err := g.tokenRequest(ctx, c, at)
	if err != nil {
		return grantError(ctx, err)
	}
	if assertion := form.Get("assertion"); assertion != "" && c.known.isSpent(assertion) {
		return &Error{Kind: KindRefused, Op: "obtain token", Code: "invalid_grant", Err: errSpent}
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
	setScope(form, at.scopes)
	tok, err := c.requestToken(ctx, req)
	if codeOf(err) == "invalid_grant" {
		c.known.spend(form.Get("assertion"))
	}
	if err != nil {
		return err
	}
	tok.anew, tok.Refresh = true, "" // the Grant obtains the next one
	c.held.Store(tok)
	return nil
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
