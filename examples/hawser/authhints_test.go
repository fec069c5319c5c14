package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// situation is a refused command whose hint leads to a login, after which the command works.
type situation struct {
	name string
	// arrange changes the world. It returns the transport of the machine, or nil for that of the
	// world.
	arrange func(t *testing.T, w *authtest.World, srv http.Handler) http.RoundTripper
	flags   []string
	// adds are flags that the user adds to the hinted command.
	adds []string
	// hint is what the hint begins with.
	hint string
}

// onlyCallsWith returns a transport to a server that refuses only calls without a token, with this
// challenge. Metadata of the resource is at /metadata only, if hidden is true.
func onlyCallsWith(w *authtest.World, srv http.Handler, challenge string, hidden bool) http.RoundTripper {
	open := openUntilCall{w.Transport, srv}
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		const place = "/.well-known/oauth-protected-resource/mcp"
		switch {
		case hidden && r.URL.Path == place:
			return replies(http.StatusNotFound, nil, "").RoundTrip(r)
		case r.URL.Path == "/metadata":
			moved := r.Clone(r.Context())
			moved.URL.Path = place
			return w.Transport.RoundTrip(moved)
		}
		resp, err := open.RoundTrip(r)
		if err == nil && resp.StatusCode == http.StatusUnauthorized {
			resp.Header.Set("Www-Authenticate", challenge)
		}
		return resp, err
	})
}

func situations() []situation {
	return []situation{
		{name: "every request is refused", hint: "hawser login URL --store STORE (or send"},
		{name: "only calls are refused", hint: "hawser login URL --store STORE (or send", arrange: func(_ *testing.T, w *authtest.World, srv http.Handler) http.RoundTripper {
			return onlyCallsWith(w, srv, "Bearer", false)
		}},
		{name: "only calls are refused, and only their challenge names the metadata",
			hint: "hawser login URL --store STORE --resource-metadata ORIGIN/metadata (or send",
			arrange: func(_ *testing.T, w *authtest.World, srv http.Handler) http.RoundTripper {
				w.Server.Change(func(s *authtest.Script) {
					s.Metadata = func(document map[string]any) { document["issuer"] = w.Server.Issuer }
				})
				return onlyCallsWith(w, srv, `Bearer error="invalid_token", resource_metadata="`+w.Resource.Origin+`/metadata"`, true)
			}},
		{name: "only calls are refused, for a scope", hint: "hawser login URL --store STORE --scope brew --scope tea:write (or send",
			arrange: func(_ *testing.T, w *authtest.World, srv http.Handler) http.RoundTripper {
				w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "brew" })
				return onlyCallsWith(w, srv, `Bearer scope="brew tea:write"`, false)
			}},
		{name: "the authorization server registers no clients", hint: "hawser login URL --store STORE --client-id ID with a client ID",
			adds: []string{"--client-id", "mine"},
			arrange: func(_ *testing.T, w *authtest.World, _ http.Handler) http.RoundTripper {
				w.Server.AddClient("mine", "", "http://127.0.0.1:7777/callback")
				w.Server.Change(func(s *authtest.Script) {
					s.Metadata = func(document map[string]any) { delete(document, "registration_endpoint") }
				})
				return nil
			}},
		{name: "the user has flags", flags: []string{"--client-id", "mine", "--scope", "a b", "--auth-param", "hd=it's mine"},
			hint: `hawser login URL --store STORE --client-id mine --auth-param 'hd=it'\''s mine' --scope 'a b' (or send`,
			arrange: func(_ *testing.T, w *authtest.World, _ http.Handler) http.RoundTripper {
				w.Server.AddClient("mine", "", "http://127.0.0.1:7777/callback")
				return nil
			}},
	}
}

