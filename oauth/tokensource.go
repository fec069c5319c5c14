package oauth

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"
)

// TokenSource returns the Client's tokens as a token source of golang.org/x/oauth2, for code that
// sends requests by other means. To send HTTP requests to the endpoint, use [Client.RoundTripper]:
// it keeps tokens at their origin and replaces refused ones.
//
// Token returns the current token, after a renewal if it has expired. It obtains one with
// Config.Grant if needed, but never prompts the user. ctx bounds the wait of each call of Token,
// not the renewal. Token fails with an [*Error], or with the cause of ctx if ctx ended first:
//   - KindLoginRequired: there is no valid token, and the user must log in. Call [Client.Login].
//   - KindConfig: the token is bound to a key (RFC 9449), so it is useless without the Client. Set
//     Config.DPoP to DPoPNever.
//   - KindMetadata: the endpoint is http beyond loopback, see Config.AllowInsecureHTTP.
//   - Any other kind: the renewal failed.
//
// Send a token to the resource alone (RFC 8707): another server could use it there. The Expiry is
// zero if the authorization server specified no lifetime. There is no RefreshToken, because only
// one party can use rotating refresh tokens. Do not pass the source to [oauth2.NewClient]: its
// requests carry the token wherever the server redirects, and it keeps a token that was revoked
// until that expires.
func (c *Client) TokenSource(ctx context.Context) oauth2.TokenSource {
	return &tokenSource{client: c, ctx: ctx}
}

type tokenSource struct {
	client *Client
	ctx    context.Context
}

// Token implements oauth2.TokenSource; see [Client.TokenSource].
func (s *tokenSource) Token() (*oauth2.Token, error) {
	c := s.client
	if err := c.checkExposed("obtain token"); err != nil {
		return nil, err
	}
	tok, err := c.usable(s.ctx)
	if err == nil && tok == nil && c.cfg.Grant != nil {
		err = c.renew(s.ctx, nil, nil)
		tok = c.held.Load()
	}
	switch {
	case err != nil:
		return nil, err
	case tok == nil:
		return nil, &Error{Kind: KindLoginRequired, Op: "obtain token", Err: errors.New("there is no token: call Client.Login")}
	case tok.key != nil:
		return nil, &Error{Kind: KindConfig, Op: "obtain token", Err: errors.New(
			"the token is bound to a key (DPoP), so it works only through Client.RoundTripper")}
	case tok.freshness(time.Now()) == expired:
		return nil, &Error{Kind: KindLoginRequired, Op: "obtain token", Err: errors.New(
			"the token has expired and cannot be renewed without the user: call Client.Login")}
	}
	return &oauth2.Token{AccessToken: tok.Access, TokenType: typeBearer, Expiry: tok.Expiry}, nil
}
