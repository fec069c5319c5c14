package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// onlyPost makes the server advertise two methods of client authentication and refuse the first.
func onlyPost(s *authtest.Script) {
	refreshing(s)
	s.Offers, s.Auth = []string{authBasic, authPost}, authPost
}

// A server advertises client_secret_basic and refuses it. The client falls back once to the next
// advertised method. It uses that method for later requests, and so does the next process.
func TestAdvertisedMethodThatFails(t *testing.T) {
	configured := Registration{ClientID: "me", ClientSecret: "SECRET"}
	login := []string{"authorization_code", "authorization_code", "refresh_token", "refresh_token", "authorization_code"}
	for name, c := range map[string]struct {
		cfg    Config
		grants []string // of the token requests
	}{
		"registered dynamically": {Config{}, login},
		"configured":             {Config{Registration: configured}, login},
		"client credentials":     {Config{Registration: configured, Grant: ClientCredentials{}}, slices.Repeat([]string{"client_credentials"}, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(onlyPost)
				w.Server.AddClient("me", "SECRET", callbackURI)
				c.cfg.Store = NewMemoryStore()
				r := newRig(t, w, &c.cfg)
				r.mustCall()
				w.Server.RevokeAll(false)
				r.mustCall()
				w.Server.RevokeAll(true)
				newRig(t, w, &c.cfg).mustCall()
				var grants []string
				for i, try := range w.Server.Requests("/token") {
					grants = append(grants, try.Form.Get("grant_type"))
					require.Equal(t, i == 0, try.Header.Get("Authorization") != "", "only the first request uses the header")
					require.Equal(t, i == 0, try.Form.Get("client_secret") == "")
				}
				require.Equal(t, c.grants, grants)
			})
		})
	}
}

// The next method is one that the server advertises and that uses the client's secret. A client
// never falls back from a key, to no authentication, or from what the user configured.
func TestOtherMethod(t *testing.T) {
	both := []string{authBasic, authPost}
	refused := &Error{Kind: KindRefused, Code: codeInvalidClient}
	for name, c := range map[string]struct {
		cfg     Registration
		who     registered
		offered []string
		err     error
		want    string
	}{
		"basic failed":                {Registration{}, registered{secret: "s"}, both, refused, authPost},
		"post failed":                 {Registration{}, registered{secret: "s", authMethod: authPost}, both, refused, authBasic},
		"the header was not read":     {Registration{}, registered{secret: "s"}, both, &Error{Kind: KindRefused, Code: codeInvalidRequest}, authPost},
		"401 without a code":          {Registration{}, registered{secret: "s"}, both, &Error{Kind: KindResponse, Status: http.StatusUnauthorized}, authPost},
		"a secret not asked for":      {Registration{}, registered{secret: "s", authMethod: authNone}, []string{authNone, authPost}, refused, authPost},
		"the default of RFC 8414":     {Registration{}, registered{secret: "s", authMethod: authPost}, nil, refused, authBasic},
		"not advertised":              {Registration{}, registered{secret: "s"}, []string{authBasic}, refused, ""},
		"not advertised, no list":     {Registration{}, registered{secret: "s"}, nil, refused, ""},
		"never to none":               {Registration{}, registered{secret: "s"}, []string{authBasic, authNone}, refused, ""},
		"a public client":             {Registration{}, registered{}, both, refused, ""},
		"a key":                       {Registration{Key: &ClientKey{}}, registered{secret: "s"}, both, refused, ""},
		"a key, registered":           {Registration{Key: &ClientKey{}}, registered{secret: "s", authMethod: authPrivateKey}, both, refused, ""},
		"configured":                  {Registration{ClientID: "c", AuthMethod: authBasic}, registered{secret: "s", authMethod: authBasic}, both, refused, ""},
		"the code was refused":        {Registration{}, registered{secret: "s"}, both, &Error{Kind: KindRefused, Code: codeInvalidGrant}, ""},
		"401, the code was refused":   {Registration{}, registered{secret: "s"}, both, &Error{Kind: KindRefused, Code: codeInvalidGrant, Status: http.StatusUnauthorized}, ""},
		"the server was down":         {Registration{}, registered{secret: "s"}, both, &Error{Kind: KindNetwork}, ""},
		"the server accepted":         {Registration{}, registered{secret: "s"}, both, nil, ""},
		"a token of an unknown shape": {Registration{}, registered{secret: "s"}, both, &Error{Kind: KindResponse, Status: http.StatusOK}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := NewClient(publicEndpoint, nil)
			require.NoError(t, err)
			defer client.Close()
			client.cfg.Registration = c.cfg
			req := &tokenRequest{who: &c.who, at: &target{server: &ServerMetadata{TokenAuthMethods: c.offered}}}
			require.Equal(t, c.want, client.otherMethod(req, c.err))
			req.endpoint = "https://idp.example/token" // its metadata are not known
			require.Empty(t, client.otherMethod(req, c.err))
			req.who = nil
			require.Empty(t, client.otherMethod(req, c.err))
		})
	}
}

