package oauth

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// Methods of client authentication at token endpoints (RFC 7591 section 2, OpenID Connect Core
// section 9).
const (
	authBasic      = "client_secret_basic"
	authPost       = "client_secret_post"
	authNone       = "none"
	authPrivateKey = "private_key_jwt"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate adds the client's authentication to the form or the header of a token request.
func (r registered) authenticate(form url.Values, header http.Header, server *ServerMetadata, key *ClientKey) error {
	switch method := r.method(server, key); method {
	case authBasic:
		// RFC 6749 section 2.3.1: the ID and the secret are form-encoded before they are joined.
		basic := &http.Request{Header: header}
		basic.SetBasicAuth(url.QueryEscape(r.clientID), url.QueryEscape(r.secret))
	case authPost:
		form.Set("client_id", r.clientID)
		form.Set("client_secret", r.secret)
	case authPrivateKey:
		audience := key.Audience
		audience = cmp.Or(audience, server.Issuer)
		assertion, err := key.assertion(r.clientID, audience)
		if err != nil {
			return err
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
	case authNone:
		form.Set("client_id", r.clientID)
	default:
		return &DocumentError{
			URL: shownURL(server.TokenEndpoint), Reason: "unsupported client authentication method",
			Wanted: strings.Join([]string{authBasic, authPost, authPrivateKey, authNone}, ", "), Found: redact.Clean(method, 64),
		}
	}
	return nil
}

// method returns the client's authentication method: the configured or registered one, or else a
// method that the client has credentials for. A client with a secret uses a method that the
// server's metadata lists, or client_secret_basic if none fits (RFC 8414 section 2).
func (r registered) method(server *ServerMetadata, key *ClientKey) string {
	offered := server.TokenAuthMethods
	switch {
	case r.authMethod != "" && (r.authMethod != authPrivateKey || key != nil):
		return r.authMethod
	case key != nil:
		return authPrivateKey
	case r.secret == "":
		return authNone
	case len(offered) == 0 || slices.Contains(offered, authBasic):
		return authBasic
	case slices.Contains(offered, authPost):
		return authPost
	case slices.Contains(offered, authNone):
		return authNone
	}
	return authBasic
}
