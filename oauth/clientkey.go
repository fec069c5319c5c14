package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// ClientKey signs the assertions that authenticate a client without a client secret:
// private_key_jwt (RFC 7523 section 2.2).
type ClientKey struct {
	// Signer is an RSA, ECDSA or Ed25519 key, in memory or in an external key store. Either Signer
	// or PEM is required.
	Signer crypto.Signer
	// PEM is a private key in PKCS #8, PKCS #1 or SEC 1.
	PEM []byte
	// ID is sent as the "kid" header parameter of assertions. Empty means no such parameter.
	ID string
	// Algorithm is a JWS algorithm (RFC 7518): RS256, PS256, ES256, EdDSA and so on. Empty means
	// RS256 for an RSA key, EdDSA for an Ed25519 key, and the algorithm of the curve for an ECDSA
	// key.
	Algorithm string
	// Audience is the audience of the assertion. Empty means the issuer of the authorization
	// server. Assertions with a fixed Audience go to one server only: Config.Issuer, Registration.Issuer
	// of a ClientID, or else the first authorization server that the resource named.
	Audience string
}

// Format hides the key.
func (ClientKey) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

// LogValue hides the key.
func (ClientKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the key.
func (ClientKey) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// assertionLifetime is how long an assertion is valid. Each assertion is used for one request.
const assertionLifetime = time.Minute

func (k ClientKey) assertion(clientID, audience string) (string, error) {
	signer, err := k.signer()
	if err != nil {
		return "", err
	}
	method, err := signingMethodFor(signer, k.Algorithm)
	if err != nil {
		return "", err
	}
	now := time.Now()
	t := jwt.NewWithClaims(method, jwt.MapClaims{
		"iss": clientID, "sub": clientID, "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	if k.ID != "" {
		t.Header["kid"] = k.ID
	}
	return t.SignedString(signer)
}

func (k ClientKey) signer() (crypto.Signer, error) {
	if k.Signer != nil {
		return k.Signer, nil
	}
	block, _ := pem.Decode(k.PEM)
	if block == nil {
		return nil, errors.New("the client's key is not in PEM format")
	}
	var key any
	var err error
	if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		if key, err = x509.ParseECPrivateKey(block.Bytes); err != nil {
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		}
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.New("the client's key is not a private key in PKCS #8, PKCS #1 or SEC 1")
	}
	return signer, nil
}

// signerMethod is a JWT signing method that works with any crypto.Signer. The JWT library's own
// methods do not accept keys that live outside this process.
type signerMethod struct {
	alg  string
	hash crypto.Hash
	opts crypto.SignerOpts
	size int // bytes of an ECDSA signature's r, and of its s; 0 for other algorithms
}

func signingMethodFor(signer crypto.Signer, alg string) (jwt.SigningMethod, error) {
	switch pub := signer.Public().(type) {
	case *rsa.PublicKey:
		return rsaMethod(alg)
	case *ecdsa.PublicKey:
		return ecdsaMethod(pub.Curve, alg)
	case ed25519.PublicKey:
		if alg == "" || alg == "EdDSA" || alg == "Ed25519" {
			return &signerMethod{alg: orText(alg, "EdDSA"), opts: crypto.Hash(0)}, nil
		}
	}
	return nil, fmt.Errorf("the client's key does not support algorithm %q", alg)
}

func rsaMethod(alg string) (jwt.SigningMethod, error) {
	alg = orText(alg, "RS256")
	if len(alg) == 5 {
		if hash, ok := hashes[alg[2:]]; ok {
			switch alg[:2] {
			case "RS":
				return &signerMethod{alg: alg, hash: hash, opts: hash}, nil
			case "PS":
				return &signerMethod{alg: alg, hash: hash, opts: &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}}, nil
			}
		}
	}
	return nil, fmt.Errorf("an RSA key does not support algorithm %q", alg)
}

func ecdsaMethod(curve elliptic.Curve, alg string) (jwt.SigningMethod, error) {
	var m *signerMethod
	switch curve {
	case elliptic.P256():
		m = &signerMethod{alg: "ES256", hash: crypto.SHA256, opts: crypto.SHA256, size: 32}
	case elliptic.P384():
		m = &signerMethod{alg: "ES384", hash: crypto.SHA384, opts: crypto.SHA384, size: 48}
	case elliptic.P521():
		m = &signerMethod{alg: "ES512", hash: crypto.SHA512, opts: crypto.SHA512, size: 66}
	}
	if m == nil || alg != "" && alg != m.alg {
		return nil, fmt.Errorf("an ECDSA key of this curve does not support algorithm %q", alg)
	}
	return m, nil
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

func orText(s, usual string) string {
	if s == "" {
		return usual
	}
	return s
}

// Alg implements jwt.SigningMethod.
func (m *signerMethod) Alg() string { return m.alg }

// Verify implements jwt.SigningMethod. It is never used.
func (m *signerMethod) Verify(string, []byte, any) error { return jwt.ErrSignatureInvalid }

// Sign implements jwt.SigningMethod.
func (m *signerMethod) Sign(text string, key any) ([]byte, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, jwt.ErrInvalidKeyType
	}
	digest := []byte(text)
	if m.hash != 0 {
		h := m.hash.New()
		_, _ = h.Write(digest) // a hash does not fail
		digest = h.Sum(nil)
	}
	sig, err := signer.Sign(rand.Reader, digest, m.opts)
	if err != nil || m.size == 0 {
		return sig, err
	}
	var rs struct{ R, S *big.Int } // RFC 7518 section 3.4 requires r and s concatenated
	if _, err := asn1.Unmarshal(sig, &rs); err != nil {
		return nil, errors.New("invalid ECDSA signature from the key")
	}
	return append(rs.R.FillBytes(make([]byte, m.size)), rs.S.FillBytes(make([]byte, m.size))...), nil
}
