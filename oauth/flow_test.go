package oauth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// callbacks lists callbacks with various parameters and the expected result of each (RFC 9207, MCP
// "authorization response validation").
func callbacks() map[string]callbackCase {
	set := func(name, value string) func(url.Values) { return func(v url.Values) { v.Set(name, value) } }
	fail := func(code string) func(url.Values) {
		return func(v url.Values) {
			v.Del("code")
			v.Set("error", code)
			v.Set("error_description", "said by\x1b[31m the server")
		}
	}
	both := func(changes ...func(url.Values)) func(url.Values) {
		return func(v url.Values) {
			for _, change := range changes {
				change(v)
			}
		}
	}
	unsaid := func(document map[string]any) { delete(document, "authorization_response_iss_parameter_supported") }
	return map[string]callbackCase{
		"good":                           {},
		"not advertised, absent":         {change: func(v url.Values) { v.Del("iss") }, metadata: unsaid},
		"not advertised, present, right": {metadata: unsaid},
		"advertised, absent":             {change: func(v url.Values) { v.Del("iss") }, kind: KindResponse},
		"advertised, empty":              {change: set("iss", ""), kind: KindResponse},
		"another server":                 {change: set("iss", "http://evil.test"), kind: KindResponse},
		"not advertised, another server": {change: set("iss", "http://evil.test"), metadata: unsaid, kind: KindResponse},
		"same but for the final slash":   {change: func(v url.Values) { v.Set("iss", v.Get("iss")+"/") }, kind: KindResponse},
		"same but for two slashes":       {change: func(v url.Values) { v.Set("iss", v.Get("iss")+"//") }, kind: KindResponse},
		"same but for case":              {change: func(v url.Values) { v.Set("iss", strings.ToUpper(v.Get("iss"))) }, kind: KindResponse},
		"iss twice":                      {change: func(v url.Values) { v.Add("iss", v.Get("iss")) }, kind: KindResponse},
		"code twice":                     {change: func(v url.Values) { v.Add("code", "x") }, kind: KindResponse},
		"no code":                        {change: func(v url.Values) { v.Del("code") }, kind: KindResponse},
		"declined":                       {change: fail("access_denied"), kind: KindDeclined, text: "said by"},
		"refused":                        {change: fail("invalid_scope"), kind: KindRefused, text: "invalid_scope: said by"},
		"unavailable":                    {change: fail("temporarily_unavailable"), kind: KindNetwork},
		"declined by another server":     {change: both(fail("access_denied"), set("iss", "http://evil.test")), kind: KindResponse},
		"declined without the issuer":    {change: both(fail("access_denied"), func(v url.Values) { v.Del("iss") }), kind: KindResponse},
		"another state is no callback":   {change: set("state", "x"), kind: KindLogin, text: "does not belong"},
		"no state is no callback":        {change: func(v url.Values) { v.Del("state") }, kind: KindLogin, text: "does not belong"},
		"a state twice is no callback":   {change: func(v url.Values) { v.Add("state", v.Get("state")) }, kind: KindLogin, text: "does not belong"},
		"declined with another state":    {change: both(fail("access_denied"), set("state", "x")), kind: KindLogin, text: "does not belong"},
	}
}

type callbackCase struct {
	change   func(url.Values)
	metadata func(map[string]any)
	kind     Kind // the expected kind of error; 0 if a token is expected
	text     string
}

func TestCallbackIsJudged(t *testing.T) {
	for name, c := range callbacks() {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(func(s *authtest.Script) { s.Callback, s.Metadata = c.change, c.metadata })
				r := newRig(t, w, nil)
				err := r.call(t.Context())
				require.Equal(t, c.kind, KindOf(err), "%v", err)
				if c.kind == 0 {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, c.text)
				require.NotContains(t, err.Error(), "\x1b")
				require.Empty(t, w.Server.Tokens("authorization_code"), "the code must not be sent")
				if strings.Contains(name, "by another") || strings.Contains(name, "without") {
					require.NotContains(t, err.Error(), "said by")
				}
			})
		})
	}
}

