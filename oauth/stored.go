package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// binding says which token belongs to an endpoint, by the last result of discovery. With it the
// next process finds the token without sending a request.
type binding struct {
	Resource string `json:"resource"`
	Issuer   string `json:"issuer"`
}

// read returns a value of the Store and its version. The version is "" if there is no value.
func (c *Client) read(ctx context.Context, op, key string) (value []byte, version string, err error) {
	value, version, err = c.store.Load(ctx, key)
	if err != nil {
		value, version = nil, ""
	}
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return value, version, storeError(ctx, op, err)
}

// stored returns the token that the Store has for the endpoint, or nil.
func (c *Client) stored(ctx context.Context) (*token, error) {
	b, _, err := c.loadBinding(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	tok, _, err := c.loadToken(ctx, tokenKey(b.Resource, b.Issuer))
	return tok, err
}

func (c *Client) loadBinding(ctx context.Context) (*binding, string, error) {
	data, version, err := c.read(ctx, "load resource", bindingKey(c.endpoint.String()))
	if version == "" {
		return nil, "", err
	}
	var b binding
	if json.Unmarshal(data, &b) != nil || b.Issuer == "" {
		return nil, version, nil //nolint:nilerr // treated as missing
	}
	return &b, version, nil
}

// bind records which resource and issuer the token of the endpoint belongs to.
func (c *Client) bind(ctx context.Context, resource, issuer string) error {
	for range maxConflicts {
		b, version, err := c.loadBinding(ctx)
		if err != nil {
			return err
		}
		want := binding{Resource: resource, Issuer: issuer}
		if b != nil && *b == want {
			return nil
		}
		data, err := json.Marshal(want)
		if err != nil {
			return err
		}
		if _, err = c.store.Save(ctx, bindingKey(c.endpoint.String()), data, version); !errors.Is(err, ErrConflict) {
			return storeError(ctx, "save resource", err)
		}
	}
	return &Error{Kind: KindStore, Op: "save resource", Err: ErrConflict}
}

// maxConflicts is how often a value is read and saved again after conflicts.
const maxConflicts = 5

// loadToken returns the token of key, or nil if there is none that this client can use.
func (c *Client) loadToken(ctx context.Context, key string) (*token, string, error) {
	data, version, err := c.read(ctx, "load token", key)
	if version == "" {
		return nil, "", err
	}
	r, err := decodeToken(data)
	switch {
	case err != nil:
		c.log.Warn("a stored token is damaged", "error", err)
		return nil, version, nil
	case key != tokenKey(r.Resource, r.Issuer):
		return nil, version, nil // it belongs under another key
	case c.cfg.Registration.ClientID != "" && r.ClientID != c.cfg.Registration.ClientID:
		return nil, version, nil // it was issued to another client
	}
	if r.KeyID == "" {
		return newToken(r, nil), version, nil
	}
	k, err := c.dpopKey(ctx, r.Issuer, false)
	switch {
	case err != nil:
		return nil, "", err
	case k == nil || k.thumbprint != r.KeyID:
		c.log.Warn("a stored token is bound to a DPoP key that is no longer stored", "issuer", r.Issuer)
		return nil, version, nil
	}
	return newToken(r, k), version, nil
}

// supersedes reports whether a token from the Store replaces old, which may be nil.
func (t *token) supersedes(old *token) bool {
	return t != nil && !t.same(old) && (old == nil || !old.unsaved || t.Obtained.After(old.Obtained))
}

// install saves a token, whatever the Store has, and makes it the current one. If the Store fails,
// the token is used anyway: the user had to log in for it.
func (c *Client) install(ctx context.Context, next *token) {
	key := tokenKey(next.Resource, next.Issuer)
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), c.leaseLimit()+2*saveLimit) // another process may be refreshing
	defer stop()
	release, err := c.store.Lease(ctx, key, 2*saveLimit)
	version := ""
	if err == nil {
		defer release()
		_, version, err = c.store.Load(ctx, key)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		c.log.Warn("token not saved", "error", err)
		version = "" // Save reports the same failure
	}
	c.keep(ctx, key, next, version)
}

// forget deletes a token from the Store and stops using it, unless it was replaced meanwhile.
func (c *Client) forget(ctx context.Context, old *token) error {
	c.held.CompareAndSwap(old, nil)
	key := tokenKey(old.Resource, old.Issuer)
	stored, version, err := c.loadToken(ctx, key)
	if err != nil || stored == nil || !stored.same(old) {
		return err
	}
	if err := c.store.Delete(ctx, key, version); err != nil && !errors.Is(err, ErrConflict) {
		return storeError(ctx, "delete token", err)
	}
	return nil
}

// storeError wraps a failure of the Store; nil stays nil. If ctx ended, its cause becomes the
// cause.
func storeError(ctx context.Context, op string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return &Error{Kind: KindStore, Op: op, Err: err}
}

// The keys of the Store. Their parts are quoted, so that a server cannot choose a name that
// collides with another key.

// bindingKey is the key of an endpoint's binding: its resource and issuer, which identify the
// stored token before any request is sent.
func bindingKey(endpoint string) string { return fmt.Sprintf("resource %q", endpoint) }

// tokenKey is the key of the token for a resource from an issuer.
func tokenKey(resource, issuer string) string { return fmt.Sprintf("token %q %q", resource, issuer) }

// issuerKey is the key of the issuer that an endpoint's configured client ID belongs to.
func issuerKey(endpoint, clientID string) string {
	return fmt.Sprintf("issuer %q %q", endpoint, clientID)
}

// dpopStoreKey is the key of the private key for DPoP proofs at an issuer.
func dpopStoreKey(issuer string) string { return fmt.Sprintf("key %q", issuer) }

// clientKey is the key of the registration with an issuer.
func clientKey(issuer string) string { return fmt.Sprintf("client %q", issuer) }
