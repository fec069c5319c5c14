package peers_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// A user logs in with a browser at a third-party authorization server. hawser then uses, refreshes
// and revokes the tokens.
func TestHawserLogsIn(t *testing.T) {
	for name, dpop := range map[string]bool{"bearer": false, "DPoP with nonces": true} {
		t.Run(name, func(t *testing.T) {
			server := peer.StartOIDC(t, peer.OIDCSettings{Nonce: dpop})
			resource := protect(t, server.Issuer, dpop)
			cli := hawserAgainst(t, resource.URL)
			store := []string{"--store", filepath.Join(t.TempDir(), "tokens")}
			echo := hawserRun{args: []string{`{"a":1}`}, out: []string{`{"a":1}`}}

			cli.check(t, hawserRun{args: store, code: 5, err: []string{"hint: hawser login " + resource.URL}}, "tools")
			out := logIn(t, cli, store)
			for _, part := range []string{"logged in to " + resource.URL, server.Issuer, resourceScope} {
				if !strings.Contains(out, part) {
					t.Errorf("%q is not in the output of login:\n%s", part, out)
				}
			}
			cli.check(t, hawserRun{args: append(store, "--json"), out: []string{`"refreshable":true`}}, "whoami")
			cli.check(t, echo, "call", append([]string{"echo"}, store...)...)
			for range 2 { // the second refresh uses the refresh token that the first one returned
				resource.refuseIssued()
				cli.check(t, echo, "call", append([]string{"echo"}, store...)...)
			}
			server.WaitLog("refresh_token.consumed", 2)
			server.WaitLog("registration_create.success", 1)
			cli.check(t, hawserRun{args: store, err: []string{"logged out of " + resource.URL}}, "logout")
			server.WaitLog("grant.revoked", 1)
			cli.check(t, hawserRun{args: store, code: 5, err: []string{"not logged in"}}, "whoami")
			cli.check(t, hawserRun{args: append([]string{"echo", "{}"}, store...), code: 5}, "call")
			if strings.Contains(server.Log(), "server_error") {
				t.Errorf("the authorization server reports errors:\n%s", server.Log())
			}
		})
	}
}

// logIn runs `hawser login` and plays the user in the browser. It returns the output of the
// command.
func logIn(t *testing.T, cli hawserCLI, args []string) string {
	t.Helper()
	return logInWith(t, cli, args, func(page string) (string, error) { return consent(peer.Browser(t), page) })
}

// logInWith runs `hawser login` and calls visit with the URL that it prints. visit plays the user
// in the browser and returns the text of the last page. logInWith returns the output of the
// command.
func logInWith(t *testing.T, cli hawserCLI, args []string, visit func(page string) (string, error)) string {
	t.Helper()
	l := beginLogin(t, cli, args)
	final, err := visit(l.page)
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	text := <-l.rest
	if err := l.cmd.Wait(); err != nil {
		t.Fatalf("login: %v\n%s\nthe browser shows:\n%s", err, text, final)
	}
	if !strings.Contains(final, "You are signed in") {
		t.Errorf("the browser finally shows:\n%s", final)
	}
	return l.out.String()
}

// runningLogin is a `hawser login` that waits for the user.
type runningLogin struct {
	cmd  *exec.Cmd
	page string       // the URL that it printed
	told string       // its stderr up to the URL
	out  bytes.Buffer // its output
	rest chan string  // receives the rest of its stderr
}

func beginLogin(t *testing.T, cli hawserCLI, args []string) *runningLogin {
	t.Helper()
	l := &runningLogin{cmd: cli.command(t, "login", append([]string{"--no-browser"}, args...)...), rest: make(chan string, 1)}
	l.cmd.Stdout = &l.out
	stderr, err := l.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(stderr)
	l.page, l.told = printedURL(t, output)
	go func() { text, _ := io.ReadAll(output); l.rest <- string(text) }()
	return l
}

var authorizationURL = regexp.MustCompile(`http://127\.0\.0\.1:\d+/auth(?:orize)?\?\S+`)

// printedURL reads the login URL that hawser prints. told is all that it printed so far.
func printedURL(t *testing.T, r *bufio.Reader) (page, told string) {
	t.Helper()
	var all strings.Builder
	for {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if url := authorizationURL.FindString(line); url != "" {
			return url, all.String()
		}
		if err != nil {
			t.Fatalf("login printed no URL: %v\n%s", err, all.String())
		}
	}
}

// consent logs in on the authorization server's pages and consents. It returns the text of the
// final page. If HAWSER_SCREENSHOT is set, consent writes a screenshot of that page to the file it
// names.
func consent(browser context.Context, page string) (final string, err error) {
	var picture []byte
	err = chromedp.Run(browser,
		chromedp.Navigate(page),
		chromedp.SendKeys(`input[name="login"]`, "ada", chromedp.ByQuery),
		chromedp.SendKeys(`input[name="password"]`, "countess", chromedp.ByQuery),
		chromedp.Click(`button[type="submit"]`, chromedp.ByQuery),
		chromedp.WaitVisible(`//*[contains(text(), "Authorize")]`, chromedp.BySearch),
		chromedp.Click(`button[type="submit"]`, chromedp.ByQuery),
		chromedp.WaitVisible(`main`, chromedp.ByQuery),
		chromedp.Text(`body`, &final, chromedp.ByQuery),
		chromedp.CaptureScreenshot(&picture),
	)
	if file := os.Getenv("HAWSER_SCREENSHOT"); file != "" && err == nil {
		err = os.WriteFile(file, picture, 0o600)
	}
	return final, err
}

// A program without a user logs in with client credentials, authenticated by a private key.
func TestHawserLogsInWithAKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	part := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	server := peer.StartOIDC(t, peer.OIDCSettings{Clients: []map[string]any{{
		"client_id": "robot", "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
		"grant_types": []string{"client_credentials"}, "response_types": []string{}, "redirect_uris": []string{}, "scope": resourceScope,
		"jwks": map[string]any{"keys": []map[string]any{{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": part(public[1:33]), "y": part(public[33:])}}},
	}}})
	resource := protect(t, server.Issuer, false)
	cli := hawserAgainst(t, resource.URL)
	file := filepath.Join(t.TempDir(), "key.pem")
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	robot := []string{"--grant", "client-credentials", "--client-id", "robot", "--client-key-file", file, "--store", filepath.Join(t.TempDir(), "tokens")}
	cli.check(t, hawserRun{args: robot, out: []string{"logged in to " + resource.URL, "robot"}}, "login")
	cli.check(t, hawserRun{args: append([]string{"echo", `{"b":2}`}, robot...), out: []string{`{"b":2}`}}, "call")
	server.WaitLog("grant.success client_credentials", 2)
}
