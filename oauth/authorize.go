package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/challenge"
	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// ask describes a needed authorization: for a refused request, or for a call to Login.
type ask struct {
	explicit bool        // Login was called
	stepUp   bool        // the response was a 403: the token is valid, but lacks scopes
	header   http.Header // header of the 401 or 403
	hints    []string    // resource_metadata in the challenges
	scopes   []string    // scopes in the challenge
	began    time.Time   // when the refused request was made
}

// Authorize obtains the authorization that a refused request needs, so that it can be sent again.
// endpoint is the URL of the request. status and header come from the response, which is a 401, or
// a 403 with an insufficient_scope or invalid_token challenge (MCP authorization, RFC 6750 section 3.1). began is
// when the request was made: if a suitable token was obtained since then, Authorize returns nil at
// once.
//
// Otherwise Authorize obtains a token by a refresh, a Grant or a login. Concurrent calls share one
// such attempt. Each call waits on its own context, whose end does not affect the others. Authorize
// returns an [*Error], or the cause of ctx if ctx ended first. A login that the user declined
// ([ErrDeclined]), or that failed while the request was in flight, is not repeated. Callers must
// limit the calls for one request: the MCP conformance suite allows three.
//
//	for tries := 0; ; tries++ {
//		began := time.Now()
//		resp, err := client.Do(req) // its Transport is auth.RoundTripper(nil)
//		if err != nil || tries == 3 || resp.StatusCode != 401 && resp.StatusCode != 403 {
//			return resp, err
//		}
//		if err := auth.Authorize(ctx, url, resp.StatusCode, resp.Header, began); err != nil {
//			return resp, err
//		}
//		… // close resp.Body, renew req.Body
//	}
func (c *Client) Authorize(ctx context.Context, endpoint string, status int, header http.Header, began time.Time) error {
	u, err := parseEndpoint(endpoint)
	if err != nil || !c.covers(u) {
		return &Error{Kind: KindConfig, Op: "authorize", Err: fmt.Errorf("expected an endpoint of %s", httprule.Origin(c.endpoint))}
	}
	a, err := readRefusal(status, header)
	if err != nil {
		return located(err, c.name(), "")
	}
	a.began = began
	if err := c.load(ctx); err != nil {
		return err
	}
	for range 3 { // an authorization in progress may have had another purpose
		if done, err := c.settled(a); done {
			return err
		}
		call, joined := c.join(&c.authorization, c.authorizeLimit(), c.authorizing(a))
		err := c.await(ctx, call)
		if w, ended, _ := call.Result(); ended && joined && w.stepUp != a.stepUp {
			continue
		}
		if err != nil || !joined {
			return err
		}
	}
	return nil
}

// Login prompts the user to log in, even if there is a token or the user declined before. If
// Config.Grant is set, Login obtains a new token from it instead. If a login is already in
// progress, Login waits for it. ctx bounds the wait. Config.LoginTimeout bounds the login.
func (c *Client) Login(ctx context.Context) error {
	if err := c.load(ctx); err != nil {
		return err
	}
	c.known.pardon()
	for {
		call, joined := c.join(&c.authorization, c.authorizeLimit(), c.authorizing(&ask{explicit: true}))
		err := c.await(ctx, call)
		if w, ended, _ := call.Result(); !ended || !joined || w.prompted {
			return err
		}
	}
}

// readRefusal reads the challenge in a 401 or 403. It returns an error if the response does not ask
// for authorization.
func readRefusal(status int, header http.Header) (*ask, error) {
	a := &ask{header: header}
	found := false
	if isUnauthorized(status, header) {
		status = http.StatusUnauthorized
	}
	for _, ch := range challenge.Parse(header.Values("WWW-Authenticate")) {
		if !ch.Is(typeBearer) && !ch.Is(typeDPoP) {
			continue
		}
		if status == http.StatusForbidden && ch.Param("error") != "insufficient_scope" {
			continue
		}
		found = true
		a.hints = union(a.hints, ch.ParamValues("resource_metadata")...)
		a.scopes = union(a.scopes, validScopes(strings.Fields(ch.Param("scope")))...)
	}
	switch status {
	case http.StatusUnauthorized:
		return a, nil
	case http.StatusForbidden:
		a.stepUp = true
		if found {
			return a, nil
		}
	}
	return nil, &Error{Kind: KindScope, Op: "authorize", Err: &DocumentError{
		Reason: "the response does not ask for authorization", Wanted: "401, or 403 with insufficient_scope", Found: strconv.Itoa(status),
	}}
}

// isUnauthorized reports whether a resource refused the token itself: with 401 or, against RFC 6750
// section 3.1, with a 403 that says invalid_token.
func isUnauthorized(status int, header http.Header) bool {
	return status == http.StatusUnauthorized ||
		status == http.StatusForbidden && challenge.HasError(header.Values("WWW-Authenticate"), "invalid_token")
}