// The server uses up the code although it refuses the client. The login fails with both answers,
// and the next login begins with the method that works.
func TestCodeLostWithTheFirstMethod(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(onlyPost)
		r := newRig(t, w, nil)
		w.Server.Change(func(s *authtest.Script) {
			s.Token = func(form url.Values) (int, string) {
				if form.Get("client_id") == "" {
					return http.StatusUnauthorized, `{"error":"invalid_client"}`
				}
				return http.StatusBadRequest, `{"error":"invalid_grant"}`
			}
		})
		err := r.call(t.Context())
		require.Equal(t, codeInvalidGrant, codeOf(err))
		require.ErrorContains(t, err, "client_secret_basic: invalid_client; client_secret_post: invalid_grant")
		w.Server.Change(func(s *authtest.Script) { s.Token = nil })
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/token"), 3)
		require.Len(t, w.Server.Requests("/register"), 1, "the server knows the client")
	})
}

// If both methods are refused, the error is that of the first, and the registration is forgotten. A
// failure during the second try says nothing about the client.
func TestBothMethodsFail(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(onlyPost)
		r := newRig(t, w, nil)
		r.mustCall()
		answer, busy := `{"error":"invalid_client","error_description":"first"}`, true
		w.Server.Change(func(s *authtest.Script) {
			s.Auth, s.Offers = authBasic, []string{authPost, authBasic}
			s.Token = func(form url.Values) (int, string) {
				if busy && form.Get("client_id") == "" {
					return http.StatusServiceUnavailable, ""
				}
				return http.StatusUnauthorized, answer
			}
		})
		time.Sleep(2 * time.Hour)
		before := r.client.held.Load()
		require.Equal(t, KindNetwork, KindOf(r.call(t.Context())))
		require.True(t, before.isRefreshable())
		busy = false
		err := r.client.renew(t.Context(), before, nil)
		require.Equal(t, codeInvalidClient, codeOf(err))
		require.ErrorContains(t, err, "first: client_secret_post: invalid_client; client_secret_basic: invalid_client")
		require.False(t, before.isRefreshable())
		r.mustFail(codeInvalidClient)
		w.Server.Change(func(s *authtest.Script) { s.Token = nil })
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/register"), 3)
	})
}

// mustFail calls the resource and fails the test unless the server refuses with the code.
func (r *rig) mustFail(code string) {
	r.t.Helper()
	require.Equal(r.t, code, codeOf(r.call(r.t.Context())))
}

// What worked is used only while the server advertises it. Logout forgets it.
func TestWorkaroundIsForgotten(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(onlyPost)
		w.Server.AddClient("me", "SECRET", callbackURI)
		cfg := &Config{Store: NewMemoryStore(), Registration: Registration{ClientID: "me", ClientSecret: "SECRET"}}
		r := newRig(t, w, cfg)
		r.mustCall()

		w.Server.Change(func(s *authtest.Script) { s.Auth, s.Offers = authBasic, []string{authBasic} })
		require.NoError(t, newRig(t, w, cfg).client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/token"), 3)

		w.Server.Change(func(s *authtest.Script) { s.Offers = []string{authBasic, authPost} })
		require.NoError(t, r.client.Logout(t.Context()))
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/token"), 4)
	})
}
