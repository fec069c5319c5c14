package oauth

import (
	"context"
	"encoding/json"
	"errors"
)

// bindClientID fails if the configured client id is for another authorization server than
// issuer. If the configuration does not say which one it is for, it is for the first one that this client meets: a
// resource that names another one later gets neither the client id nor its secret there.
func (c *Client) bindClientID(ctx context.Context, issuer string) error {
	r := &c.cfg.Registration
	if r.ClientID == "" || r.Issuer != "" {
		return nil // there is none, or the registrar knows
	}
	if known := c.boundTo.Load(); known != nil {
		return checkBound(*known, issuer)
	}
	key := clientIDKey(c.endpoint.String(), r.ClientID)
	for range maxConflicts {
		data, version, err := c.store.Load(ctx, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return storeError(ctx, "load issuer of client id", err)
		}
		var first string
		if err != nil || json.Unmarshal(data, &first) != nil || first == "" {
			first = issuer
			if data, err = json.Marshal(issuer); err != nil {
				return err
			}
			if _, err = c.store.Save(ctx, key, data, version); errors.Is(err, ErrConflict) {
				continue
			}
			if err != nil {
				return storeError(ctx, "save issuer of client id", err)
			}
		}
		c.boundTo.CompareAndSwap(nil, &first)
		return checkBound(first, issuer)
	}
	return &Error{Kind: KindStore, Op: "save issuer of client id", Err: ErrConflict}
}

func checkBound(bound, issuer string) error {
	if bound == issuer {
		return nil
	}
	return &Error{Kind: KindRegistration, Op: "register", Err: &IssuerError{bound, issuer}}
}
