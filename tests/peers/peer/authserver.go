package peer

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// AuthServer is a running third-party authorization server.
type AuthServer struct {
	// Issuer is the issuer identifier, as the metadata of the server spells it.
	Issuer string
	// Upstream is the server that a proxy passes everything on to. It is nil for other servers.
	Upstream *AuthServer

	tb      testing.TB
	name    string
	again   func() // starts the program
	process *process
}

// ZitadelClient is the client that the example provider of zitadel/oidc knows. It is public.
const ZitadelClient = "native"

// StartZitadel builds the example provider of zitadel/oidc and starts it on a free port. It returns
// when the server accepts connections. The server has pages for login, rotation of refresh tokens,
// revocation and userinfo, but neither dynamic registration nor resource indicators. It knows the
// client ZitadelClient with the given loopback redirect URI, whose port may vary. The server is
// stopped at the end of the test.
func StartZitadel(tb testing.TB, redirectURI string) *AuthServer {
	tb.Helper()
	// The go command links it again only after changes.
	program := filepath.Join(modules(tb), ".cache", "zitadel")
	build := exec.CommandContext(tb.Context(), "go", "build", "-C", authServers(tb, "zitadel"), "-o", program, ".") //nolint:gosec // a local directory
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("peer: building the provider of zitadel/oidc: %v\n%s", err, output)
	}
	port := freePort(tb)
	s := &AuthServer{tb: tb, name: "zitadel/oidc", Issuer: fmt.Sprintf("http://127.0.0.1:%d/", port)}
	s.start("ready\n", []string{fmt.Sprintf("PORT=%d", port), "REDIRECT_URI=" + redirectURI}, program)
	return s
}

// StartSDKDemo starts the demo authorization server of the TypeScript SDK on a free port, for
// tokens of resource only. It returns when the server accepts connections. The server has dynamic
// registration and introspection, redirects back without showing a page, and issues no refresh
// tokens. The server is stopped at the end of the test.
func StartSDKDemo(tb testing.TB, resource string) *AuthServer {
	tb.Helper()
	port := freePort(tb)
	s := &AuthServer{tb: tb, name: "TypeScript SDK demo", Issuer: fmt.Sprintf("http://127.0.0.1:%d/", port)}
	s.start(fmt.Sprintf("listening on port %d\n", port), []string{fmt.Sprintf("PORT=%d", port), "RESOURCE=" + resource},
		bin(tb, "node"), authServers(tb, "sdk.mjs"))
	return s
}

// StartSDKProxy starts an authorization server of the TypeScript SDK that passes everything on to
// upstream, on a free port. client is the client ID at upstream. scopes are those that the proxy
// announces. It returns when the proxy accepts connections. The proxy is stopped at the end of the
// test.
func StartSDKProxy(tb testing.TB, upstream *AuthServer, client, redirectURI, scopes string) *AuthServer {
	tb.Helper()
	port := freePort(tb)
	s := &AuthServer{tb: tb, name: "TypeScript SDK proxy", Issuer: fmt.Sprintf("http://127.0.0.1:%d/", port), Upstream: upstream}
	s.start("ready\n", []string{
		fmt.Sprintf("PORT=%d", port), "UPSTREAM=" + upstream.Issuer, "CLIENT=" + client, "REDIRECT=" + redirectURI, "SCOPES=" + scopes,
	}, bin(tb, "node"), authServers(tb, "sdkproxy.mjs"))
	return s
}

// authServers returns the path of a file in the directory of the authorization servers.
func authServers(tb testing.TB, name string) string {
	tb.Helper()
	return filepath.Join(modules(tb), "..", "as", name)
}

// start runs the program and waits until it prints ready.
func (s *AuthServer) start(ready string, env []string, program string, args ...string) {
	s.tb.Helper()
	s.again = func() {
		s.tb.Helper()
		s.process = start(s.tb, env, program, args...)
		s.WaitLog(ready, 1)
	}
	s.again()
}

// Restart kills the server and starts it again on the same port, with an empty log. The server has
// then forgotten its tokens and the clients that have registered. Restart returns when it accepts
// connections.
func (s *AuthServer) Restart() {
	s.tb.Helper()
	s.process.kill()
	s.again()
}

// Log returns what the server has printed.
func (s *AuthServer) Log() string {
	text, _ := s.process.log.read()
	return text
}

// WaitLog waits until the log contains text the given number of times. It fails the test after a
// timeout.
func (s *AuthServer) WaitLog(text string, times int) {
	s.tb.Helper()
	if err := s.process.waitFor(text, times); err != nil {
		s.tb.Fatalf("%s: %v; its log:\n%s", s.name, err, s.Log())
	}
}
