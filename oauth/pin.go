package oauth

import (
	"context"
	"errors"
)

// The resource says which authorization server it has, and may say another one
// tomorrow. Tokens and dynamic registrations are of the server that gave them, and simply stay behind. What the configuration
// brings along, a client id with its secret or an assertion, would follow; it is pinned to the first server
// that is met, in the Store, unless the configuration says which one it is for.

// isPinned reports whether the configuration brings credentials along and does not say for whom.
func (c *Client) isPinned() bool {
	r := &c.cfg.Registration
	assertion := c.cfg.Grant != nil && !c.cfg.Grant.authenticates()
	return c.cfg.Issuer == "" && (r.ClientID != "" && r.Issuer == "" || r.ClientID == "" && assertion)
}

// pinned returns the only issuer that the credentials of the configuration are for, "" if any may be.
func (c *Client) pinned(ctx context.Context) (string, error) {
	switch r := &c.cfg.Registration; {
	case r.ClientID != "" && r.Issuer != "":
		return r.Issuer, nil
	case !c.isPinned():
		return "", nil
	}
	issuer, _, err := c.store.Load(ctx, c.pinKey())
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return string(issuer), storeError(ctx, "load issuer", err)
}

// pin binds the credentials of the configuration to an issuer, before they are sent there.
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
