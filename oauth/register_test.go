package oauth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

const webRedirect = "https://app.example.com/cb"

func newRegistrar(t *testing.T, r Registration, rt http.RoundTripper) *registrar {
	t.Helper()
	return &registrar{fetcher: newFetcher(t, publicEndpoint, rt), client: &r}
}

// desk is a registration endpoint. It sends the given responses in order, and records the requests.
type desk struct {
	status  int
	answers []string
	wishes  []clientMetadata
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var wish clientMetadata
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&wish) != nil {
		http.Error(w, "no JSON", http.StatusUnsupportedMediaType)
		return
	}
	d.wishes = append(d.wishes, wish)
	status, text := d.status, d.answers[min(len(d.wishes), len(d.answers))-1]
	if strings.Contains(text, `"error"`) && status == 0 {
		status = http.StatusBadRequest
	}
	if status == 0 {
		status = http.StatusCreated
	}
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

func TestRegisteredMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		redirect, name string
		server         ServerMetadata
		want           clientMetadata
	}{
		"loopback": {
			callbackURI, "", ServerMetadata{},
			clientMetadata{"Hawser", []string{callbackURI}, "native", []string{"authorization_code", "refresh_token"}, []string{"code"}, "client_secret_basic", ""}, // the default of RFC 8414
		},
		"no metadata": {
			callbackURI, "", ServerMetadata{Guessed: true},
			clientMetadata{"Hawser", []string{callbackURI}, "native", []string{"authorization_code", "refresh_token"}, []string{"code"}, "none", ""},
		},
		"public": {
			callbackURI, "", ServerMetadata{TokenAuthMethods: []string{"client_secret_basic", "none"}},
			clientMetadata{"Hawser", []string{callbackURI}, "native", []string{"authorization_code", "refresh_token"}, []string{"code"}, "none", ""},
		},
		"localhost": {
			"http://localhost:1/cb", "Me", ServerMetadata{TokenAuthMethods: []string{"client_secret_post", "client_secret_basic"}},
			clientMetadata{"Me", []string{"http://localhost:1/cb"}, "native", []string{"authorization_code", "refresh_token"}, []string{"code"}, "client_secret_basic", ""},
		},
		"web": {
			webRedirect, "", ServerMetadata{TokenAuthMethods: []string{"client_secret_post"}, GrantTypes: []string{"refresh_token"}},
			clientMetadata{"Hawser", []string{webRedirect}, "web", []string{"authorization_code", "refresh_token"}, []string{"code"}, "client_secret_post", ""},
		},
		"no refresh, nothing known": {
			webRedirect, "", ServerMetadata{TokenAuthMethods: []string{"tls_client_auth"}, GrantTypes: []string{"authorization_code"}},
			clientMetadata{"Hawser", []string{webRedirect}, "web", []string{"authorization_code"}, []string{"code"}, "", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{answers: []string{`{"client_id":"c"}`}}
			c.server.Issuer, c.server.RegistrationEndpoint = asOrigin, asOrigin+"/register"
			who, err := newRegistrar(t, Registration{Name: c.name}, &web{handler: d.ServeHTTP}).register(t.Context(), &c.server, c.redirect, nil)
			require.NoError(t, err)
			require.Equal(t, []clientMetadata{c.want}, d.wishes)
			require.Equal(t, registered{clientID: "c", authMethod: authNone, redirectURIs: []string{c.redirect}, issuer: asOrigin}, *who)
		})
	}
}

