package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/hawser-mcp/hawser/internal/challenge"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/singleflight"
	"github.com/hawser-mcp/hawser/transport"
)

// StaticToken returns a Grant whose bearer token never changes, such as an API key:
//
//	auth, err := oauth.NewClient(url, &oauth.Config{Grant: oauth.StaticToken(key)})
//
// The Client sends the token from the first request on, to the endpoint's origin only, and contacts
// no authorization server. Over http beyond loopback it needs Config.AllowInsecureHTTP. If the
// server refuses the token, Authorize returns an [*Error] of KindLoginRequired, after a 403 with
// insufficient_scope of KindScope. A session's calls then fail with mcpclient.KindAuthRequired or
// mcpclient.KindForbidden.
func StaticToken(token string) Grant {
	return &source{name: "StaticToken", from: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}), static: true, fixed: token}
}

// FromTokenSource returns a Grant whose bearer tokens come from src, a token source of
// golang.org/x/oauth2. The Client contacts no authorization server. It calls src.Token before the
// first request, when the token expires, and once after a refusal (401, or 403 with an
// insufficient_scope challenge). If src returns the refused token again, the refusal stands:
// Authorize returns an [*Error] of KindLoginRequired or KindScope. An [oauth2.ReuseTokenSource]
// does that until the token expires.
//
// src.Token is called by one goroutine at a time, and its result is shared. It has no context, so
// it may block. Requests then stop waiting when their own contexts end, and after four times
// Config.RequestTimeout; Close does not wait for it. If src.Token fails, requests fail with a
// [*transport.Error] of stage NotSent that wraps an [*Error]: KindRefused with the Code of an
// [*oauth2.RetrieveError]; KindNetwork if the network or that server failed; else KindLogin. Its
// text holds no query of a URL and no response body.
func FromTokenSource(src oauth2.TokenSource) Grant {
	return &source{name: "FromTokenSource", from: src}
}

// source is a Grant with tokens of its own. The methods of the embedded Grant, which is nil, make
// requests to an authorization server: the Client does not call them.
type source struct {
	Grant

	name   string
	from   oauth2.TokenSource
	static bool   // there is only one token
	fixed  string // the token, if static
	asking singleflight.Group[*oauth2.Token]
	last   atomic.Pointer[oauth2.Token] // what the source returned last, for masking
}

func (s *source) check(*Registration) error {
	switch {
	case s.from == nil:
		return errors.New("FromTokenSource requires a TokenSource")
	case s.static && !isVisible(s.fixed):
		return errors.New(`StaticToken requires a token without white space (a final newline, a "Bearer " prefix?)`)
	}
	return nil
}

// source returns Config.Grant if it is a source, else nil.
func (c *Client) source() *source {
	s, _ := c.cfg.Grant.(*source)
	return s
}

// errUnchanged says that a source returned the current token again.
var errUnchanged = errors.New("there is no other token")

// keeps reports whether a failed renewal leaves the old token in use, so that the resource decides.
func (c *Client) keeps(err error) bool {
	return isRefusal(err) && (c.cfg.Grant == nil || errors.Is(err, errUnchanged))
}

// take makes the source's token the current one. old is the token to replace, or nil. If the source
// returns it again, the error wraps errUnchanged. refused reports that the resource refused old.
func (c *Client) take(ctx context.Context, s *source, old *token, refused bool) error {
	given, err := s.token(ctx)
	if err != nil {
		return err
	}
	next := newToken(tokenRecord{Access: given.AccessToken, Type: typeBearer, Obtained: time.Now(), Expiry: given.Expiry}, nil)
	if old == nil || old.Access != next.Access {
		next.own, next.anew = refused, refused // the first token may be of any age
		c.held.Store(next)
		return nil
	}
	if old.refused.Load() {
		old.dead.Store(true)
	} else if !old.Expiry.Equal(next.Expiry) {
		c.held.Store(next) // the same token, valid for longer
	}
	return &Error{Kind: KindLoginRequired, Op: "renew token", Err: errUnchanged}
}

