package attacks_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
)

// A redirect carries nothing to another origin: no token, code, verifier, cookie, session ID or
// header of the user. Each kind of request is redirected, with each status.
func TestRedirectsOfEveryRequest(t *testing.T) {
	for _, row := range []struct {
		name   string
		server bool // the authorization server redirects, not the resource
		which  func(r *http.Request) bool
	}{
		{"every request to the endpoint", false, at(http.MethodPost, "/mcp")},
		{"requests with a token", false, func(r *http.Request) bool { return r.Header.Get("Authorization") != "" }},
		{"requests with a session", false, func(r *http.Request) bool { return r.Header.Get("Mcp-Session-Id") != "" }},
		{"shared stream", false, func(r *http.Request) bool { return r.Method == http.MethodGet && r.URL.Path == "/mcp" }},
		{"deletion of the session", false, at(http.MethodDelete, "/mcp")},
		{"resource metadata", false, at(http.MethodGet, "/.well-known/")},
		{"server metadata", true, at(http.MethodGet, "/.well-known/")},
		{"registration", true, at(http.MethodPost, "/register")},
		{"token request", true, at(http.MethodPost, "/token")},
		{"refresh", true, func(r *http.Request) bool {
			return r.URL.Path == "/token" && r.FormValue("grant_type") == "refresh_token"
		}},
		{"revocation", true, at(http.MethodPost, "/revoke")},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			play(t, fmt.Sprintf("%s/%d", row.name, status), oauth.Config{}, func(t *testing.T, a *arena) {
				gate, from := &a.resource, a.Resource.Origin
				if row.server {
					gate, from = &a.server, a.Server.Issuer
				}
				redirected := 0
				for _, target := range a.escapes(from) {
					gate.set(func(w http.ResponseWriter, r *http.Request) bool {
						if !row.which(r) {
							return false
						}
						redirected++
						w.Header().Set("Location", target)
						w.WriteHeader(status)
						return true
					})
					a.run(t)
				}
				gate.set(nil)
				require.Positive(t, redirected)
				a.check(t)
			})
		}
	}
}