func TestRegistrationReplies(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		text   string
		kind   Kind // the expected kind of error; 0 if the reply is accepted
		says   string
		want   registered
	}{
		"secret":           {0, `{"client_id":"c","client_secret":"SECRET","client_secret_expires_at":0,"redirect_uris":["` + webRedirect + `","x"]}`, 0, "", registered{clientID: "c", secret: "SECRET"}},
		"expires":          {0, `{"client_id":"c","client_secret":"SECRET","client_secret_expires_at":1e9,"token_endpoint_auth_method":"client_secret_post"}`, 0, "", registered{clientID: "c", secret: "SECRET", authMethod: authPost, expires: time.Unix(1e9, 0)}},
		"expires, public":  {http.StatusOK, `{"client_id":"c","client_secret_expires_at":5,"token_endpoint_auth_method":"none"}`, 0, "", registered{clientID: "c", authMethod: authNone}},
		"milliseconds":     {0, `{"client_id":"c","client_secret":"SECRET","client_secret_expires_at":1700000000000}`, 0, "", registered{clientID: "c", secret: "SECRET", expires: time.Unix(1.7e9, 0)}},
		"nanoseconds":      {0, `{"client_id":"c","client_secret":"SECRET","client_secret_expires_at":1700000000000000000}`, 0, "", registered{clientID: "c", secret: "SECRET", expires: time.Unix(1.7e9, 0)}},
		"far":              {0, `{"client_id":"c","client_secret":"SECRET","client_secret_expires_at":9999999999}`, 0, "", registered{clientID: "c", secret: "SECRET", expires: time.Unix(9999999999, 0)}},
		"beyond time":      {0, `{"client_id":"c","client_secret":"SECRET","client_secret_expires_at":1e300}`, 0, "", registered{clientID: "c", secret: "SECRET"}},
		"no id":            {0, `{"client_secret":"SECRET"}`, KindResponse, "client_id", registered{}},
		"id with escapes":  {0, `{"client_id":"c\u001b[31m"}`, KindResponse, "client_id", registered{}},
		"long id":          {0, `{"client_id":"` + strings.Repeat("c", maxClientID+1) + `"}`, KindResponse, "client_id", registered{}},
		"long secret":      {0, `{"client_id":"c","client_secret":"` + strings.Repeat("c", maxClientID+1) + `"}`, KindResponse, "limit", registered{}},
		"other redirect":   {0, `{"client_id":"c","redirect_uris":["https://evil.example.com/cb"]}`, KindResponse, "redirect URI", registered{}},
		"unknown method":   {0, `{"client_id":"c","client_secret":"SECRET","token_endpoint_auth_method":"tls_client_auth"}`, KindResponse, "tls_client_auth", registered{}},
		"secret missing":   {0, `{"client_id":"c","token_endpoint_auth_method":"client_secret_post"}`, KindResponse, "client_secret", registered{}},
		"wish repeated":    {0, `{"client_id":"c","token_endpoint_auth_method":"client_secret_basic"}`, 0, "", registered{clientID: "c", authMethod: authNone}},
		"negative expiry":  {0, `{"client_id":"c","client_secret":"SECRET","client_secret_expires_at":-1}`, 0, "", registered{clientID: "c", secret: "SECRET"}},
		"expiry in words":  {0, `{"client_id":"c","client_secret":"SECRET","client_secret_expires_at":"never"}`, 0, "", registered{clientID: "c", secret: "SECRET"}},
		"no redirect list": {0, `{"client_id":"c","redirect_uris":"x","client_name":7}`, 0, "", registered{clientID: "c", authMethod: authNone}},
		"wrong types":      {0, `{"client_id":["c"]}`, KindResponse, `client_id has the wrong type: expected "string", got "array"`, registered{}},
		"HTML":             {0, `<html>`, KindResponse, "JSON", registered{}},
		"too long":         {0, `{"client_id":"c","x":"` + strings.Repeat("x", maxDocument) + `"}`, KindResponse, "limit", registered{}},
		"refused":          {0, `{"error":"access_denied","error_description":"not\u001b[31m you"}`, KindRegistration, "access_denied: not", registered{}},
		"refused, 200":     {http.StatusOK, `{"error":"access_denied","client_id":"c"}`, KindRegistration, "access_denied", registered{}},
		"refused, HTML":    {http.StatusForbidden, `<html>`, KindRegistration, "status 403", registered{}},
		"refused, text":    {http.StatusForbidden, "Forbidden:\nnot on the list", KindRegistration, "/register: Forbidden: not on the list (a client ID", registered{}},
		"redirected":       {http.StatusTemporaryRedirect, ``, KindResponse, "redirect 307", registered{}},
		"busy":             {http.StatusTooManyRequests, ``, KindNetwork, "status 429", registered{}},
		"down":             {http.StatusBadGateway, `{"error":"x"}`, KindNetwork, "status 502", registered{}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{status: c.status, answers: []string{c.text}}
			server := &ServerMetadata{Issuer: asOrigin, RegistrationEndpoint: asOrigin + "/register"}
			who, err := newRegistrar(t, Registration{}, &web{handler: d.ServeHTTP}).register(t.Context(), server, webRedirect, nil)
			require.Equal(t, c.kind, KindOf(err), "%v", err)
			require.Len(t, d.wishes, 1)
			if c.kind != 0 {
				require.ErrorContains(t, err, c.says)
				require.NotContains(t, err.Error(), "SECRET")
				require.NotContains(t, err.Error(), "\x1b")
				return
			}
			c.want.issuer, c.want.redirectURIs = asOrigin, []string{webRedirect}
			require.Equal(t, c.want, *who)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", who, *who, registration{Secret: "SECRET"}), "SECRET")
		})
	}
}

