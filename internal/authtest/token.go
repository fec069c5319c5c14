package authtest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// refusal is an OAuth error.
type refusal struct{ code, description string }

func (e *refusal) Error() string { return e.code }

func refuse(code, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// token answers a token request.
func (s *Server) token(w http.ResponseWriter, r *http.Request) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	form := r.PostForm
	if s.script.Token != nil {
		if status, body := s.script.Token(form); status != 0 {
			return status, body
		}
	}
	keyID, err := s.checkProof(r)
	var g *Grant
	if err == nil {
		g, err = s.judge(r, form)
	}
	var refused *refusal
	if errors.As(err, &refused) {
		if refused.code == "use_dpop_nonce" {
			w.Header().Set("DPoP-Nonce", s.script.Nonce)
		}
		status := http.StatusBadRequest
		if refused.code == "invalid_client" {
			status = http.StatusUnauthorized
		}
		return status, map[string]any{"error": refused.code, "error_description": refused.description}
	}
	if keyID != "" {
		g.KeyID = keyID
	}
	return http.StatusOK, s.issue(g, form.Get("refresh_token"))
}

// judge returns the grant for a token request, or a refusal.
func (s *Server) judge(r *http.Request, form url.Values) (*Grant, error) {
	grant := form.Get("grant_type")
	if (form.Get("resource") != "") == (s.script.NoResource != "") {
		return nil, refuse("invalid_target", "missing or unwanted resource")
	}
	if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer" && s.script.ExpectAssertion != nil {
		if err := s.script.ExpectAssertion(form); err != nil {
			return nil, refuse("invalid_grant", "%v", err)
		}
		return &Grant{Resource: form.Get("resource"), Scope: form.Get("scope")}, nil
	}
	clientID, err := s.checkClient(r, form)
	if err != nil {
		return nil, err
	}
	switch grant {
	case "authorization_code":
		return s.useCode(clientID, form)
	case "refresh_token":
		return s.useRefresh(clientID, form)
	case "client_credentials":
		return &Grant{ClientID: clientID, Resource: form.Get("resource"), Scope: form.Get("scope")}, nil
	}
	return nil, refuse("unsupported_grant_type", "%s", grant)
}

func (s *Server) checkClient(r *http.Request, form url.Values) (string, error) {
	method := s.script.Auth
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id) // an invalid id counts as an unknown one
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if method == "private_key_jwt" {
		if s.script.ExpectAssertion == nil || basic || id != "" {
			return "", refuse("invalid_client", "expected an assertion and no other authentication")
		}
		if err := s.script.ExpectAssertion(form); err != nil {
			return "", refuse("invalid_client", "%v", err)
		}
		return cmp.Or(subjectOf(form.Get("client_assertion")), "by assertion"), nil
	}
	c := s.clients[id]
	switch {
	case c == nil:
		return "", refuse("invalid_client", "unknown client")
	case basic != (method == "client_secret_basic"), secret != c.Secret:
		return "", refuse("invalid_client", "the client must authenticate with %s", method)
	}
	return id, nil
}

// subjectOf returns the subject of a JWT, or "" if the text is not a JWT.
func subjectOf(assertion string) string {
	_, rest, _ := strings.Cut(assertion, ".")
	payload, _, _ := strings.Cut(rest, ".")
	var claims struct {
		Subject string `json:"sub"`
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return ""
	}
	return claims.Subject
}

func (s *Server) useCode(clientID string, form url.Values) (*Grant, error) {
	asked, ok := s.codes[form.Get("code")]
	delete(s.codes, form.Get("code"))
	challenge := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case !ok:
		return nil, refuse("invalid_grant", "unknown code")
	case asked.Get("client_id") != clientID, asked.Get("redirect_uri") != form.Get("redirect_uri"):
		return nil, refuse("invalid_grant", "the code belongs to another client")
	case asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]):
		return nil, refuse("invalid_grant", "wrong code verifier")
	case asked.Get("resource") != form.Get("resource"):
		return nil, refuse("invalid_target", "wrong resource")
	}
	return &Grant{ClientID: clientID, Resource: cmp.Or(s.script.NoResource, asked.Get("resource")), Scope: asked.Get("scope")}, nil
}

func (s *Server) useRefresh(clientID string, form url.Values) (*Grant, error) {
	value := form.Get("refresh_token")
	if g := s.used[value]; g != nil {
		s.reused++
		g.Revoked = true
		return nil, refuse("invalid_grant", "the refresh token %s was used before", value)
	}
	g := s.refresh[value]
	switch {
	case g == nil || g.Revoked:
		return nil, refuse("invalid_grant", "the refresh token %s is not valid", value)
	case g.ClientID != clientID:
		return nil, refuse("invalid_grant", "the refresh token belongs to another client")
	case g.Resource != form.Get("resource") && s.script.NoResource == "":
		return nil, refuse("invalid_target", "wrong resource")
	}
	if !s.script.KeepRefresh {
		delete(s.refresh, value)
		s.used[value] = g
	}
	return g, nil
}

// issue creates tokens for a grant. family is the request's refresh token, or "" if it has none.
func (s *Server) issue(g *Grant, family string) map[string]any {
	s.serial++
	next := *g
	access := fmt.Sprintf("%sSECRETaccess%d", s.script.Prefix, s.serial)
	answer := map[string]any{"access_token": access, "token_type": "Bearer"}
	if g.KeyID != "" {
		answer["token_type"] = "DPoP"
	}
	if s.script.Lifetime > 0 {
		next.Expiry = time.Now().Add(s.script.Lifetime)
		answer["expires_in"] = int(s.script.Lifetime / time.Second)
	}
	if s.script.Granted != nil {
		next.Scope = strings.Join(s.script.Granted, " ")
		answer["scope"] = next.Scope
	}
	s.access[access] = &next
	if s.script.Refresh && (family == "" || !s.script.KeepRefresh) {
		refresh := fmt.Sprintf("%sSECRETrefresh%d", s.script.Prefix, s.serial)
		s.refresh[refresh] = g
		answer["refresh_token"] = refresh
	}
	return answer
}
