package oauth_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// leaks collects all output of a run, and all secrets that the run sent to servers or stored.
type leaks struct {
	mu      sync.Mutex
	shown   bytes.Buffer    // guarded by mu
	secrets map[string]bool // guarded by mu
}

func newLeaks() *leaks { return &leaks{secrets: map[string]bool{}} }

// Write implements io.Writer. It adds p to the output.
func (l *leaks) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown.Write(p)
}

func (l *leaks) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// show prints a public value, or an error and everything that it wraps, in all usual ways.
func (l *leaks) show(v any) {
	for _, verb := range []string{"%v\n", "%+v\n", "%#v\n", "%s\n", "%q\n"} {
		fmt.Fprintf(l, verb, v)
	}
	l.logger().Debug("shown", "v", v)
	text, _ := json.Marshal(v) //nolint:errchkjson // a value that cannot be marshaled has no JSON to check
	fmt.Fprintln(l, string(text))
	if err, ok := v.(error); ok && errors.Unwrap(err) != nil {
		l.show(errors.Unwrap(err))
	}
}

// use records secrets that must not be shown. It ignores short strings.
func (l *leaks) use(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= 8 {
			l.secrets[s] = true
		}
	}
}

// secretParameters are the names of secret parameters in requests to an authorization server and in
// callbacks.
var secretParameters = []string{
	"code", "code_verifier", "state", "refresh_token", "client_secret", "client_assertion", "assertion", "token", "subject_token",
}

// heard records the secrets in requests that a server received.
func (l *leaks) heard(requests []authtest.Request) {
	for _, r := range requests {
		for _, name := range secretParameters {
			l.use(r.Form[name]...)
		}
		l.use(r.Header.Values("DPoP")...)
		if _, credentials, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
			l.use(credentials)
		}
		if _, secret, ok := (&http.Request{Header: r.Header}).BasicAuth(); ok {
			plain, _ := url.QueryUnescape(secret)
			l.use(secret, plain)
		}
	}
}

// noting is a Store that records the secrets in the values it saves.
type noting struct {
	oauth.Store

	l *leaks
}

// Format hides the values, so that the test itself does not print secrets.
func (noting) Format(f fmt.State, _ rune) { fmt.Fprint(f, "a store") }

func (n noting) Save(ctx context.Context, key string, value []byte, version string) (string, error) {
	var stored map[string]any
	if json.Unmarshal(value, &stored) == nil {
		for _, name := range []string{"access_token", "refresh_token", "client_secret", "pkcs8"} {
			text, _ := stored[name].(string)
			n.l.use(text)
		}
	}
	return n.Store.Save(ctx, key, value, version)
}

// check fails the test if the output contains a secret, either plain or in a common encoding. It
// also requires at least atLeast recorded secrets.
func (l *leaks) check(t *testing.T, atLeast int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	shown := l.shown.String()
	require.GreaterOrEqual(t, len(l.secrets), atLeast, "too few secrets: the run does not test what it should")
	require.Greater(t, len(shown), 1000)
	for s := range l.secrets {
		for _, form := range []string{s, url.QueryEscape(s), base64.StdEncoding.EncodeToString([]byte(s)), hex.EncodeToString([]byte(s)), strings.Trim(fmt.Sprint([]byte(s)), "[]")} {
			if i := strings.Index(shown, form); i >= 0 {
				t.Errorf("the secret %q is shown: %s", s, shown[max(0, i-200):min(len(shown), i+100)])
			}
		}
	}
}

// echo returns a token or revocation endpoint that refuses every request with the given code. Its
// error description repeats all values of the request, and more.
func echo(code string, more ...string) func(form url.Values) (int, string) {
	return func(form url.Values) (int, string) {
		var all []string
		for _, values := range form {
			all = append(all, values...)
		}
		text, _ := json.Marshal(map[string]string{"error": code, "error_description": strings.Join(append(all, more...), " ")})
		return http.StatusBadRequest, string(text)
	}
}