// Some servers support only one application type. Some accept only public clients, but do not say
// so in their metadata. The client tries other metadata with such servers.
func TestRegistrationIsAdjusted(t *testing.T) {
	const (
		redirect = `{"error":"invalid_redirect_uri","error_description":"first"}`
		metadata = `{"error":"invalid_client_metadata","error_description":"first"}`
		second   = `{"error":"invalid_client_metadata","error_description":"second"}`
		good     = `{"client_id":"c"}`
	)
	basic, none, public := "native client_secret_basic", "native none", []string{authNone}
	for name, c := range map[string]struct {
		offered, answers, wishes []string
		says                     string // part of the expected error; empty if the registration succeeds
	}{
		"another type":             {nil, []string{redirect, good}, []string{basic, "web client_secret_basic"}, ""},
		"another type, public":     {public, []string{metadata, good}, []string{none, "web none"}, ""},
		"public clients only":      {nil, []string{metadata, good}, []string{basic, none}, ""},
		"web clients only":         {nil, []string{metadata, second, good}, []string{basic, none, "web client_secret_basic"}, ""},
		"refused for good":         {nil, []string{metadata, second}, []string{basic, none, "web client_secret_basic"}, "first"},
		"refused for good, public": {public, []string{redirect, second}, []string{none, "web none"}, "first"},
		"another reason":           {nil, []string{`{"error":"unapproved_software_statement"}`}, []string{basic}, "unapproved"},
		"another reason then":      {nil, []string{metadata, `{"error":"access_denied"}`}, []string{basic, none}, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{answers: c.answers}
			server := &ServerMetadata{Issuer: asOrigin, RegistrationEndpoint: asOrigin + "/register", TokenAuthMethods: c.offered}
			_, err := newRegistrar(t, Registration{}, &web{handler: d.ServeHTTP}).register(t.Context(), server, callbackURI, nil)
			var wishes []string
			for _, wish := range d.wishes {
				wishes = append(wishes, wish.ApplicationType+" "+wish.AuthMethod)
			}
			require.Equal(t, c.wishes, wishes)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.Equal(t, KindRegistration, KindOf(err))
		})
	}
}