// The right callback may arrive after a foreign one, and may arrive twice.
func TestForeignCallbacksAndDuplicates(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.person.answer = func(ctx context.Context, flow Flow) error {
			require.Equal(t, w.Resource.URL, flow.Resource())
			require.ErrorIs(t, flow.Complete(ctx, callbackURI+"?code=x&state=y"), ErrForeignCallback, "before the authorization URL was requested")
			page, err := flow.AuthorizationURL(ctx, callbackURI)
			require.NoError(t, err)
			_, err = flow.AuthorizationURL(ctx, callbackURI)
			require.Error(t, err)
			callback, err := w.Visit(ctx, page)
			require.NoError(t, err)
			for _, foreign := range []string{"", ":", callbackURI, callbackURI + "?state=%", strings.Replace(callback, "state=", "state=x", 1)} {
				require.ErrorIs(t, flow.Complete(ctx, foreign), ErrForeignCallback)
			}
			done := make(chan error)
			for range 2 {
				go func() { done <- flow.Complete(ctx, callback) }()
			}
			require.NoError(t, <-done)
			require.NoError(t, <-done)
			return nil
		}
		r.mustCall()
		require.Len(t, w.Server.Tokens("authorization_code"), 1)
	})
}

func TestAuthorizationRequest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) {
			s.Metadata = func(document map[string]any) {
				document["authorization_endpoint"] = document["authorization_endpoint"].(string) + "?tenant=7"
			}
		})
		r := newRig(t, w, nil)
		r.mustCall()
		page := w.Server.Requests("/authorize")[0].Form
		form := w.Server.Tokens("authorization_code")[0].Form
		require.Equal(t, "7", page.Get("tenant"))
		require.Equal(t, w.Resource.URL, page.Get("resource"))
		require.Equal(t, w.Resource.URL, form.Get("resource"))
		require.Equal(t, page.Get("redirect_uri"), form.Get("redirect_uri"))
		require.NotContains(t, page, "scope", "no scope is named anywhere")
		require.GreaterOrEqual(t, len(page.Get("state")), 26)
		hash := sha256.Sum256([]byte(form.Get("code_verifier")))
		require.Equal(t, base64.RawURLEncoding.EncodeToString(hash[:]), page.Get("code_challenge"))
	})
}

func TestScopesAreChosen(t *testing.T) {
	for name, c := range map[string]struct {
		challenge         string
		resource, server  []string
		more              []string
		want, wantConsent string
	}{
		"none":                  {},
		"challenge":             {challenge: "basic", resource: []string{"a", "b"}, want: "basic"},
		"all of the resource":   {resource: []string{"a", "b"}, want: "a b"},
		"configured besides":    {challenge: "basic", more: []string{"x", "basic"}, want: "basic x"},
		"offline, if it exists": {challenge: "basic", server: []string{"basic", "offline_access"}, want: "basic offline_access", wantConsent: "consent"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(func(s *authtest.Script) { s.Scopes = c.server })
				w.Resource.Change(func(s *authtest.ResourceScript) { s.ChallengeScope, s.Scopes = c.challenge, c.resource })
				r := newRig(t, w, &Config{Scopes: c.more})
				r.mustCall()
				page := w.Server.Requests("/authorize")[0].Form
				require.Equal(t, c.want, page.Get("scope"))
				require.Equal(t, c.wantConsent, page.Get("prompt"))
			})
		})
	}
}

// If a server does not support a safe login, the client fails before it prompts the user.
func TestLoginIsRefused(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"no PKCE said":    func(d map[string]any) { delete(d, "code_challenge_methods_supported") },
		"plain PKCE only": func(d map[string]any) { d["code_challenge_methods_supported"] = []string{"plain"} },
		"javascript":      func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)//" },
		"file":            func(d map[string]any) { d["authorization_endpoint"] = "file:///etc/passwd" },
		"plain http":      func(d map[string]any) { d["authorization_endpoint"] = "http://as.example.com/authorize" },
		"user name":       func(d map[string]any) { d["authorization_endpoint"] = "https://u@as.example.com/authorize" },
		"none":            func(d map[string]any) { delete(d, "authorization_endpoint") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(func(s *authtest.Script) { s.Metadata = change })
				r := newRig(t, w, nil)
				require.Equal(t, KindMetadata, KindOf(r.call(t.Context())))
				require.Zero(t, r.person.times())
			})
		})
	}
	for _, redirect := range []string{"http://example.com/cb", "myapp:/cb", "http://127.0.0.1:1/#x", "", "javascript:1"} {
		require.Error(t, checkRedirect(redirect), redirect)
	}
	for _, redirect := range []string{"http://localhost:1/cb", "http://[::1]:1/cb", "https://example.com/cb"} {
		require.NoError(t, checkRedirect(redirect))
	}
}

