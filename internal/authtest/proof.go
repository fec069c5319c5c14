package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/golang-jwt/jwt/v5"
)

// Proof is a verified DPoP proof (RFC 9449 section 4.3).
type Proof struct {
	KeyID, ID, Nonce string
}

// VerifyProof checks the proof of a request to origin. access is the request's access token, or ""
// if it has none.
func VerifyProof(r *http.Request, origin, access string) (*Proof, error) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 {
		return nil, fmt.Errorf("expected 1 DPoP header, got %d", len(headers))
	}
	claims := jwt.MapClaims{}
	keyID := ""
	t, err := jwt.ParseWithClaims(headers[0], claims, func(t *jwt.Token) (any, error) {
		jwk, _ := t.Header["jwk"].(map[string]any)
		point := []byte{4}
		for _, name := range []string{"x", "y"} {
			part, err := base64.RawURLEncoding.DecodeString(fmt.Sprint(jwk[name]))
			if err != nil {
				return nil, err
			}
			point = append(point, part...)
		}
		hash := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, jwk["crv"], jwk["kty"], jwk["x"], jwk["y"]))
		keyID = base64.RawURLEncoding.EncodeToString(hash[:])
		if jwk["d"] != nil {
			return nil, errors.New("the proof contains the private key")
		}
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	}, jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuedAt())
	if err != nil {
		return nil, err
	}
	ath := ""
	if access != "" {
		hash := sha256.Sum256([]byte(access))
		ath = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	text := func(name string) string {
		s, _ := claims[name].(string)
		return s
	}
	switch {
	case t.Header["typ"] != "dpop+jwt":
		return nil, errors.New("wrong typ")
	case text("htm") != r.Method || text("htu") != origin+r.URL.Path:
		return nil, fmt.Errorf("the proof is for %s %s", text("htm"), text("htu"))
	case text("ath") != ath:
		return nil, errors.New("the proof is for another token")
	case text("jti") == "":
		return nil, errors.New("no jti")
	}
	return &Proof{KeyID: keyID, ID: text("jti"), Nonce: text("nonce")}, nil
}

// checkProof checks the DPoP proof of a token request and returns the thumbprint of the proof's
// key. The thumbprint is "" if the request has no proof.
func (s *Server) checkProof(r *http.Request) (string, error) {
	if !s.script.DPoP || r.Header.Get("DPoP") == "" {
		return "", nil
	}
	p, err := VerifyProof(r, s.Issuer, "")
	switch {
	case err != nil:
		return "", refuse("invalid_dpop_proof", "%v", err)
	case s.proofs[p.ID]:
		return "", refuse("invalid_dpop_proof", "the proof was used before")
	case p.Nonce != s.script.Nonce:
		return "", refuse("use_dpop_nonce", "use the nonce")
	}
	s.proofs[p.ID] = true
	return p.KeyID, nil
}