// token returns the source's token. It waits no longer than ctx, even if the source blocks. The
// next call then waits for the same result.
func (s *source) token(ctx context.Context) (*oauth2.Token, error) {
	call, _ := s.asking.Join(func(run func()) bool { go run(); return true }, s.from.Token)
	given, err := call.Wait(ctx, context.Background())
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &Error{Kind: KindLogin, Op: "obtain token", Err: fmt.Errorf("the TokenSource does not return: %w", err)}
	case err != nil:
		return nil, sourceError(err, s.last.Load())
	case given == nil || !isVisible(given.AccessToken):
		return nil, &Error{Kind: KindConfig, Op: "obtain token", Err: errors.New("the TokenSource returned an empty or malformed token")}
	case given.Type() != typeBearer:
		return nil, &Error{Kind: KindConfig, Op: "obtain token", Err: fmt.Errorf(
			"the TokenSource returned a token of type %q, expected Bearer", redact.Clean(given.Type(), 32))}
	}
	s.last.Store(given)
	return given, nil
}

// sourceError returns the error of a TokenSource without secrets. The text of an
// oauth2.RetrieveError can hold a response body. last is the source's last token, or nil.
func sourceError(err error, last *oauth2.Token) error {
	var secrets []string
	if last != nil {
		secrets = []string{last.AccessToken, last.RefreshToken}
	}
	e := &Error{Kind: KindLogin, Op: "obtain token"}
	var ours *Error
	var refused *oauth2.RetrieveError
	var network net.Error
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &refused):
		e.Kind = KindRefused
		e.Code = redact.Clean(redact.Mask(refused.ErrorCode, secrets), 64)
		e.Description = redact.Clean(redact.Mask(refused.ErrorDescription, secrets), maxDescription)
		text := "the token endpoint of the TokenSource refused the request"
		if r := refused.Response; r != nil {
			text += fmt.Sprintf(" with status %d", r.StatusCode)
			if r.StatusCode >= http.StatusInternalServerError || r.StatusCode == http.StatusTooManyRequests {
				e.Kind = KindNetwork
			}
		}
		e.Err = redact.Reworded(err, text)
	default:
		if errors.As(err, &network) {
			e.Kind = KindNetwork
		}
		e.Err = redact.Reworded(err, transport.Scrub(redact.Mask(err.Error(), secrets)))
	}
	return e
}

// authorizeFrom obtains another token from the source, after a refusal of cur or for a call to
// Login.
func (c *Client) authorizeFrom(ctx context.Context, s *source, a *ask, cur *token) error {
	known := cur != nil && !a.explicit && !a.stepUp && (cur.isHopeless() || cur.dead.Load()) // there is no other
	if !known {
		err := c.renew(ctx, cur, a.header)
		if !errors.Is(err, errUnchanged) {
			return err
		}
	}
	if a.stepUp {
		text := "the token of " + s.name + " lacks a scope that the server demands; get a token with more scopes"
		if len(a.scopes) > 0 {
			text = fmt.Sprintf("the token of %s lacks scopes: the server demands %q; get a token with them", s.name,
				redact.Line(strings.Join(a.scopes, " "), maxDescription))
		}
		return &Error{Kind: KindScope, Op: "authorize", URL: c.name(), Err: errors.New(text)}
	}
	if cur == nil || !cur.refused.Load() {
		return nil // Login was called, and the current token is good
	}
	e := &Error{Kind: KindLoginRequired, Op: "authorize", Err: fmt.Errorf(
		"the server refused the token of %s: it may be expired, revoked or meant for another server; get a new one", s.name)}
	for _, ch := range challenge.Parse(a.header.Values("WWW-Authenticate")) {
		if ch.Is(typeBearer) && e.Code == "" {
			e.Code = redact.Clean(redact.Mask(ch.Param("error"), []string{cur.Access}), 64)
			e.Description = redact.Clean(redact.Mask(ch.Param("error_description"), []string{cur.Access}), maxDescription)
		}
	}
	return e
}