// The client accepts valid responses from token endpoints and returns an error of the right kind
// for others.
func TestTokenReplies(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		kind   Kind
		text   string
	}{
		"good":                  {200, `{"access_token":"SECRETa","token_type":"bearer","expires_in":"3600"}`, 0, ""},
		"null lifetime":         {200, `{"access_token":"SECRETa","token_type":"Bearer","expires_in":null}`, 0, ""},
		"fraction, huge":        {200, `{"access_token":"SECRETa","token_type":"Bearer","expires_in":1e300}`, 0, ""},
		"negative lifetime":     {200, `{"access_token":"SECRETa","token_type":"Bearer","expires_in":-1}`, 0, ""},
		"lifetime of words":     {200, `{"access_token":"SECRETa","token_type":"Bearer","expires_in":"soon"}`, 0, ""},
		"no token":              {200, `{"token_type":"Bearer"}`, KindResponse, "missing or invalid access token"},
		"header injection":      {200, `{"access_token":"a\r\nX: y","token_type":"Bearer"}`, KindResponse, "missing or invalid access token"},
		"no type":               {200, `{"access_token":"SECRETa"}`, 0, ""},
		"null type":             {200, `{"access_token":"SECRETa","token_type":null}`, 0, ""},
		"type of its own":       {200, `{"access_token":"SECRETa","token_type":"user"}`, 0, ""},
		"type of a wrong type":  {200, `{"access_token":"SECRETa","token_type":7,"scope":["a"],"refresh_token":{}}`, 0, ""},
		"byte-order mark":       {200, "\ufeff" + `{"access_token":"SECRETa","token_type":"Bearer"}`, 0, ""},
		"proof of possession":   {200, `{"access_token":"SECRETa","token_type":"PoP"}`, KindResponse, "token type"},
		"unknown type":          {200, `{"access_token":"SECRETa","token_type":"mac"}`, KindResponse, "token type"},
		"DPoP unasked":          {200, `{"access_token":"SECRETa","token_type":"DPoP"}`, KindResponse, "token type"},
		"HTML":                  {200, `<html>`, KindResponse, `invalid JSON: expected "a JSON object", got "6 bytes of application/json"`},
		"error of a wrong type": {200, `{"access_token":"SECRETa","error":{}}`, KindResponse, "error has the wrong type"},
		"wrong types":           {200, `{"access_token":7}`, KindResponse, `access_token has the wrong type: expected "string", got "number"`},
		"error in a 200":        {200, `{"error":"invalid_grant"}`, KindRefused, "invalid_grant"},
		"error":                 {400, `{"error":"invalid_grant","error_description":"no\u001b[31m"}`, KindRefused, "invalid_grant: no"},
		"error with secret":     {400, `{"error":"invalid_grant","error_description":"code CODE is not valid"}`, KindRefused, "invalid_grant: code [redacted] is not valid"},
		"4xx without an error":  {403, `<html>`, KindResponse, "status 403"},
		"5xx":                   {502, `{"error":"invalid_grant"}`, KindNetwork, "status 502"},
		"429":                   {429, ``, KindNetwork, "status 429"},
		"said to be transient":  {400, `{"error":"temporarily_unavailable"}`, KindNetwork, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(func(s *authtest.Script) {
					s.Token = func(form url.Values) (int, string) {
						return c.status, strings.ReplaceAll(c.body, "CODE", form.Get("code"))
					}
				})
				r := newRig(t, w, nil)
				err := r.client.Login(t.Context())
				require.Equal(t, c.kind, KindOf(err), "%v", err)
				if c.kind != 0 {
					require.ErrorContains(t, err, c.text)
					require.NotContains(t, err.Error(), "SECRET")
					require.NotContains(t, err.Error(), "\x1b")
				} else {
					require.Equal(t, "Bearer SECRETa", r.client.held.Load().header)
				}
			})
		})
	}
}

