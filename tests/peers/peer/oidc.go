package peer

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
)

// OIDCSettings are the settings of an authorization server.
type OIDCSettings struct {
	// Clients are the clients that are registered from the start, as client metadata (RFC 7591).
	Clients []map[string]any `json:"clients,omitempty"`
	// TTL is the lifetime of an access token in seconds. Zero means an hour.
	TTL int `json:"ttl,omitempty"`
	// Nonce makes the server require a nonce in DPoP proofs.
	Nonce bool `json:"nonce,omitempty"`
	Port  int  `json:"port"`
}

// OIDC is a running oidc-provider: an authorization server with dynamic registration, PKCE,
// resource indicators, rotation of refresh tokens, DPoP, revocation, and pages for login and
// consent.
type OIDC struct {
	// Issuer is the URL of the server.
	Issuer string

	tb      testing.TB
	process *process
}

// StartOIDC starts the authorization server on a free port and returns when it accepts connections.
// The server is stopped at the end of the test.
func StartOIDC(tb testing.TB, s OIDCSettings) *OIDC {
	tb.Helper()
	s.Port = freePort(tb)
	settings, err := json.Marshal(s)
	if err != nil {
		tb.Fatalf("peer: %v", err)
	}
	o := &OIDC{tb: tb, Issuer: fmt.Sprintf("http://127.0.0.1:%d", s.Port)}
	script := filepath.Join(modules(tb), "..", "oidc", "server.mjs")
	o.process = start(tb, []string{"OIDC_SETTINGS=" + string(settings)}, bin(tb, "node"), script)
	o.WaitLog("ready\n", 1)
	return o
}

// Log returns what the server has printed: a line for each grant, registration and error.
func (o *OIDC) Log() string {
	text, _ := o.process.log.read()
	return text
}

// WaitLog waits until the log contains text the given number of times. It fails the test after a
// timeout.
func (o *OIDC) WaitLog(text string, times int) {
	o.tb.Helper()
	if err := o.process.waitFor(text, times); err != nil {
		o.tb.Fatalf("oidc-provider: %v; its log:\n%s", err, o.Log())
	}
}