// settled reports whether no new authorization should be tried for a refused request. The error is
// nil if a newer token exists. Otherwise the error says why a new authorization would fail.
func (c *Client) settled(a *ask) (bool, error) {
	if a.explicit {
		return false, nil
	}
	cur := c.held.Load()
	newer := cur != nil && !cur.since.Before(a.began)
	if newer && (a.stepUp && contains(cur.Requested, a.scopes) || !a.stepUp && !cur.refused.Load()) {
		return true, nil
	}
	err := located(c.known.verdict(a, cur), c.name(), "")
	return err != nil, err
}

// authorizeLimit is the time limit of an authorization: a renewal, discovery and a login.
func (c *Client) authorizeLimit() time.Duration {
	return c.renewLimit() + 8*c.cfg.RequestTimeout + c.cfg.LoginTimeout
}

func (c *Client) authorizing(a *ask) func(context.Context, *work) error {
	return func(ctx context.Context, w *work) error {
		w.stepUp = a.stepUp
		if done, err := c.settled(a); done {
			return err
		}
		before, from := c.held.Load(), time.Now()
		err := c.authorize(ctx, w, a)
		if w.prompted || a.stepUp && c.source() == nil {
			c.known.learn(a, err, from, before, c.held.Load())
		}
		return err
	}
}

// checkExposed returns an error if a token would travel in the clear to the endpoint.
func (c *Client) checkExposed(op string) error {
	if !c.fetcher.egress.exposed {
		return nil
	}
	return &Error{Kind: KindMetadata, Op: op, URL: c.name(), Err: &URLError{Host: redact.Clean(c.endpoint.Hostname(), maxHost), Reason: reasonHTTP}}
}

func (c *Client) authorize(ctx context.Context, w *work, a *ask) error {
	if err := c.checkExposed("authorize"); err != nil {
		return err
	}
	cur := c.held.Load()
	if s := c.source(); s != nil {
		return c.authorizeFrom(ctx, s, a, cur)
	}
	if !a.explicit && !a.stepUp && !cur.isHopeless() {
		err := c.renew(ctx, cur, a.header)
		if err == nil || !isRefusal(err) || c.cfg.Grant != nil {
			return err
		}
		cur = c.held.Load()
	}
	at, err := c.discover(ctx, a.hints, cur)
	if err != nil {
		return err
	}
	moved := cur != nil && (!sameIssuer(cur.Issuer, at.server.Issuer) || cur.Resource != at.resource)
	switch {
	case moved:
		c.log.Info("the resource moved to another authorization server", "issuer", at.server.Issuer, "before", cur.Issuer)
		if err := c.forget(ctx, cur); err != nil {
			return err
		}
	case !a.explicit && !a.stepUp && cur.isHopeless() && cur.anew:
		return &Error{Kind: KindRefused, Op: "authorize", URL: c.name(), Err: errors.New("the resource refused a token that was just issued for it")}
	}
	at.scopes = c.chooseScopes(a, at, cur)
	if c.cfg.Grant != nil {
		return c.grant(ctx, at)
	}
	return c.authorizePerson(ctx, w, a, at, cur)
}

func (c *Client) authorizePerson(ctx context.Context, w *work, a *ask, at *target, cur *token) error {
	if err := c.bind(ctx, at.resource, at.server.Issuer); err != nil {
		return err
	}
	if !a.explicit && !a.stepUp {
		// Another process may have stored a token.
		stored, _, err := c.loadToken(ctx, tokenKey(at.resource, at.server.Issuer))
		if err != nil {
			return err
		}
		if stored.supersedes(cur) {
			c.held.CompareAndSwap(cur, stored) // if this fails, another goroutine already replaced cur
			return nil
		}
	}
	if c.cfg.Login == nil {
		return &Error{Kind: KindLoginRequired, Op: "authorize", Err: a.noLogin()}
	}
	w.prompted = true
	cur.forgive()
	return alsoTried(c.login(ctx, at), at.server.tried)
}

// noLogin says why a login is needed that Config does not provide.
func (a *ask) noLogin() error {
	if a.stepUp && len(a.scopes) > 0 {
		return fmt.Errorf("the resource requires the scopes %q, and Config.Login is nil", redact.Clean(strings.Join(a.scopes, " "), maxDescription))
	}
	return errors.New("Config.Login is nil")
}

// chooseScopes returns the scopes to request (MCP authorization, "Scope Selection Strategy",
// "Step-Up Authorization Flow"): the scopes in the challenge or, if it has none, all scopes that
// the resource names. After an insufficient_scope challenge or a call to Login, it adds the scopes
// that were requested for the current token.
func (c *Client) chooseScopes(a *ask, at *target, cur *token) []string {
	var scopes []string
	if cur != nil && a.stepUp {
		scopes = slices.Clone(cur.Requested)
	}
	if len(a.scopes) > 0 {
		scopes = union(scopes, a.scopes...)
	} else if !a.stepUp {
		scopes = union(scopes, at.supported...)
	}
	if cur != nil && a.explicit {
		scopes = union(scopes, cur.Requested...)
	}
	scopes = union(scopes, c.cfg.Scopes...)
	if c.cfg.Grant == nil && slices.Contains(at.server.ScopesSupported, scopeOffline) {
		scopes = union(scopes, scopeOffline)
	}
	return scopes
}

// scopeOffline is the scope that requests a refresh token. It is used only if the server lists it.
const scopeOffline = "offline_access"
