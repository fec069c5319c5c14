package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// binding records the resource and the issuer that discovery last found for an endpoint. They
// identify the endpoint's token, so the next process finds it without sending a request.
type binding struct {
	Resource string `json:"resource"`
	Issuer   string `json:"issuer"`
}

// read returns the value of key in the Store and its version. If there is no value, the version is
// "" and err is nil.
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

// stored returns the endpoint's token from the Store, or nil if there is none.
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

// bind stores the resource and the issuer that the endpoint's token belongs to.
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

// maxConflicts is how many times the client tries to read and save a value that others keep
// changing.
const maxConflicts = 5

// loadToken returns the token of key and its version in the Store. The token is nil if there is
// none or if this client cannot use it.
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
		return nil, version, nil // it was stored under the wrong key
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

// supersedes reports whether t, a token from the Store, must replace old. Either may be nil.
func (t *token) supersedes(old *token) bool {
	return t != nil && !t.same(old) && (old == nil || !old.unsaved || t.Obtained.After(old.Obtained))
}

// install saves a token from a login, replacing any stored token, and makes it the current one. If
// the Store fails, the client still uses the token, because the user had to log in for it.
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
		version = "" // saving then fails too, and keep handles that
	}
	c.keep(ctx, key, next, version)
}

// forget stops using a token. It also deletes the token from the Store, unless the Store has a
// different one by now.
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

// storeError wraps err, a failure of the Store, in an [*Error]. It returns nil if err is nil. If
// ctx has ended, the [*Error] wraps the cause of ctx instead of err.
func storeError(ctx context.Context, op string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return &Error{Kind: KindStore, Op: op, Err: err}
}

// The functions below make the keys of the Store. They quote the parts of a key, so a server cannot
// choose a name that collides with another key. Both spellings of an empty path of an issuer have the
// same key.

// bindingKey is the key of an endpoint's binding.
func bindingKey(endpoint string) string { return fmt.Sprintf("resource %q", endpoint) }

// tokenKey is the key of the token that an issuer issued for a resource.
func tokenKey(resource, issuer string) string {
	return fmt.Sprintf("token %q %q", resource, plainIssuer(issuer))
}

// issuerKey is the key of the issuer that a configured client ID is pinned to.
func issuerKey(endpoint, clientID string) string {
	return fmt.Sprintf("issuer %q %q", endpoint, clientID)
}

// dpopStoreKey is the key of the private key that signs DPoP proofs for an issuer's tokens.
func dpopStoreKey(issuer string) string { return fmt.Sprintf("key %q", plainIssuer(issuer)) }

// clientKey is the key of this client's dynamic registration with an issuer.
func clientKey(issuer string) string { return fmt.Sprintf("client %q", plainIssuer(issuer)) }

// workaroundKey is the key of what works for a client ID at an issuer.
func workaroundKey(issuer, clientID string) string {
	return fmt.Sprintf("workaround %q %q", plainIssuer(issuer), clientID)
}