// words splits a command line as a shell does.
func words(line string) []string {
	var all []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		var word strings.Builder
		for line != "" && line[0] != ' ' {
			switch {
			case line[0] == '\'':
				text, rest, _ := strings.Cut(line[1:], "'")
				word.WriteString(text)
				line = rest
			case line[0] == '\\':
				word.WriteByte(line[1])
				line = line[2:]
			default:
				word.WriteByte(line[0])
				line = line[1:]
			}
		}
		all = append(all, word.String())
	}
	return all
}

// hintIn returns the hint in the output of a failed command.
func hintIn(output string) string {
	_, hint, _ := strings.Cut(output, "hint: ")
	hint, _, _ = strings.Cut(hint, "\n")
	return hint
}

// Each hint leads to a login that works, and afterwards the refused command works.
func TestHintsLeadToALogin(t *testing.T) {
	for _, c := range situations() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world, srv := authtest.New(t), modern()
				world.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
				t.Cleanup(srv.Close)
				m := machine{transport: world.Transport, login: visits(world)}
				if c.arrange != nil {
					if network := c.arrange(t, world, srv); network != nil {
						m.transport = network
					}
				}
				store := filepath.Join(t.TempDir(), "tokens")
				call := append([]string{"call", world.Resource.URL, "brew", "tea=x", "--store", store}, c.flags...)
				r := m.hawser(t, call...)
				require.Equal(t, exitAuth, r.code, r.err)
				hint := hintIn(r.err)
				shown := strings.NewReplacer(world.Resource.URL, "URL", world.Resource.Origin, "ORIGIN", store, "STORE").Replace(hint)
				require.True(t, strings.HasPrefix(shown, c.hint), shown)
				text, _, _ := strings.Cut(strings.TrimPrefix(hint, "hawser "), " (or send")
				text, _, _ = strings.Cut(text, " --client-id ID")
				r = m.hawser(t, append(words(text), c.adds...)...)
				require.Equal(t, exitOK, r.code, "%s: %s", text, r.err)
				require.Contains(t, r.out, "logged in to ")
				r = m.hawser(t, append(call, c.adds...)...)
				require.Equal(t, exitOK, r.code, r.err)
			})
		})
	}
}

// A stored login lacks a scope that the server demands for a call. The hint leads to a login with
// that scope.
func TestHintForAScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, srv := authtest.New(t), modern()
		t.Cleanup(srv.Close)
		world.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
		m := machine{transport: world.Transport, login: visits(world)}
		store := filepath.Join(t.TempDir(), "tokens")
		run := func(args ...string) result { return m.hawser(t, append(args, "--store", store)...) }
		call := []string{"call", world.Resource.URL, "brew", "tea=x"}
		require.Equal(t, exitOK, run("login", world.Resource.URL).code)
		require.Equal(t, exitOK, run(call...).code)
		world.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "brew" })
		r := run(call...)
		require.Equal(t, exitAuth, r.code, r.err)
		require.Contains(t, r.err, "the token lacks the scope brew; get one with: hawser login ")
		_, login, _ := strings.Cut(hintIn(r.err), ": hawser ")
		require.Equal(t, exitOK, m.hawser(t, words(login)...).code, login)
		require.Equal(t, exitOK, run(call...).code)
	})
}

