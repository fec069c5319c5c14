package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
)

// workaround is what works at an authorization server although the server advertises something
// else. It is stored by issuer and client ID, so that the next process does not try again what
// failed. It is forgotten on Logout, and together with a dynamic registration.
type workaround struct {
	// AuthMethod is the method of client authentication to use. Empty means the usual one.
	AuthMethod string `json:"token_endpoint_auth_method,omitempty"`
	// NoOffline means that offline_access must not be requested.
	NoOffline bool `json:"no_offline_access,omitempty"`
}

// workaround returns what worked before for a client ID. A Store that fails is only logged.
func (c *Client) workaround(ctx context.Context, issuer, clientID string) workaround {
	key := workaroundKey(issuer, clientID)
	if w, ok := c.known.workaround(key); ok {
		return w
	}
	w, _, err := c.loadWorkaround(ctx, key)
	if err != nil {
		c.log.Warn("could not load what worked before", "issuer", issuer, "error", err)
		return w
	}
	c.known.setWorkaround(key, w)
	return w
}

func (c *Client) loadWorkaround(ctx context.Context, key string) (w workaround, version string, err error) {
	data, version, err := c.read(ctx, "load workaround", key)
	if err == nil && version != "" && json.Unmarshal(data, &w) != nil {
		w = workaround{} // a damaged value counts as missing
	}
	return w, version, err
}

// remember changes the workaround for a client ID. A Store that fails is only logged.
func (c *Client) remember(ctx context.Context, issuer, clientID string, change func(*workaround)) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), saveLimit)
	defer stop()
	key := workaroundKey(issuer, clientID)
	err := ErrConflict
	for tries := 0; tries < maxConflicts && errors.Is(err, ErrConflict); tries++ {
		var w workaround
		var version string
		if w, version, err = c.loadWorkaround(ctx, key); err != nil {
			break
		}
		change(&w)
		c.known.setWorkaround(key, w)
		var data []byte
		if data, err = json.Marshal(w); err == nil {
			_, err = c.store.Save(ctx, key, data, version)
		}
	}
	if err != nil {
		c.log.Warn("could not store what worked", "issuer", issuer, "error", err)
	}
}

// unlearn forgets the workaround for a client ID.
func (c *Client) unlearn(ctx context.Context, issuer, clientID string) {
	key := workaroundKey(issuer, clientID)
	c.known.setWorkaround(key, workaround{})
	_, version, err := c.loadWorkaround(ctx, key)
	if err == nil && version != "" {
		err = c.store.Delete(ctx, key, version)
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		c.log.Warn("could not delete what worked before", "issuer", issuer, "error", err)
	}
}

// adjust returns who with the authentication method that worked before, if the server still
// advertises that method.
func (c *Client) adjust(ctx context.Context, server *ServerMetadata, who *registered) *registered {
	if who.secret == "" || c.isMethodFixed(server, who) {
		return who
	}
	method := c.workaround(ctx, server.Issuer, who.clientID).AuthMethod
	if method == "" || !server.advertises(method) {
		return who
	}
	adjusted := *who
	adjusted.authMethod = method
	return &adjusted
}

// isMethodFixed reports whether the authentication method of a client must not change: the user
// configured it, or it is private_key_jwt.
func (c *Client) isMethodFixed(server *ServerMetadata, who *registered) bool {
	r := &c.cfg.Registration
	return r.ClientID != "" && r.AuthMethod != "" || who.method(server, r.Key) == authPrivateKey
}

// advertises reports whether the metadata list an authentication method for the token endpoint.
// Metadata without a list mean client_secret_basic (RFC 8414 section 2).
func (m *ServerMetadata) advertises(method string) bool {
	if len(m.TokenAuthMethods) == 0 {
		return method == authBasic && !m.Guessed
	}
	return slices.Contains(m.TokenAuthMethods, method)
}

// otherMethod returns the method to authenticate with after the token endpoint refused the client
// with err, or "" if there is none. It returns only advertised methods that use the client's
// secret: a client with a secret never becomes a public client.
func (c *Client) otherMethod(req *tokenRequest, err error) string {
	if req.who == nil || req.who.secret == "" || req.endpoint != "" || !refusesClient(err) || c.isMethodFixed(req.at.server, req.who) {
		return ""
	}
	used := req.who.method(req.at.server, c.cfg.Registration.Key)
	for _, method := range []string{authBasic, authPost} {
		if method != used && req.at.server.advertises(method) {
			return method
		}
	}
	return ""
}

// refusesClient reports whether a token endpoint may have refused the client's authentication. The
// code or refresh token of the request has then not been used: authentication comes first (RFC 6749
// section 3.2.1). Servers that do not read the Authorization header answer with invalid_request.
func refusesClient(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindRefused && e.Kind != KindResponse {
		return false
	}
	switch e.Code {
	case codeInvalidClient, codeInvalidRequest:
		return true
	case codeInvalidGrant, codeInvalidScope, codeInvalidTarget, codeUnauthorizedClient, "invalid_token":
		return false
	}
	return e.Status == http.StatusUnauthorized
}

// postTokenAgain sends a token request a second time, with another authentication method, after the
// server refused the client with the error first. If the method works, the request and all later
// ones of this client use it.
func (c *Client) postTokenAgain(ctx context.Context, req *tokenRequest, method string, first error) (*tokenReply, error) {
	used := req.who.method(req.at.server, c.cfg.Registration.Key)
	who := *req.who
	who.authMethod = method
	again := *req
	again.who = &who
	reply, err := c.postTokenWithNonce(ctx, &again)
	if err == nil || codeOf(err) == codeInvalidGrant { // the server judges the grant after it has accepted the client
		c.log.Info("the server accepts another client authentication method", "issuer", req.at.server.Issuer, "method", method)
		c.remember(ctx, req.at.server.Issuer, who.clientID, func(w *workaround) { w.AuthMethod = method })
		req.who = &who
	}
	if err == nil || KindOf(err) == KindNetwork {
		return reply, err
	}
	decisive := err
	if refusesClient(err) {
		decisive = first
	}
	return nil, bothMethods(decisive, used, first, method, err)
}

// bothMethods returns a copy of the decisive error that says what the server answered to both
// methods.
func bothMethods(decisive error, used string, first error, method string, second error) error {
	var e, a, b *Error
	if !errors.As(decisive, &e) || !errors.As(first, &a) || !errors.As(second, &b) {
		return decisive
	}
	both := *e
	both.Err = errors.New(used + ": " + a.answer() + "; " + method + ": " + b.answer())
	return &both
}

// answer returns the error code of a server, or its status.
func (e *Error) answer() string {
	if e.Err != nil {
		return cmp.Or(e.Code, e.Err.Error())
	}
	return cmp.Or(e.Code, e.Kind.String())
}
