package oauth

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// Google issues refresh tokens only if the authorization request says access_type=offline.
func TestAuthParams(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) {
			s.Scopes = []string{scopeOffline}
			s.Metadata = func(document map[string]any) {
				document["authorization_endpoint"] = document["authorization_endpoint"].(string) + "?tenant=7"
			}
		})
		params := map[string]string{"access_type": "offline", "prompt": "select_account", "login_hint": "me&state=x@example.com", "ui.locales": ""}
		r := newRig(t, w, &Config{AuthParams: params})
		params["state"] = "x" // the client has its own copy
		r.mustCall()
		page := w.Server.Requests("/authorize")[0].Form
		for _, name := range []string{"access_type", "prompt", "login_hint", "ui.locales"} {
			require.Equal(t, []string{params[name]}, page[name])
		}
		require.Equal(t, "7", page.Get("tenant"))
		require.Len(t, page["state"], 1)
		require.NotEqual(t, "x", page.Get("state"))
		require.NotContains(t, w.Server.Tokens("authorization_code")[0].Form, "access_type")
	})
}

// No parameter replaces one that protects the login, in any spelling that a server may read as it.
func TestProtectedParams(t *testing.T) {
	refuse := func(name, value, why string) {
		t.Helper()
		_, err := NewClient("https://mcp.example.com/mcp", &Config{AuthParams: map[string]string{name: value, "access_type": "offline"}})
		require.Equal(t, KindConfig, KindOf(err), "%q: %v", name, err)
		require.ErrorContains(t, err, why, name)
		require.NotContains(t, err.Error(), "SECRET")
	}
	for _, name := range []string{
		"response_type", "client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method", "resource", "scope", "dpop_jkt",
		"request", "request_uri", "response_mode", "client_secret", "client_assertion", "code", "iss", "State", "CLIENT_ID", "redirect.uri", "code-challenge",
	} {
		refuse(name, "SECRET", "parameter "+name+" in Config.AuthParams is refused")
	}
	for _, name := range []string{"", " state", "state ", "state[]", "resource[0]", "a=b", "a&state", "st\x00ate", "ſtate", "__", "%73tate", "a b"} {
		refuse(name, "SECRET", "invalid parameter name")
	}
	refuse("a", strings.Repeat("SECRET", maxParam), "bytes")
	many := map[string]string{}
	for i := range maxParams + 1 {
		many[fmt.Sprint("p", i)] = "x"
	}
	_, err := NewClient("https://mcp.example.com/mcp", &Config{AuthParams: many})
	require.ErrorContains(t, err, "33 parameters")
}

// All parameters that the client sends are protected, except prompt.
func TestSentParamsAreProtected(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { s.DPoP, s.Scopes = true, []string{scopeOffline} })
		newRig(t, w, &Config{DPoP: DPoPAlways, Scopes: []string{"a"}}).mustCall()
		sent := w.Server.Requests("/authorize")[0].Form
		require.Greater(t, len(sent), 8)
		sent.Del("prompt")
		for name := range sent {
			require.Error(t, checkParams(map[string]string{name: "x"}), name)
		}
		require.NoError(t, checkParams(map[string]string{"prompt": url.QueryEscape("x")}))
	})
}
