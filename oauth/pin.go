package oauth

import (
	"context"
	"errors"
)

// Why credentials are pinned. A resource names its authorization server, and may name another one
// later. Tokens and dynamic registrations belong to the server that issued them, so they are not
// sent to the new one. Configured credentials, a client ID with its secret or an assertion, would
// be. So unless the configuration names their server, the Store pins them to the first server that
// the resource names.

// isPinned reports whether the configuration has credentials and does not say which server they are
// for.
func (c *Client) isPinned() bool {
	r := &c.cfg.Registration
	assertion := c.cfg.Grant != nil && !c.cfg.Grant.authenticates()
	return c.cfg.Issuer == "" && (r.ClientID != "" && r.Issuer == "" || r.ClientID == "" && assertion)
}

// pinned returns the only issuer that the configured credentials may be sent to, or "" if any
// issuer may receive them.
func (c *Client) pinned(ctx context.Context) (string, error) {
	switch r := &c.cfg.Registration; {
	case r.ClientID != "" && r.Issuer != "":
		return r.Issuer, nil
	case !c.isPinned():
		return "", nil
	}
	issuer, _, err := c.read(ctx, "load issuer", c.pinKey())
	return string(issuer), err
}

// pin binds the configured credentials to an issuer, before they are sent there.
func (c *Client) pin(ctx context.Context, issuer string) error {
	if !c.isPinned() {
		return nil
	}
	_, err := c.store.Save(ctx, c.pinKey(), []byte(issuer), "")
	if !errors.Is(err, ErrConflict) {
		return storeError(ctx, "save issuer", err)
	}
	before, err := c.pinned(ctx)
	if err == nil && before != issuer {
		err = pinError(before, issuer)
	}
	return err
}

func (c *Client) pinKey() string {
	return issuerKey(c.endpoint.String(), c.cfg.Registration.ClientID)
}

func pinError(before, named string) error {
	return &Error{Kind: KindRegistration, Op: "choose authorization server", Err: &IssuerError{before, named}}
}