// If no login can begin, no hint proposes one, and each says what to do instead. That holds whether
// the user has logged in to other servers or not.
func TestNoLoginWhereItCannotHelp(t *testing.T) {
	for name, c := range map[string]struct {
		challenge string
		documents map[string]string
		cause     string
		hint      string
	}{
		"API key":        {"", nil, "401 Unauthorized: missing API key", "the server takes an API key: " + keyHint},
		"password":       {`Basic realm="x"`, nil, "401 Unauthorized", "the server takes a user name and a password: " + basicHint},
		"bearer":         {`Bearer realm="x"`, nil, "401 Unauthorized", "the server "},
		"broken promise": {`Bearer resource_metadata="ORIGIN/nothing"`, nil, "401 Unauthorized", "no login can begin: oauth: get resource metadata"},
		"other resource": {`Bearer resource_metadata="ORIGIN/prm"`, map[string]string{"/prm": `{"resource":"https://other.example/","authorization_servers":["ORIGIN"]}`},
			"401 Unauthorized", "no login can begin: oauth: get resource metadata"},
		"server down": {"Bearer", map[string]string{
			"/.well-known/oauth-protected-resource/mcp": `{"resource":"ORIGIN/mcp","authorization_servers":["http://127.0.0.1:1"]}`,
		}, "401 Unauthorized", "the authorization server cannot be reached: "},
		"no PKCE": {"Bearer", map[string]string{
			"/.well-known/oauth-protected-resource/mcp": `{"resource":"ORIGIN/mcp","authorization_servers":["ORIGIN"]}`,
			"/.well-known/oauth-authorization-server":   `{"issuer":"ORIGIN","authorization_endpoint":"ORIGIN/a","token_endpoint":"ORIGIN/t"}`,
		}, "401 Unauthorized", "no login can begin: oauth: log in"},
	} {
		t.Run(name, func(t *testing.T) {
			var origin string
			srv := modern()
			front := guarded(t, srv, func(w http.ResponseWriter, r *http.Request) bool {
				fill := strings.NewReplacer("ORIGIN", origin)
				if text, ok := c.documents[r.URL.Path]; ok {
					_, _ = w.Write([]byte(fill.Replace(text)))
					return true
				}
				return r.URL.Path == "/mcp" && refuses("X", "x", http.StatusUnauthorized, fill.Replace(c.challenge), "missing API key")(w, r)
			})
			origin = plainly(front)
			used := filepath.Join(t.TempDir(), "store")
			loggedIn(t, used)
			for _, store := range []string{filepath.Join(t.TempDir(), "none"), used} {
				r := hawser(t, "tools", origin+"/mcp", "--store", store)
				require.Equal(t, exitAuth, r.code, r.err)
				require.Contains(t, r.err, c.cause)
				require.True(t, strings.HasPrefix(hintIn(r.err), c.hint), r.err)
				require.NotContains(t, r.err, "hawser login")
			}
		})
	}
}

// loggedIn makes a store with a login to another server.
func loggedIn(t *testing.T, store string) {
	t.Helper()
	p := newProvider(t, nil)
	m := machine{login: p.user()}
	r := m.hawser(t, "login", p.url, "--store", store)
	require.Equal(t, exitOK, r.code, r.err)
}

// A hinted command keeps the flags that it needs, and no header.
func TestHintedCommand(t *testing.T) {
	a := newApp(environment{lookup: func(string) (string, bool) { return "", false }})
	a.shown = "https://mcp.example.com/mcp?"
	a.flags.headers = []string{"X-API-Key: secret"}
	a.flags.cacert, a.flags.executor = "my ca.pem", "ws://127.0.0.1:1"
	a.flags.auth = authFlags{port: 7, store: "$HOME", scopes: []string{"a", "b"}, params: []string{"x=1"}, noBrowser: true}
	const start = ` 'https://mcp.example.com/mcp?' --cacert 'my ca.pem' --executor ws://127.0.0.1:1 --store '$HOME'`
	require.Equal(t, "hawser ping"+start, a.command("ping"))
	require.Equal(t, "hawser login"+start+" --port 7 --auth-param x=1 --scope a --scope b", a.command("login"))
	require.Equal(t, "hawser login"+start+" --auth-param x=1 --scope a --callback http://localhost:1/ --scope b",
		a.command("login", "--callback", "http://localhost:1/", "--scope", "b"))
	for _, word := range []string{"", "a b", "it's", "$(id)", "`id`", "a;b", "~", "*", "#x", "!x", "\"x\"", `a\b`} {
		require.Equal(t, []string{word}, words(shellWord(word)), word)
	}
	require.Equal(t, "'a b'", shellWord("a\nb"))
}
