package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

func TestClientAuthenticationOfRegistration(t *testing.T) {
	for _, method := range []string{authBasic, authPost, authNone} {
		t.Run(method, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(func(s *authtest.Script) { refreshing(s); s.Auth = method })
				r := newRig(t, w, nil)
				r.mustCall()
				w.Server.RevokeAll(false)
				r.mustCall()
				require.Len(t, w.Server.Tokens("refresh_token"), 1)
				for _, req := range w.Server.Requests("/token") {
					id, secret, basic := req.Header.Get("Authorization"), req.Form.Get("client_secret"), method == authBasic
					require.Equal(t, basic, id != "")
					require.Equal(t, method == authPost, secret != "")
				}
			})
		})
	}
}

func TestMethodIsChosen(t *testing.T) {
	key := &ClientKey{}
	for _, c := range []struct {
		who     registered
		offered []string
		key     *ClientKey
		want    string
	}{
		{registered{secret: "s"}, nil, nil, authBasic},
		{registered{secret: "s"}, []string{authPost}, nil, authPost},
		{registered{secret: "s"}, []string{authPost, authBasic}, nil, authBasic},
		{registered{secret: "s"}, []string{authNone}, nil, authNone},
		{registered{secret: "s"}, []string{"tls_client_auth"}, nil, authBasic},
		{registered{secret: "s", authMethod: authPost}, []string{authBasic}, nil, authPost},
		{registered{}, []string{authBasic}, nil, authNone},
		{registered{}, nil, key, authPrivateKey},
		{registered{authMethod: authPrivateKey}, nil, nil, authNone},
	} {
		require.Equal(t, c.want, c.who.method(&ServerMetadata{TokenAuthMethods: c.offered}, c.key), "%v", c)
	}
	form, header := url.Values{}, http.Header{}
	require.NoError(t, (&registered{clientID: "a:b c", secret: "p/+%é"}).authenticate(form, header, &ServerMetadata{}, nil))
	id, secret, ok := (&http.Request{Header: header}).BasicAuth()
	require.True(t, ok)
	require.Equal(t, "a%3Ab+c p%2F%2B%25%C3%A9", id+" "+secret)
	require.Empty(t, form)
	require.Error(t, (&registered{authMethod: "tls_client_auth"}).authenticate(form, header, &ServerMetadata{}, nil))
}

// elsewhere is a crypto.Signer that stands for a key outside this process.
type elsewhere struct{ signer crypto.Signer }

func (e elsewhere) Public() crypto.PublicKey { return e.signer.Public() }

func (e elsewhere) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return e.signer.Sign(random, digest, opts)
}

func TestAssertionsOfAllKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	keys := map[string]crypto.Signer{"RS256": rsaKey, "PS384": rsaKey, "RS512": rsaKey, "EdDSA": edKey}
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		keys[alg], err = ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
	}
	for alg, key := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		for _, k := range []*ClientKey{
			{Signer: key, Algorithm: alg, ID: "k1"},
			{Signer: elsewhere{key}, Algorithm: alg, ID: "k1"},
			{PEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), Algorithm: alg, ID: "k1"},
		} {
			form := url.Values{}
			require.NoError(t, (&registered{clientID: "me"}).authenticate(form, nil, &ServerMetadata{Issuer: "https://as.test"}, k))
			require.Equal(t, assertionType, form.Get("client_assertion_type"))
			require.NotContains(t, form, "client_id")
			claims := jwt.MapClaims{}
			parsed, err := jwt.ParseWithClaims(form.Get("client_assertion"), claims, func(*jwt.Token) (any, error) { return key.Public(), nil },
				jwt.WithValidMethods([]string{alg}), jwt.WithIssuer("me"), jwt.WithSubject("me"), jwt.WithAudience("https://as.test"),
				jwt.WithExpirationRequired(), jwt.WithIssuedAt())
			require.NoError(t, err, alg)
			require.Equal(t, "k1", parsed.Header["kid"])
			require.NotEmpty(t, claims["jti"])
			expiry, _ := claims.GetExpirationTime()
			require.LessOrEqual(t, time.Until(expiry.Time), 5*time.Minute)
		}
	}
}

func TestKeysThatCannotSign(t *testing.T) {
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for name, k := range map[string]*ClientKey{
		"none": {}, "no PEM": {PEM: []byte("SECRET")}, "another PEM": {PEM: pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: []byte("SECRET")})},
		"curve": {Signer: small}, "symmetric": {Signer: edKey, Algorithm: "HS256"}, "unsigned": {Signer: edKey, Algorithm: "none"}, "another": {Signer: edKey, Algorithm: "RS256"},
	} {
		_, err := NewClient("https://mcp.test", &Config{Registration: Registration{ClientID: "me", Key: k}})
		require.Equal(t, KindConfig, KindOf(err), name)
		require.NotContains(t, err.Error(), "SECRET")
	}
}
