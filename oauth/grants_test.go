package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/transport"
)

func TestClientCredentials(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { refreshing(s); s.Auth = authBasic })
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Scopes = []string{"a", "b"} })
		w.Server.AddClient("robot", "SECRETrobot")
		r := newRig(t, w, &Config{Grant: ClientCredentials{}, Registration: Registration{ClientID: "robot", ClientSecret: "SECRETrobot"}})
		resp, err := r.send(t.Context()) // RoundTrip obtains the token itself, because no user is needed
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		for _, err := range r.calls(crowd) {
			require.NoError(t, err)
		}
		require.Len(t, w.Server.Tokens("client_credentials"), 1)
		form := w.Server.Tokens("client_credentials")[0].Form
		require.Equal(t, w.Resource.URL, form.Get("resource"))
		require.Equal(t, "a b", form.Get("scope"))

		time.Sleep(time.Hour) // the token expires; the Grant obtains a new one, without a refresh
		r.mustCall()
		w.Server.RevokeAll(true)
		for _, err := range manyRefused(r, crowd) {
			require.NoError(t, err)
		}
		require.Len(t, w.Server.Tokens("client_credentials"), 3)
		require.Empty(t, w.Server.Tokens("refresh_token"))
		require.Empty(t, w.Server.Requests("/register"))
	})
}

func TestClientCredentialsByKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	inWorld(t, func(t *testing.T, w *authtest.World) {
		seen := map[any]bool{}
		w.Server.Change(func(s *authtest.Script) {
			s.Auth = authPrivateKey
			s.ExpectAssertion = func(form url.Values) error {
				claims := jwt.MapClaims{}
				_, err := jwt.ParseWithClaims(form.Get("client_assertion"), claims, func(*jwt.Token) (any, error) { return key.Public(), nil },
					jwt.WithAudience(w.Server.Issuer), jwt.WithSubject("robot"), jwt.WithExpirationRequired())
				if seen[claims["jti"]] {
					err = errors.New("used before")
				}
				seen[claims["jti"]] = true
				return err
			}
		})
		r := newRig(t, w, &Config{Grant: ClientCredentials{}, Registration: Registration{ClientID: "robot", Key: &ClientKey{Signer: key}}})
		r.mustCall()
		w.Server.RevokeAll(true)
		r.mustCall()
		require.Len(t, seen, 2)
	})
}

// If the server refuses the grant, all requests fail with a permanent error. The client tries
// nothing else.
func TestGrantRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { s.Auth = authBasic })
		w.Server.AddClient("robot", "another secret")
		r := newRig(t, w, &Config{Grant: ClientCredentials{}, Login: &person{}, Registration: Registration{ClientID: "robot", ClientSecret: "SECRETrobot"}})
		_, err := r.send(t.Context())
		require.Equal(t, KindRefused, KindOf(err))
		require.True(t, transport.IsPermanent(err))
		require.Equal(t, transport.NotSent, transport.StageOf(err))
		require.NotContains(t, err.Error(), "SECRET")
	})
}

// If the resource refuses even a new token, the client obtains one more token. If that is refused
// too, the call fails.
func TestGrantRefusedByTheResource(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { s.Auth = authBasic })
		w.Server.AddClient("robot", "SECRETrobot")
		r := newRig(t, w, &Config{Grant: ClientCredentials{}, Registration: Registration{ClientID: "robot", ClientSecret: "SECRETrobot"}})
		r.mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.RefuseAll = true })
		require.Equal(t, KindRefused, KindOf(r.call(t.Context())))
		require.Len(t, w.Server.Tokens("client_credentials"), 2)
	})
}

// If the resource moves to another authorization server, the client secret is not sent to the new
// server.
func TestGrantWithASecretStays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { s.Auth = authBasic })
		w.Server.AddClient("robot", "SECRETrobot")
		r := newRig(t, w, &Config{Grant: ClientCredentials{}, Registration: Registration{ClientID: "robot", ClientSecret: "SECRETrobot"}})
		r.mustCall()
		next := w.NewServer()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Servers = []*authtest.Server{next} })
		require.ErrorAs(t, r.call(t.Context()), new(*IssuerError))
		require.Empty(t, next.Requests("/token"))
	})
}