// A server that refuses the scope of a registration is asked once more without it.
func TestRegistrationWithoutScope(t *testing.T) {
	const good = `{"client_id":"c"}`
	for name, c := range map[string]struct {
		answers, wishes []string // wishes are the scopes of the requests, with their methods
	}{
		"accepted":                 {[]string{good}, []string{"a b native"}},
		"invalid_client_metadata":  {[]string{`{"error":"invalid_client_metadata"}`, good}, []string{"a b native", " native"}},
		"invalid_scope":            {[]string{`{"error":"invalid_scope"}`, good}, []string{"a b native", " native"}},
		"insufficient_scope":       {[]string{`{"error":"insufficient_scope","error_description":"Policy 'Allowed Client Scopes' rejected"}`, good}, []string{"a b native", " native"}},
		"only in the text":         {[]string{`{"error":"invalid_request","error_description":"Scope b is not allowed"}`, good}, []string{"a b native", " native"}},
		"another reason":           {[]string{`{"error":"access_denied"}`}, []string{"a b native"}},
		"of another type as well":  {[]string{`{"error":"invalid_client_metadata"}`, `{"error":"invalid_client_metadata"}`, good}, []string{"a b native", " native", " web"}},
		"another type and a scope": {[]string{`{"error":"invalid_redirect_uri"}`, good}, []string{"a b native", "a b web"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{answers: c.answers}
			server := &ServerMetadata{Issuer: asOrigin, RegistrationEndpoint: asOrigin + "/register", TokenAuthMethods: []string{authNone}}
			who, err := newRegistrar(t, Registration{}, &web{handler: d.ServeHTTP}).register(t.Context(), server, callbackURI, []string{"a", "b"})
			var wishes []string
			for _, wish := range d.wishes {
				wishes = append(wishes, wish.Scope+" "+wish.ApplicationType)
			}
			require.Equal(t, c.wishes, wishes)
			if c.answers[len(c.answers)-1] != good {
				require.Equal(t, KindRegistration, KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, strings.Fields(d.wishes[len(d.wishes)-1].Scope), append([]string{}, who.scopes...))
		})
	}
}

// Without dynamic registration, the client uses a configured client ID or, if there is none, its
// metadata document.
func TestIdentityOfTheConfiguration(t *testing.T) {
	const document = "https://me.example.com/client.json"
	portable := &ServerMetadata{Issuer: asOrigin, ClientIDMetadata: true, RegistrationEndpoint: asOrigin + "/register"}
	plain := &ServerMetadata{Issuer: asOrigin}
	for name, c := range map[string]struct {
		config Registration
		server *ServerMetadata
		want   registered
		says   string // part of the error
	}{
		"client id":            {Registration{ClientID: "c", ClientSecret: "s", AuthMethod: authPost, MetadataURL: document}, portable, registered{clientID: "c", secret: "s", authMethod: authPost}, ""},
		"of its issuer":        {Registration{ClientID: "c", Issuer: asOrigin}, plain, registered{clientID: "c"}, ""},
		"of its issuer, slash": {Registration{ClientID: "c", Issuer: asOrigin + "/"}, plain, registered{clientID: "c"}, ""},
		"of another issuer":    {Registration{ClientID: "c", Issuer: asOrigin + "/t"}, portable, registered{}, "is for"},
		"document":             {Registration{MetadataURL: document}, portable, registered{clientID: document, authMethod: authNone}, ""},
		"document with a key":  {Registration{MetadataURL: document, Key: &ClientKey{}}, portable, registered{clientID: document, authMethod: authPrivateKey}, ""},
		"document, not known":  {Registration{MetadataURL: document}, plain, registered{}, "does not register clients"},
		"none given":           {Registration{}, plain, registered{}, "does not register clients"},
		"no dynamic":           {Registration{NoDynamic: true}, portable, registered{}, "dynamic registration is disabled"},
		"nobody to come back":  {Registration{}, portable, registered{}, "without a Login"},
		"registration is evil": {Registration{}, &ServerMetadata{Issuer: asOrigin, RegistrationEndpoint: "https://10.0.0.1/"}, registered{}, "without a Login"},
	} {
		t.Run(name, func(t *testing.T) {
			w := pages(nil)
			who, err := newRegistrar(t, c.config, w).register(t.Context(), c.server, "", nil)
			require.Empty(t, w.asked)
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				require.Equal(t, KindRegistration, KindOf(err))
				return
			}
			require.NoError(t, err)
			c.want.issuer = asOrigin
			require.Equal(t, c.want, *who)
		})
	}
}

