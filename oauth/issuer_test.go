package oauth

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// Only an empty path and "/" are the same issuer. Everything else that looks alike is another one.
func TestSameIssuer(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"https://as.example", "https://as.example", true},
		{"https://as.example", "https://as.example/", true},
		{"https://as.example:444/", "https://as.example:444", true},
		{"https://as.example", "https://as.example//", false},
		{"https://as.example/t", "https://as.example/t/", false},
		{"https://as.example/?", "https://as.example", false},
		{"https://as.example/#", "https://as.example", false},
		{"https://as.example?/", "https://as.example?", false},
		{"https://as.example#/", "https://as.example#", false},
		{"https://AS.example", "https://as.example/", false},
		{"https://as.example:443", "https://as.example/", false},
		{"http://as.example", "https://as.example/", false},
		{"https://as.example.evil", "https://as.example/", false},
		{"https://", "https:///", false},
		{"", "/", false},
	} {
		require.Equal(t, c.want, sameIssuer(c.a, c.b), "%v", c)
		require.Equal(t, c.want, sameIssuer(c.b, c.a), "%v", c)
	}
}

// A server may spell its issuer with and without a final slash: in the resource's metadata and in
// its own metadata. A callback has one of these two spellings, or is refused (RFC 9207 section 2.4).
// The stored token is found under either spelling.
func TestIssuerWithAndWithoutSlash(t *testing.T) {
	for _, named := range []string{"", "/"} {
		for _, own := range []string{"", "/"} {
			for _, iss := range []string{"", "/"} {
				inWorld(t, func(t *testing.T, w *authtest.World) {
					issuer := w.Server.Issuer
					w.Resource.Change(func(s *authtest.ResourceScript) {
						s.Metadata = func(d map[string]any) { d["authorization_servers"] = []string{issuer + named} }
					})
					w.Server.Change(func(s *authtest.Script) {
						refreshing(s)
						s.Metadata = func(d map[string]any) { d["issuer"] = issuer + own }
						s.Callback = func(answer url.Values) { answer.Set("iss", issuer+iss) }
					})
					store := NewMemoryStore()
					rig := newRig(t, w, &Config{Store: store, Issuer: issuer + iss})
					if iss != named && iss != own {
						require.ErrorContains(t, rig.call(t.Context()), "another authorization server (iss)")
						return
					}
					rig.mustCall()
					w.Server.Change(func(s *authtest.Script) { s.Metadata = func(d map[string]any) { d["issuer"] = issuer + iss } })
					w.Server.RevokeAll(false)
					next := newRig(t, w, &Config{Store: store, Issuer: issuer + own})
					next.mustCall()
					require.Zero(t, next.person.times())
				})
			}
		}
	}
}

// A refusal for another issuer names both, without what may be secret.
func TestErrorsNameBothIssuers(t *testing.T) {
	w := pages(map[string]string{asOrigin + wellKnownServer: document(t, as("https://user:SECRET@evil.example.com/t?SECRET#SECRET", nil))})
	d := discovery{fetcher: newFetcher(t, publicEndpoint, w)}
	_, err := d.server(t.Context(), asOrigin, false)
	var wrong *DocumentError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, asOrigin, wrong.Wanted)
	require.Equal(t, "https://evil.example.com/t", wrong.Found)
	require.Equal(t, asOrigin+wellKnownServer, wrong.URL)
	for _, part := range []string{wrong.Wanted, wrong.Found, wrong.URL} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), "SECRET")
	require.Equal(t, "an invalid URL", shownURL("https://as.example/%zz"))
	require.LessOrEqual(t, len(shownURL("https://as.example/"+strings.Repeat("x", 9999))), maxHost)
}