// run performs the operations of a session's lifetime: calls, refreshes, refusals by all servers,
// and logout. It shows all errors and the configuration.
func (l *leaks) run(t *testing.T, s *stage, cfg *oauth.Config) {
	t.Helper()
	call := func() error {
		_, err := s.session.CallTool(t.Context(), "echo", nil)
		return err
	}
	fail := func(err error) { require.Error(t, err); l.show(err) }
	s.connect(t, mcpclient.Options{Logger: l.logger()})
	require.NoError(t, call())
	s.Server.RevokeAll(false)
	require.NoError(t, call())
	time.Sleep(time.Hour)
	require.NoError(t, call())
	for _, everything := range []any{cfg, *cfg, s.client, cfg.Registration, cfg.Registration.Key, cfg.Grant, cfg.Store} {
		l.show(everything)
	}
	status, err := s.client.Status(t.Context())
	require.NoError(t, err)
	l.show(status)

	s.Server.Change(func(script *authtest.Script) {
		script.Revoke = echo("invalid_request", "SECRETrobot")
		script.Callback = func(answer url.Values) {
			answer.Set("error", "invalid_scope")
			answer.Set("error_description", answer.Get("state")+" "+answer.Get("code"))
		}
	})
	for _, code := range []string{"invalid_grant", "invalid_client", "server_error"} {
		s.Server.Change(func(script *authtest.Script) { script.Token = echo(code, "SECRETrobot", strings.Repeat("x", 250)) })
		s.Server.RevokeAll(false)
		fail(call())
		fail(s.client.Login(t.Context()))
	}
	s.Server.Change(func(script *authtest.Script) { script.Token, script.Callback = nil, nil })
	require.NoError(t, s.client.Login(t.Context()))
	s.Server.RevokeAll(false)
	s.Resource.Change(func(script *authtest.ResourceScript) { script.RefuseAll = true })
	fail(call())
	require.NoError(t, s.client.Logout(t.Context()))
	s.declines.Store(true)
	fail(call())
	_ = s.session.Close() // fails: the resource also refuses the DELETE
	require.NoError(t, s.client.Close())
	fail(s.client.Login(t.Context()))
	l.heard(s.Server.Requests(""))
	l.heard(s.Resource.Requests())
}

// TestNoSecretIsShown checks that no log, error or printed value of a full run contains a secret
// that the run used.
func TestNoSecretIsShown(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	secret := oauth.Registration{ClientID: "robot", ClientSecret: "SECRETrobot"}
	for name, c := range map[string]struct {
		auth   string
		cfg    oauth.Config
		person bool // a person logs in; otherwise a Grant obtains tokens
	}{
		"login":              {"none", oauth.Config{}, true},
		"login, secret":      {"client_secret_post", oauth.Config{}, true},
		"login, DPoP":        {"client_secret_basic", oauth.Config{DPoP: oauth.DPoPAlways}, true},
		"client credentials": {"client_secret_basic", oauth.Config{Grant: oauth.ClientCredentials{}, Registration: secret}, false},
		"private_key_jwt": {"private_key_jwt", oauth.Config{Grant: oauth.ClientCredentials{}, Registration: oauth.Registration{
			ClientID: "robot", Key: &oauth.ClientKey{PEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		}}, false},
		"assertion": {"none", oauth.Config{Grant: oauth.JWTBearer{
			Assertion: func(context.Context) (string, error) { return "SECRETassertion" + rand.Text(), nil },
		}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLeaks()
				l.use(c.cfg.Registration.ClientSecret)
				if k := c.cfg.Registration.Key; k != nil {
					l.use(slices.Collect(strings.Lines(string(k.PEM)))[1:2]...)
				}
				c.cfg.Store, c.cfg.Logger = noting{oauth.NewMemoryStore(), l}, l.logger()
				s := newStage(t, mcptest.Modern, c.cfg)
				s.Server.AddClient("robot", "SECRETrobot")
				s.Server.Change(func(script *authtest.Script) {
					script.Auth, script.DPoP = c.auth, c.cfg.DPoP == oauth.DPoPAlways
					script.ExpectAssertion = func(url.Values) error { return nil }
				})
				l.run(t, s, &c.cfg)
				l.check(t, 5)
			})
		})
	}
}
