package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// credentials returns configurations whose credentials the resource must not be able to direct to
// another server.
func credentials(t *testing.T, w *authtest.World) map[string]func() *Config {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	secret := Registration{ClientID: "me", ClientSecret: "SECRETmine"}
	assertion := JWTBearer{Assertion: func(context.Context) (string, error) { return "SECRETassertion", nil }}
	return map[string]func() *Config{
		"secret, grant":     func() *Config { return &Config{Grant: ClientCredentials{}, Registration: secret} },
		"secret, login":     func() *Config { return &Config{Login: &person{world: w}, Registration: secret} },
		"assertion":         func() *Config { return &Config{Grant: assertion} },
		"assertion, issuer": func() *Config { return &Config{Grant: assertion, Issuer: w.Server.Issuer} },
		// The new server could present an assertion with this audience to the old one.
		"key with an audience": func() *Config {
			key := &ClientKey{Signer: signer, Audience: w.Server.Issuer + "/token"}
			return &Config{Login: &person{world: w}, Registration: Registration{MetadataURL: "https://app.example.com/client", Key: key}}
		},
		"secret, issuer": func() *Config {
			cfg := &Config{Grant: ClientCredentials{}, Registration: secret}
			cfg.Registration.Issuer = w.Server.Issuer
			return cfg
		},
	}
}

// The resource, which may have been taken over, names a new authorization server. Configured
// credentials belong to the configured server, or else to the first server that the resource named.
// Neither this process nor the next sends them to the new server.
func TestCredentialsStayWithTheirServer(t *testing.T) {
	for _, name := range []string{"secret, grant", "secret, login", "assertion", "assertion, issuer", "secret, issuer", "key with an audience"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				next := w.NewServer()
				for _, s := range []*authtest.Server{w.Server, next} {
					s.AddClient("me", "SECRETmine", callbackURI)
					s.AddClient("https://app.example.com/client", "", callbackURI)
					s.Change(func(s *authtest.Script) {
						refreshing(s)
						s.Auth = authBasic
						if name == "key with an audience" {
							s.Auth = authPrivateKey
						}
						s.Metadata = func(document map[string]any) { document["client_id_metadata_document_supported"] = true }
						s.ExpectAssertion = func(url.Values) error { return nil }
					})
				}
				store, cfg := NewMemoryStore(), credentials(t, w)[name]()
				cfg.Store = store
				r := newRig(t, w, cfg)
				r.mustCall()
				w.Server.RevokeAll(true)
				w.Resource.Change(func(s *authtest.ResourceScript) { s.Servers = []*authtest.Server{next} })
				for range 2 {
					err := r.call(t.Context())
					require.Error(t, err)
					require.True(t, KindOf(err) == KindRegistration || KindOf(err) == KindConfig, "%v", err)
					require.NotContains(t, err.Error(), "SECRET")
				}
				again := credentials(t, w)[name]()
				again.Store = store
				require.Error(t, newRig(t, w, again).call(t.Context()), "the next process must not send the credentials either")
				require.Empty(t, next.Requests("/token"))
				require.Empty(t, next.Requests("/authorize"))
			})
		})
	}
}

// If the configuration names the new server, the client sends the credentials there.
func TestCredentialsMoveWhenToldTo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		next := w.NewServer()
		for _, s := range []*authtest.Server{w.Server, next} {
			s.AddClient("me", "SECRETmine")
			s.Change(func(s *authtest.Script) { s.Auth = authBasic })
		}
		store, secret := NewMemoryStore(), Registration{ClientID: "me", ClientSecret: "SECRETmine"}
		newRig(t, w, &Config{Store: store, Grant: ClientCredentials{}, Registration: secret}).mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Servers = []*authtest.Server{next} })
		newRig(t, w, &Config{Store: store, Grant: ClientCredentials{}, Registration: secret, Issuer: next.Issuer}).mustCall()
		secret.Issuer = next.Issuer
		newRig(t, w, &Config{Store: store, Grant: ClientCredentials{}, Registration: secret}).mustCall()
	})
}

// A challenge points to metadata that describes another resource. The client ignores this metadata,
// and sends nothing to the servers that it names.
func TestMetadataOfAnotherResourceIsNotUsed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		evil := w.NewServer()
		other := w.NewResource(evil)
		r := newRig(t, w, nil)
		r.mustCall()
		before := r.client.held.Load()
		w.Server.RevokeAll(true)
		resp, err := r.send(t.Context())
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		hint := http.Header{"Www-Authenticate": {`Bearer resource_metadata="` + other.Origin + `/.well-known/oauth-protected-resource/mcp"`}}
		err = r.client.Authorize(t.Context(), w.Resource.URL, http.StatusUnauthorized, hint, time.Now().Add(time.Second))
		require.Equal(t, KindMetadata, KindOf(err), "%v", err)
		require.Empty(t, evil.Requests(""))
		require.Empty(t, other.Requests())
		require.Same(t, before, r.client.held.Load(), "the current token is kept")
		require.Equal(t, 1, r.person.times())
	})
}
