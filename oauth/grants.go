package oauth

import (
	"context"
	"errors"
	"net/url"
)

// ClientCredentials is the grant of a client that acts on its own behalf (RFC 6749 section 4.4, MCP
// extension oauth-client-credentials). Config.Registration identifies it: ClientID with
// ClientSecret or, preferably, Key. It is never registered dynamically.
type ClientCredentials struct{}

func (ClientCredentials) tokenRequest(context.Context, *Client, *target) (url.Values, error) {
	return url.Values{"grant_type": {"client_credentials"}}, nil
}

func (ClientCredentials) authenticates() bool { return true }

func (ClientCredentials) check(r *Registration) error {
	if r.ClientID == "" || r.ClientSecret == "" && r.Key == nil {
		return errors.New("ClientCredentials requires Registration.ClientID with ClientSecret or Key")
	}
	return nil
}

const grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer" //nolint:gosec // a name

// JWTBearer presents an assertion signed by a third party (RFC 7523 section 2.1), such as the token
// of the platform that a workload runs on (MCP extension workload-identity-federation). The client
// needs no ID or registration. Assertions are sent only to Config.Issuer or, if that is empty, to
// the first authorization server that the resource named.
type JWTBearer struct {
	// Assertion returns a fresh assertion. It is called for each token, and must return when ctx
	// ends. An assertion that the server refused with invalid_grant is not sent again.
	Assertion func(ctx context.Context) (string, error)
}

func (g JWTBearer) tokenRequest(ctx context.Context, _ *Client, _ *target) (url.Values, error) {
	assertion, err := g.Assertion(ctx)
	switch {
	case err != nil:
		return nil, err
	case assertion == "":
		return nil, errors.New("empty assertion from JWTBearer.Assertion")
	}
	return url.Values{"grant_type": {grantJWTBearer}, "assertion": {assertion}}, nil
}

func (JWTBearer) authenticates() bool { return false }

func (g JWTBearer) check(*Registration) error {
	if g.Assertion == nil {
		return errors.New("JWTBearer requires Assertion")
	}
	return nil
}