func TestWorkloadIdentity(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		good := "SECRETassertion1"
		w.Server.Change(func(s *authtest.Script) {
			s.ExpectAssertion = func(form url.Values) error {
				if form.Get("assertion") != good || form.Has("client_id") {
					return fmt.Errorf("assertion %s is not good", form.Get("assertion"))
				}
				return nil
			}
		})
		now := good
		r := newRig(t, w, &Config{Grant: JWTBearer{Assertion: func(context.Context) (string, error) { return now, nil }}})
		r.mustCall()
		require.Empty(t, w.Server.Requests("/register"))
		form := w.Server.Tokens(grantJWTBearer)[0].Form
		require.Equal(t, w.Resource.URL, form.Get("resource"))

		now = "SECRETassertion2"
		w.Server.RevokeAll(true)
		for range 3 {
			err := r.call(t.Context())
			require.Equal(t, KindRefused, KindOf(err))
			require.NotContains(t, err.Error(), "SECRET")
		}
		require.Len(t, w.Server.Tokens(grantJWTBearer), 2, "a refused assertion is sent once")
		now = good
		r.mustCall()
		now = ""
		w.Server.RevokeAll(true)
		require.Equal(t, KindLogin, KindOf(r.call(t.Context())))
	})
}

func TestEnterpriseManaged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		var exchanges []url.Values
		issued := typeIDJAG
		idp := w.Serve(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if id, secret, _ := req.BasicAuth(); req.ParseForm() != nil || id+" "+secret != "me SECRETidp" {
				http.Error(rw, "who?", http.StatusUnauthorized)
				return
			}
			exchanges = append(exchanges, req.PostForm)
			fmt.Fprintf(rw, `{"access_token":"SECRETjag","issued_token_type":%q,"token_type":"N_A"}`, issued)
		}))
		w.Server.Change(func(s *authtest.Script) {
			s.Auth = authBasic
			s.Metadata = func(d map[string]any) { d["authorization_grant_profiles_supported"] = []string{profileIDJAG} }
			s.ExpectAssertion = func(form url.Values) error {
				if form.Get("assertion") != "SECRETjag" {
					return errors.New("another assertion")
				}
				return nil
			}
		})
		grant := EnterpriseManaged{
			IDToken: func(context.Context) (string, error) { return "SECRETidtoken", nil }, TokenEndpoint: idp + "/token",
			ClientID: "me", ClientSecret: "SECRETidp",
		}
		r := newRig(t, w, &Config{Grant: grant, Registration: Registration{ClientID: "client", ClientSecret: "SECRETclient"}})
		r.mustCall()
		require.Equal(t, url.Values{
			"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"requested_token_type": {typeIDJAG}, "subject_token_type": {typeIDToken}, "subject_token": {"SECRETidtoken"},
			"audience": {w.Server.Issuer}, "resource": {w.Resource.URL},
		}, exchanges[0])
		require.NotEmpty(t, w.Server.Tokens(grantJWTBearer)[0].Header.Get("Authorization"))

		issued = "urn:ietf:params:oauth:token-type:access_token"
		w.Server.RevokeAll(true)
		require.Equal(t, KindResponse, KindOf(r.call(t.Context())))
		w.Server.Change(func(s *authtest.Script) {
			s.Metadata = func(d map[string]any) { d["authorization_grant_profiles_supported"] = []string{"other"} }
		})
		require.Equal(t, KindConfig, KindOf(r.call(t.Context())))
		require.Len(t, exchanges, 2, "no ID token for a server that cannot use it")
	})
}

func TestGrantsNeedTheirConfiguration(t *testing.T) {
	for _, cfg := range []Config{
		{Grant: ClientCredentials{}},
		{Grant: ClientCredentials{}, Registration: Registration{ClientID: "x"}},
		{Grant: JWTBearer{}},
		{Grant: EnterpriseManaged{}, Registration: Registration{ClientID: "x"}},
		{Registration: Registration{ClientSecret: "x"}},
		{Registration: Registration{MetadataURL: "http://example.com/x"}},
		{Registration: Registration{MetadataURL: "https://example.com"}},
	} {
		_, err := NewClient("https://mcp.test", &cfg)
		require.Equal(t, KindConfig, KindOf(err), "%v", cfg)
	}
}
