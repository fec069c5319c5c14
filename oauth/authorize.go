package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/challenge"
	"github.com/hawser-mcp/hawser/internal/httprule"
)

// ask is what a refusal, or a person, wants of an authorization.
type ask struct {
	explicit bool        // Login was called
	stepUp   bool        // 403: the token is good, but not for this
	header   http.Header // of the refusal
	hint     string      // resource_metadata of the challenge
	scopes   []string    // of the challenge
	began    time.Time   // when the request that was refused began
}

// Authorize does what a refused request needs, so that it can be sent again. endpoint is the
// URL of the request, status and header are the response's: 401, or 403 with an
// insufficient_scope challenge (MCP authorization, RFC 6750 section 3.1). began is when
// that request was begun: a token that was obtained since only needs to be used.
//
// Otherwise a refresh, a Grant or a login obtains one. All of it is done once, however many calls ask, and
// each of them waits on its own context, whose end takes nothing from the others.
// It fails with an [*Error]; with the context's cause if that ended first. What
// the person declined ([ErrDeclined]), and a login that failed while the request was under way, is not asked
// again. How often to call Authorize for one request is the caller's to bound: three times at most is
// what the MCP conformance suite allows.
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
		return &Error{Kind: KindConfig, Op: "authorize", Err: errors.New("the endpoint is not one of " + httprule.Origin(c.endpoint))}
	}
	a, err := readRefusal(status, header)
	if err != nil {
		return err
	}
	a.began = began
	if err := c.load(ctx); err != nil {
		return err
	}
	for range 3 { // the work of others may have been about something else
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

// Login asks the person for a new authorization, whether or not there is a token, and
// also if the person declined before; with a Grant it obtains a new token. If a person is being asked already,
// that is awaited instead. ctx bounds the wait, Config.LoginTimeout the login.
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

// readRefusal reads the challenge of a 401 or 403.
func readRefusal(status int, header http.Header) (*ask, error) {
	a := &ask{header: header}
	found := false
	for _, ch := range challenge.Parse(header.Values("WWW-Authenticate")) {
		if !ch.Is(typeBearer) && !ch.Is(typeDPoP) {
			continue
		}
		if status == http.StatusForbidden && ch.Param("error") != "insufficient_scope" {
			continue
		}
		found = true
		if a.hint == "" {
			a.hint = ch.Param("resource_metadata")
		}
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
	return nil, &Error{Kind: KindScope, Op: "authorize", Err: errors.New("another authorization is not what the server asks for")}
}

// settled reports whether there is nothing to do for a refusal: there is a newer token, or
// what would be done is known to fail.
func (c *Client) settled(a *ask) (bool, error) {
	if a.explicit {
		return false, nil
	}
	cur := c.held.Load()
	newer := cur != nil && !cur.since.Before(a.began)
	if newer && (a.stepUp && contains(cur.Requested, a.scopes) || !a.stepUp && !cur.refused.Load()) {
		return true, nil
	}
	err := c.known.verdict(a, cur)
	return err != nil, err
}

// authorizeLimit bounds an authorization: a renewal, discovery, a login.
func (c *Client) authorizeLimit() time.Duration {
	return c.renewLimit() + 8*c.cfg.RequestTimeout + c.cfg.LoginTimeout
}

func (c *Client) authorizing(a *ask) func(context.Context, *work) error {
	return func(ctx context.Context, w *work) error {
		w.stepUp = a.stepUp
		if done, err := c.settled(a); done {
			return err
		}
		before := c.held.Load()
		err := c.authorize(ctx, w, a)
		if w.prompted || a.stepUp {
			c.known.learn(a, err, before, c.held.Load())
		}
		return err
	}
}

func (c *Client) authorize(ctx context.Context, w *work, a *ask) error {
	cur := c.held.Load()
	if !a.explicit && !a.stepUp && !cur.isHopeless() {
		err := c.renew(ctx, cur, a.header)
		if err == nil || !isRefusal(err) || c.cfg.Grant != nil {
			return err
		}
		cur = c.held.Load()
	}
	at, err := c.discover(ctx, a.hint, cur)
	if err != nil {
		return err
	}
	moved := cur != nil && (cur.Issuer != at.server.Issuer || cur.Resource != at.resource)
	switch {
	case moved:
		c.log.Info("the resource has another authorization server now", "issuer", at.server.Issuer, "before", cur.Issuer)
		if err := c.forget(ctx, cur); err != nil {
			return err
		}
	case !a.explicit && !a.stepUp && cur.isHopeless() && cur.anew:
		return &Error{Kind: KindRefused, Op: "authorize", Err: errors.New("the resource refuses a token that was just obtained for it")}
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
		// Another process may have been here already.
		stored, _, err := c.loadToken(ctx, tokenKey(at.resource, at.server.Issuer))
		if err != nil {
			return err
		}
		if stored.supersedes(cur) {
			c.held.CompareAndSwap(cur, stored) // else somebody was faster
			return nil
		}
	}
	if c.cfg.Login == nil {
		return &Error{Kind: KindLoginRequired, Op: "authorize", Err: errors.New("no Config.Login asks a person")}
	}
	w.prompted = true
	return c.login(ctx, at)
}

// chooseScopes returns the scopes to ask for (MCP authorization, scope
// selection strategy and step-up authorization flow): those of the challenge, else all that the resource names; after an
// insufficient_scope those that were asked for before, besides.
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

// scopeOffline asks for a refresh token, where the server knows it.
const scopeOffline = "offline_access"
