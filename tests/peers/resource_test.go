package peers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
)

const (
	resourceScope = "mcp:tools"
	resourceNonce = "a-nonce-of-the-resource"
)

// protected is an MCP server that requires access tokens of an authorization server. The tokens are
// JWTs. The server checks their signature, audience, scope and key binding.
type protected struct {
	URL string

	mcp    *mcptest.Server
	issuer string
	dpop   bool
	key    *ecdsa.PublicKey

	mu      sync.Mutex
	seen    map[string]bool // ids of received tokens
	refused map[string]bool // ids of revoked tokens
}

// protect starts a protected server, which is closed at the end of the test.
func protect(t *testing.T, issuer string, dpop bool) *protected {
	t.Helper()
	p := &protected{issuer: issuer, dpop: dpop, mcp: mcptest.New(mcptest.Modern), seen: map[string]bool{}, refused: map[string]bool{}}
	p.mcp.Tools = []*mcptest.Tool{{Name: "echo"}}
	p.key = signingKey(t, issuer)
	srv := httptest.NewUnstartedServer(p)
	p.URL = "http://" + srv.Listener.Addr().String() + "/mcp" // set before the first request
	srv.Start()
	t.Cleanup(func() { srv.Close(); p.mcp.Close() })
	return p
}

// signingKey fetches the key with which the authorization server signs access tokens.
func signingKey(t *testing.T, issuer string) *ecdsa.PublicKey {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, issuer+"/jwks", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var set struct {
		Keys []struct{ Kid, X, Y string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		if k.Kid != "ec" {
			continue
		}
		point := []byte{4}
		for _, part := range []string{k.X, k.Y} {
			b, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil {
				t.Fatal(err)
			}
			point = append(point, b...)
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	t.Fatal("the authorization server has no such key")
	return nil
}

// refuseIssued makes the server refuse every token that it has received so far.
func (p *protected) refuseIssued() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.seen {
		p.refused[id] = true
	}
}

func (p *protected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/.well-known/oauth-protected-resource/mcp" {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q],"scopes_supported":[%q],"dpop_bound_access_tokens_required":%t}`,
			p.URL, p.issuer, resourceScope, p.dpop)
		return
	}
	if err := p.check(r); err != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		scheme := "Bearer"
		if p.dpop {
			scheme = "DPoP"
			w.Header().Set("DPoP-Nonce", resourceNonce)
		}
		challenge := fmt.Sprintf(`%s resource_metadata=%q`, scheme, strings.TrimSuffix(p.URL, "/mcp")+"/.well-known/oauth-protected-resource/mcp")
		if errors.Is(err, errWantsNonce) {
			challenge = `DPoP error="use_dpop_nonce"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p.mcp.ServeHTTP(w, r)
}

var errWantsNonce = errors.New("the proof has no nonce")

// check validates the token of a request.
func (p *protected) check(r *http.Request) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if (scheme == "DPoP") != p.dpop || token == "" {
		return errors.New("no token")
	}
	var claims struct {
		jwt.RegisteredClaims

		Scope string `json:"scope"`
		Cnf   struct {
			JKT string `json:"jkt"`
		} `json:"cnf"`
	}
	if _, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return p.key, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(p.issuer), jwt.WithAudience(p.URL), jwt.WithExpirationRequired()); err != nil {
		return err
	}
	if p.dpop {
		proof, err := authtest.VerifyProof(r, strings.TrimSuffix(p.URL, "/mcp"), token)
		switch {
		case err != nil:
			return err
		case proof.KeyID != claims.Cnf.JKT:
			return errors.New("the proof has a different key")
		case proof.Nonce != resourceNonce:
			return errWantsNonce
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[claims.ID] = true
	switch {
	case p.refused[claims.ID]:
		return errors.New("revoked")
	case claims.Scope != resourceScope:
		return fmt.Errorf("scope %q", claims.Scope)
	}
	return nil
}
