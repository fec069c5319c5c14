package main

import (
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/oauth"
)

// If a login cannot work, the hint proposes something else, never another login.
func TestLoginThatCannotHelp(t *testing.T) {
	for name, c := range map[string]struct{ challenge, body, hint string }{
		"password": {`Basic realm="tea"`, "no", "the server takes a user name and a password: " + basicHint},
		"API key":  {"", "missing API key", "the server "},
		"nothing":  {"", "no", "the server offers no login; send the token or key that its operator gave you: " + bearerHint},
	} {
		origin := plainly(guarded(t, modern(), func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == "/mcp" && refuses("X", "x", http.StatusUnauthorized, c.challenge, c.body)(w, r)
		}))
		store := filepath.Join(t.TempDir(), "store")
		r := hawser(t, "login", origin+"/mcp", "--store", store, "--no-browser")
		require.Equal(t, exitAuth, r.code, r.err)
		require.Contains(t, r.err, "hint: "+c.hint, name)
		require.NotContains(t, r.err, "hint: hawser login", name)
		r = hawser(t, "tools", origin+"/mcp", "--store", store)
		require.Equal(t, exitAuth, r.code, r.err)
		require.Contains(t, r.err, "hint: "+c.hint, name)
	}
}

func TestFailedLoginHints(t *testing.T) {
	login, call := &cobra.Command{Use: "login"}, &cobra.Command{Use: "call"}
	for _, c := range []struct {
		cmd  *cobra.Command
		err  *oauth.Error
		code int
		hint string
	}{
		{login, &oauth.Error{Kind: oauth.KindRefused, Code: "invalid_client"}, exitAuth, "--client-id"},
		{login, &oauth.Error{Kind: oauth.KindRefused, Code: "invalid_scope"}, exitAuth, "--scope"},
		{login, &oauth.Error{Kind: oauth.KindRefused, Code: "access_denied"}, exitAuth, "access was denied"},
		{login, &oauth.Error{Kind: oauth.KindRefused, Code: "server_error"}, exitAuth, "hawser login URL --trace"},
		{login, &oauth.Error{Kind: oauth.KindMetadata}, exitAuth, "hawser login URL --trace"},
		{login, &oauth.Error{Kind: oauth.KindRegistration, Code: "invalid_redirect_uri"}, exitAuth, "hawser login URL --callback http://localhost:8976/callback"},
		{call, &oauth.Error{Kind: oauth.KindMetadata}, exitAuth, "hawser ping URL --trace"},
		{login, &oauth.Error{Kind: oauth.KindLogin}, exitAuth, "hawser login URL --no-browser"},
		{login, &oauth.Error{Kind: oauth.KindNetwork}, exitNotRun, "hawser login URL --trace"},
		{call, &oauth.Error{Kind: oauth.KindNetwork}, exitNotRun, "hawser ping URL --trace"},
		{call, &oauth.Error{Kind: oauth.KindRefused, Code: "invalid_grant"}, exitAuth, "hawser login URL"},
		{call, &oauth.Error{Kind: oauth.KindDeclined, Err: errors.New("no")}, exitAuth, "try again with: hawser login URL"},
		{call, &oauth.Error{Kind: oauth.KindStore}, exitUsage, storeHint},
	} {
		a := newApp(environment{lookup: func(string) (string, bool) { return "", false }})
		a.shown, a.network, a.found.login = "URL", new(witness), true
		f := a.authFailure(c.cmd, c.err, failure{})
		require.Equal(t, c.code, f.code, c.err.Error())
		require.Contains(t, f.hint, c.hint, c.err.Error())
	}
}

// Some authorization servers refuse the parameter resource. The hint names the flag that omits it,
// and later commands work with that flag.
func TestResourceIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, srv := authtest.New(t), modern()
		t.Cleanup(srv.Close)
		world.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
		world.Server.Change(func(s *authtest.Script) {
			s.NoResource, s.Refresh = world.Resource.URL, true
			s.Token = func(form url.Values) (int, string) {
				if form.Has("resource") {
					return http.StatusBadRequest, `{"error":"invalid_target"}`
				}
				return 0, ""
			}
		})
		m := machine{transport: world.Transport, login: visits(world)}
		store := []string{"--store", filepath.Join(t.TempDir(), "tokens")}
		r := m.hawser(t, append([]string{"login", world.Resource.URL}, store...)...)
		require.Equal(t, exitAuth, r.code, r.err)
		require.Contains(t, r.err, "(see --no-resource)")
		hint := regexp.MustCompile(`hint: try again with: hawser (login .*) \(each command`).FindStringSubmatch(r.err)
		require.NotNil(t, hint, r.err)
		r = m.hawser(t, strings.Fields(hint[1])...)
		require.Equal(t, exitOK, r.code, r.err)
		world.Server.RevokeAll(false)
		r = m.hawser(t, append([]string{"tools", world.Resource.URL, "--no-resource"}, store...)...)
		require.Equal(t, exitOK, r.code, r.err)
	})
}

// For a URL without a path, login, whoami and logout use /mcp.
func TestLoginWithoutPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, srv := authtest.New(t), modern()
		t.Cleanup(srv.Close)
		world.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
		origin := world.Resource.Origin
		m := machine{login: visits(world), transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "" && r.Method == http.MethodPost {
				return replies(http.StatusNotFound, nil, "").RoundTrip(r)
			}
			return world.Transport.RoundTrip(r)
		})}
		store := filepath.Join(t.TempDir(), "tokens")
		run := func(command string) result { return m.hawser(t, command, origin, "--store", store) }
		require.Contains(t, run("whoami").err, "not logged in to "+origin+"\nhint: hawser login "+origin+" --store "+store+"\n")
		r := run("login")
		require.Equal(t, exitOK, r.code, r.err)
		require.Contains(t, r.out, "logged in to "+origin+"/mcp\n")
		require.Contains(t, run("whoami").out, "logged in to "+origin+"/mcp\n")
		require.Equal(t, "logged out of "+origin+"/mcp\n", run("logout").err)
		require.Equal(t, "not logged in to "+origin+"\n", run("logout").err)
	})
}

// The trace shows the token request of a login, but neither the code nor the tokens.
func TestTraceOfLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, srv := authtest.New(t), modern()
		t.Cleanup(srv.Close)
		world.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
		m := machine{transport: world.Transport, login: visits(world)}
		r := m.hawser(t, "login", world.Resource.URL, "--store", filepath.Join(t.TempDir(), "tokens"), "--trace")
		require.Equal(t, exitOK, r.code, r.err)
		require.Regexp(t, `> \d+ POST http://127.0.0.1:\d+/token\n`, r.err)
		require.Contains(t, r.err, "Www-Authenticate: Bearer resource_metadata=")
		require.Contains(t, r.err, "application/x-www-form-urlencoded, ")
		for _, request := range world.Server.Requests("/token") {
			for _, name := range []string{"code", "code_verifier"} {
				require.NotEmpty(t, request.Form.Get(name))
				require.NotContains(t, r.err, request.Form.Get(name))
			}
		}
		for _, request := range world.Resource.Requests() {
			if token := request.Header.Get("Authorization"); token != "" {
				require.NotContains(t, r.err, token)
			}
		}
	})
}