// A client ID without a configured issuer belongs to the first server that it was used with.
// Neither this process nor another one sends its secret to a different server.
func TestClientIDStaysWithItsIssuer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		cfg := &Config{Store: NewMemoryStore(), Registration: Registration{ClientID: "c", ClientSecret: "SECRET"}}
		w.Server.AddClient("c", "SECRET", callbackURI)
		w.Server.Change(func(s *authtest.Script) { s.Auth = authBasic })
		first := newRig(t, w, cfg)
		first.mustCall()

		other := w.NewServer()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Servers = []*authtest.Server{other} })
		for _, r := range []*rig{first, newRig(t, w, cfg)} {
			err := r.call(t.Context())
			var bound *IssuerError
			require.ErrorAs(t, err, &bound)
			require.Equal(t, IssuerError{w.Server.Issuer, other.Issuer}, *bound)
			require.Equal(t, KindRegistration, KindOf(err))
			require.NotContains(t, err.Error(), "SECRET")
		}
		require.Empty(t, other.Requests("/token"))
		require.Empty(t, other.Requests("/authorize"))
	})
}

// After the client secret has expired, the next login registers again.
func TestRegistrationExpires(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.mustCall()
		data, version, err := r.client.store.Load(t.Context(), clientKey(w.Server.Issuer))
		require.NoError(t, err)
		stored := map[string]any{}
		require.NoError(t, json.Unmarshal(data, &stored))
		stored["expires"] = time.Now().Add(time.Hour)
		data, err = json.Marshal(stored)
		require.NoError(t, err)
		_, err = r.client.store.Save(t.Context(), clientKey(w.Server.Issuer), data, version)
		require.NoError(t, err)
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/register"), 1)
		time.Sleep(time.Hour)
		require.NoError(t, r.client.Login(t.Context()))
		require.Len(t, w.Server.Requests("/register"), 2)
	})
}

// The registered loopback redirect URI may come back with another port or normalized. Nothing else
// may differ.
func TestSameRedirect(t *testing.T) {
	for _, c := range []struct {
		registered, asked string
		want              bool
	}{
		{"http://127.0.0.1/callback", "http://127.0.0.1:7777/callback", true},
		{"http://127.0.0.1:80/callback", "http://127.0.0.1:7777/callback", true},
		{"http://LOCALHOST/callback", "http://localhost:7777/callback", true},
		{"http://[::1]/callback", "http://[::1]:7777/callback", true},
		{"http://127.0.0.1/", "http://127.0.0.1:7777", true},
		{"https://app.example/cb", "https://app.example/cb", true},
		{"https://app.example:444/cb", "https://app.example/cb", false},
		{"http://app.example/cb", "http://app.example:80/cb", false},
		{"https://127.0.0.1/callback", "http://127.0.0.1:7777/callback", false},
		{"http://127.0.0.1/other", "http://127.0.0.1:7777/callback", false},
		{"http://127.0.0.1/callback?x", "http://127.0.0.1:7777/callback", false},
		{"http://localhost/callback", "http://127.0.0.1:7777/callback", false},
		{"http://u@127.0.0.1/callback", "http://127.0.0.1:7777/callback", false},
		{"http://127.0.0.1.evil.example/callback", "http://127.0.0.1:7777/callback", false},
		{"http://127.0.0.1/callback#x", "http://127.0.0.1:7777/callback", false},
		{"://", "http://127.0.0.1:7777/callback", false},
	} {
		require.Equal(t, c.want, sameRedirect(c.registered, c.asked), "%v", c)
	}
	d := &desk{answers: []string{`{"client_id":"c","redirect_uris":["http://127.0.0.1/callback"]}`}}
	server := &ServerMetadata{Issuer: asOrigin, RegistrationEndpoint: asOrigin + "/register"}
	who, err := newRegistrar(t, Registration{}, &web{handler: d.ServeHTTP}).register(t.Context(), server, callbackURI, nil)
	require.NoError(t, err)
	require.Equal(t, []string{callbackURI}, who.redirectURIs) // the URI that this client uses does not change
}
