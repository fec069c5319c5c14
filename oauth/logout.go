package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Logout deletes the token from memory and from the Store, and then asks the authorization server
// to revoke it (RFC 7009). Logout returns an error only if the token could not be deleted from the
// Store. It only logs a failed revocation, and that a server offers none. Logout waits for a
// refresh in flight. It also deletes the client's dynamic registration. Unless Config.Grant is set,
// the next request that needs a token requires a new login. Tokens of [FromTokenSource] and
// [StaticToken] are not revoked.
func (c *Client) Logout(ctx context.Context) error {
	ctx, stop := context.WithTimeoutCause(ctx, c.renewLimit()+c.cfg.RequestTimeout, errTooSlow)
	defer stop()
	defer context.AfterFunc(c.closing, stop)()
	if err := c.load(ctx); err != nil {
		return err
	}
	if c.cfg.Grant == nil {
		defer c.forgetClient(ctx)
	}
	tok := c.held.Load()
	if tok == nil {
		return nil
	}
	if c.cfg.Grant == nil {
		var err error
		if tok, err = c.erase(ctx, tok); err != nil {
			return err
		}
	} else {
		c.held.CompareAndSwap(tok, nil)
		if c.source() != nil {
			return nil // the token is not this client's to revoke
		}
	}
	if err := c.revoke(ctx, tok); err != nil {
		c.log.Info("token not revoked", "issuer", tok.Issuer, "error", err)
	}
	return nil
}

// erase deletes the stored token while it holds the lease, and returns the deleted token. It
// returns tok if the Store has no token.
func (c *Client) erase(ctx context.Context, tok *token) (*token, error) {
	key := tokenKey(tok.Resource, tok.Issuer)
	release, err := c.store.Lease(ctx, key, c.cfg.RequestTimeout)
	if err != nil {
		return nil, storeError(ctx, "lease token", err)
	}
	defer release()
	for range maxConflicts {
		stored, version, err := c.loadToken(ctx, key)
		if err != nil {
			return nil, err
		}
		if stored != nil {
			tok = stored
		}
		if err = c.store.Delete(ctx, key, version); err == nil || errors.Is(err, ErrNotFound) {
			c.held.Store(nil)
			return tok, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, storeError(ctx, "delete token", err)
		}
	}
	return nil, &Error{Kind: KindStore, Op: "delete token", Err: ErrConflict}
}

// errNoRevocation says that a deleted token stays valid at the server until it expires.
var errNoRevocation = errors.New("the authorization server offers no revocation")

// revoke asks the server to revoke the refresh token, which also revokes the access token. Without
// a refresh token, it revokes the access token.
func (c *Client) revoke(ctx context.Context, tok *token) error {
	server, err := c.serverOf(ctx, tok)
	switch {
	case err != nil:
		return err
	case server.RevocationEndpoint == "":
		return errNoRevocation
	}
	form, header := url.Values{"token": {tok.Access}, "token_type_hint": {"access_token"}}, make(http.Header)
	if tok.Refresh != "" {
		form = url.Values{"token": {tok.Refresh}, "token_type_hint": {"refresh_token"}}
	}
	var who *registered
	if tok.ClientID != "" {
		if who, err = c.identity(ctx, server, tok); err != nil {
			return err
		}
		if err := who.authenticate(form, header, server, c.cfg.Registration.Key); err != nil {
			return err
		}
	}
	answer, err := c.fetcher.postForm(ctx, server.RevocationEndpoint, form, header)
	if err == nil && answer.status/100 != 2 {
		_, err = readReply(answer, "revoke token", secretsOf(form, header, who))
	}
	return err
}
