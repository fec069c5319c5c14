package peer

import (
	"encoding/json"
	"fmt"
	"testing"
)

// OIDCSettings are the settings of an oidc-provider.
type OIDCSettings struct {
	// Clients are the clients that are registered from the start, as client metadata (RFC 7591).
	Clients []map[string]any `json:"clients,omitempty"`
	// TTL is the lifetime of an access token in seconds. Zero means an hour.
	TTL int `json:"ttl,omitempty"`
	// Nonce makes the server require a nonce in DPoP proofs.
	Nonce bool `json:"nonce,omitempty"`
	// Opaque makes access tokens opaque, so that resources must ask the server about them
	// (RFC 7662). Otherwise they are JWTs.
	Opaque bool `json:"opaque,omitempty"`
	Port   int  `json:"port"`
}

// StartOIDC starts oidc-provider on a free port and returns when it accepts connections. It is an
// authorization server with dynamic registration, PKCE, resource indicators, rotation of refresh
// tokens, DPoP, introspection, revocation, and pages for login and consent. Its log has a line for
// each grant, registration and error. The server is stopped at the end of the test.
func StartOIDC(tb testing.TB, s OIDCSettings) *AuthServer {
	tb.Helper()
	s.Port = freePort(tb)
	settings, err := json.Marshal(s)
	if err != nil {
		tb.Fatalf("peer: %v", err)
	}
	o := &AuthServer{tb: tb, name: "oidc-provider", Issuer: fmt.Sprintf("http://127.0.0.1:%d", s.Port)}
	o.start("ready\n", []string{"OIDC_SETTINGS=" + string(settings)}, bin(tb, "node"), authServers(tb, "oidc.mjs"))
	return o
}