// The scopes of a token are shown to users, so those with invalid characters are left out.
func TestGrantedScopesAreValid(t *testing.T) {
	for scope, want := range map[string][]string{
		`"a\u001b[31m b \u202ec"`: {"b"}, `["a b","c\n","d"]`: {"d"}, `""`: {}, `["\""]`: {}, `null`: nil, `7`: nil,
	} {
		require.Equal(t, want, readScope([]byte(scope)), scope)
	}
}

// If the server no longer knows a registration, the client does not use it again.
func TestForgottenRegistration(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		r.mustCall()
		require.Len(t, w.Server.Requests("/register"), 1)
		w.Server.RevokeAll(false)
		w.Server.Change(func(s *authtest.Script) {
			s.Token = func(form url.Values) (int, string) {
				if form.Get("grant_type") == "refresh_token" {
					return http.StatusUnauthorized, `{"error":"invalid_client"}`
				}
				return 0, ""
			}
		})
		r.mustCall()
		require.Len(t, w.Server.Requests("/register"), 2)
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/register"), 2)
	})
}

// Config.NoResource omits the resource parameter from all requests. Without it, the error for a
// server that refuses the parameter names the switch.
func TestNoResource(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) {
			refreshing(s)
			s.NoResource = w.Resource.URL
		})
		refused := newRig(t, w, nil)
		err := refused.client.Login(t.Context())
		require.Equal(t, KindRefused, KindOf(err))
		require.ErrorContains(t, err, "Config.NoResource")

		r := newRig(t, w, &Config{NoResource: true})
		r.mustCall()
		w.Server.RevokeAll(false)
		r.mustCall()
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
		require.NotContains(t, w.Server.Tokens("refresh_token")[0].Form, "resource")
	})
}

// A callback that reports an error without the state does not end the login, because anyone can
// send it. Its error is shown at once, and again if the login times out.
func TestErrorWithoutState(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		stray := callbackURI + "?error=invalid_request&error_description=no%20such%1bclient"
		r.person.answer = func(ctx context.Context, flow Flow) error {
			page, err := flow.AuthorizationURL(ctx, callbackURI)
			require.NoError(t, err)
			err = flow.Complete(ctx, stray)
			require.ErrorIs(t, err, ErrForeignCallback)
			require.ErrorContains(t, err, "invalid_request: no such")
			require.NotContains(t, err.Error(), "\x1b")
			require.NotContains(t, flow.Complete(ctx, stray+"&state=wrong").Error(), "invalid_request")
			callback, err := w.Visit(ctx, page)
			require.NoError(t, err)
			return flow.Complete(ctx, callback)
		}
		require.NoError(t, r.client.Login(t.Context()))
		r.person.answer = func(ctx context.Context, flow Flow) error {
			_, err := flow.AuthorizationURL(ctx, callbackURI)
			require.NoError(t, err)
			require.Error(t, flow.Complete(ctx, stray))
			<-ctx.Done()
			return context.Cause(ctx)
		}
		err := r.client.Login(t.Context())
		require.Equal(t, KindLogin, KindOf(err))
		require.NotErrorIs(t, err, ErrForeignCallback)
		require.ErrorContains(t, err, "timeout")
		require.ErrorContains(t, err, "invalid_request: no such")
	})
}

// A page that floods the callback with errors fills no log. The login goes on.
func TestFloodOfCallbacks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		var logged bytes.Buffer
		r := newRig(t, w, &Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		r.person.answer = func(ctx context.Context, flow Flow) error {
			page, err := flow.AuthorizationURL(ctx, callbackURI)
			require.NoError(t, err)
			for range 100 {
				require.ErrorIs(t, flow.Complete(ctx, callbackURI+"?error=x"), ErrForeignCallback)
			}
			callback, err := w.Visit(ctx, page)
			require.NoError(t, err)
			return flow.Complete(ctx, callback)
		}
		require.NoError(t, r.client.Login(t.Context()))
		require.Equal(t, 8, strings.Count(logged.String(), "a callback was rejected"))
	})
}
