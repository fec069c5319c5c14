package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/transport"
)

// direct returns a transport without a proxy. It is closed at the end of the test.
func direct(t *testing.T) transport.Transport {
	t.Helper()
	network := transport.NewDirect(&transport.DirectOptions{NoProxy: true})
	t.Cleanup(func() { _ = network.Close() })
	return network
}

// A URL without a path means /mcp, unless the root path is an MCP endpoint.
func TestURLWithoutPath(t *testing.T) {
	origin := plainly(guarded(t, modern(), nil))
	for _, url := range []string{origin, origin + "/"} {
		r := succeeds(t, "tools", url)
		require.Equal(t, "there is no MCP endpoint at "+url+"; using "+origin+"/mcp\n", r.err)
		require.Contains(t, r.out, "brew")
	}
	closed := plainly(guarded(t, modern(), func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/mcp" && refuses("X-API-Key", "x", 401, "", "API key missing")(w, r)
	}))
	r := hawser(t, "tools", closed)
	require.Equal(t, exitAuth, r.code)
	require.Contains(t, r.err, "using "+closed+"/mcp\nhawser: cannot connect to "+closed+"/mcp: HTTP status 401")
	none := page(t, http.StatusNotFound, "text/plain", "no")
	r = hawser(t, "tools", none)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "cannot connect to "+none+": HTTP status 404")
	root := mcptest.New(mcptest.Modern)
	srv := guarded(t, root, func(w http.ResponseWriter, r *http.Request) bool { root.ServeHTTP(w, r); return true })
	require.Empty(t, succeeds(t, "ping", plainly(srv)).err)
}

func TestRedirects(t *testing.T) {
	var target string
	origin := plainly(guarded(t, modern(), func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/mcp" {
			return false
		}
		http.Redirect(w, r, target, http.StatusFound)
		return true
	}))
	for to, hint := range map[string]string{
		"/mcp?key=secret":         "there is an MCP endpoint at " + origin + "/mcp",
		"/login":                  "the server sends browsers to a login page",
		"https://other.test/mcp/": "if you trust https://other.test, use its URL: hawser ping https://other.test/mcp/",
	} {
		target = to
		r := hawser(t, "tools", origin+"/old")
		require.Equal(t, exitRefused, r.code)
		require.NotContains(t, r.err, "secret")
		if to != "/mcp?key=secret" {
			require.Contains(t, r.err, "hint: "+hint)
			continue
		}
		require.Contains(t, r.err, "redirect 302 to "+origin+"/mcp not followed")
		require.Contains(t, r.err, "hint: use the new URL: hawser ping "+origin+"/mcp\n")
		succeeds(t, "ping", origin+"/mcp")
	}
}

// --cert, --key and --cacert reach a server that requires them.
func TestCertificates(t *testing.T) {
	front := guarded(t, modern(), nil)
	front.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	front.StartTLS()
	url, ca := front.URL+"/mcp", authority(t, front)
	cert, key, both := certificate(t)
	r := hawser(t, "ping", url)
	require.Contains(t, r.err, "hint: if the certificate is from your own authority, trust it with --cacert FILE\n")
	r = hawser(t, "ping", url, "--cacert", ca)
	require.Contains(t, r.err, "hint: the server requires a client certificate: --cert FILE --key FILE\n", r.err)
	succeeds(t, "ping", url, "--cacert", ca, "--cert", cert, "--key", key)
	succeeds(t, "ping", url, "--cacert", ca, "--cert", both)
	for _, wrong := range [][]string{
		{"--cacert", key}, {"--cacert", "none"}, {"--cert", "none"}, {"--key", key}, {"--cert", cert, "--key", cert},
		{"--cacert", ca, "--executor", "ws://127.0.0.1:1"},
	} {
		require.Equal(t, exitUsage, hawser(t, append([]string{"ping", url}, wrong...)...).code, wrong)
	}
}

// certificate writes a client certificate and its key to separate files and to one common file. It
// returns the three file names.
func certificate(t *testing.T) (cert, key, both string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	first := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	second := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	dir := t.TempDir()
	cert, key, both = filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "both")
	require.NoError(t, os.WriteFile(cert, first, 0o600))
	require.NoError(t, os.WriteFile(key, second, 0o600))
	require.NoError(t, os.WriteFile(both, append(first, second...), 0o600))
	return cert, key, both
}

// A hint proposes login where it helps. Login works even if the server requires it only for calls.
func TestLoginHints(t *testing.T) {
	for name, open := range map[string]bool{"every request": false, "only calls": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world, srv := authtest.New(t), modern()
				world.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
				t.Cleanup(srv.Close)
				url := world.Resource.URL
				network := world.Transport
				if open {
					network = openUntilCall{world.Transport, srv}
				}
				m := machine{transport: network, login: visits(world)}
				store := []string{"--store", filepath.Join(t.TempDir(), "tokens")}
				run := func(words ...string) result { return m.hawser(t, append(words, store...)...) }
				call := []string{"call", url, "brew", "tea=x"}
				r := run(call...)
				require.Equal(t, exitAuth, r.code, r.err)
				require.Contains(t, r.err, "hint: hawser login "+url)
				require.Equal(t, exitOK, run("login", url).code)
				require.Equal(t, exitOK, run(call...).code)
				world.Server.RevokeAll(true)
				r = run(call...)
				require.Equal(t, exitAuth, r.code, r.err)
				require.Contains(t, r.err, "hint: hawser login "+url, "the login expired")
				require.Equal(t, exitOK, run("login", url).code)
				require.Equal(t, exitOK, run(call...).code)
			})
		})
	}
}

// openUntilCall is a transport to a server that requires authorization only for tool calls.
type openUntilCall struct {
	transport.Transport
	srv http.Handler
}

func (o openUntilCall) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") == "" && r.URL.Path == "/mcp" && r.Header.Get("Mcp-Method") != "tools/call" {
		recorder := httptest.NewRecorder()
		o.srv.ServeHTTP(recorder, r)
		return recorder.Result(), r.Body.Close()
	}
	return o.Transport.RoundTrip(r)
}

// visits returns a login in which the user consents.
func visits(world *authtest.World) oauth.Login {
	return oauth.LoginFunc(func(ctx context.Context, flow oauth.Flow) error {
		page, err := flow.AuthorizationURL(ctx, "http://127.0.0.1:7777/callback")
		if err != nil {
			return err
		}
		callback, err := world.Visit(ctx, page)
		if err != nil {
			return err
		}
		return flow.Complete(ctx, callback)
	})
}

// --no-cookies drops the cookies that a session otherwise keeps.
func TestCookies(t *testing.T) {
	for flag, want := range map[string]string{"--json": "node=7", "--no-cookies": ""} {
		var last atomic.Value
		url := plainly(guarded(t, modern(), func(w http.ResponseWriter, r *http.Request) bool {
			last.Store(r.Header.Get("Cookie"))
			w.Header().Set("Set-Cookie", "node=7")
			return false
		})) + "/mcp"
		succeeds(t, "tools", url, flag)
		require.Equal(t, want, last.Load(), flag)
	}
}
