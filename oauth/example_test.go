package oauth_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/transport"
)

// A service authenticates with client credentials. The oauth.Client finds the authorization server,
// obtains a token, and attaches the token to requests of an HTTP client.
func ExampleClient_RoundTripper() {
	server := startProtected()
	defer server.Close()
	network := transport.NewDirect(nil)
	defer network.Close()
	auth, err := oauth.NewClient(server.URL+"/mcp", &oauth.Config{
		Grant:        oauth.ClientCredentials{},
		Registration: oauth.Registration{ClientID: "service", ClientSecret: "secret"},
	})
	if err != nil {
		log.Panic(err)
	}
	defer auth.Close()

	client := &http.Client{Transport: auth.RoundTripper(network)}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL+"/mcp", http.NoBody)
	if err != nil {
		log.Panic(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		log.Panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s: %s %v\n", resp.Status, body, err)
	// Output: 200 OK: hello service <nil>
}

// An HTTP client that knows nothing of OAuth, such as that of another MCP SDK, logs in when the server
// demands it. Here the user is simulated: the authorization server consents at once. Programs use
// loopback.Login.
func ExampleClient_LoginRoundTripper() {
	server := startProtected()
	defer server.Close()
	auth, err := oauth.NewClient(server.URL+"/mcp", &oauth.Config{Login: oauth.LoginFunc(consent)})
	if err != nil {
		log.Panic(err)
	}
	defer auth.Close()

	client := &http.Client{Transport: auth.LoginRoundTripper(nil)}
	resp, err := client.Post(server.URL+"/mcp", "application/json", strings.NewReader("{}"))
	if err != nil {
		log.Panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s: %s %v\n", resp.Status, body, err)
	// Output: 200 OK: hello service <nil>
}

// consent is a login without a browser.
func consent(ctx context.Context, flow oauth.Flow) error {
	page, err := flow.AuthorizationURL(ctx, "http://127.0.0.1:7777/callback")
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return err
	}
	network := transport.NewDirect(nil)
	defer network.Close()
	resp, err := network.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return flow.Complete(ctx, resp.Header.Get("Location"))
}

// A fixed token, such as an API key, goes to the server's origin only. Options.Auth of a session takes
// the Client as well.
func ExampleStaticToken() {
	server := startProtected()
	defer server.Close()
	auth, err := oauth.NewClient(server.URL+"/mcp", &oauth.Config{Grant: oauth.StaticToken("token-of-service")})
	if err != nil {
		log.Panic(err)
	}
	defer auth.Close()
	post(auth, server.URL+"/mcp")
	// Output: 200 OK
}

// Tokens come from a token source that the program has already, such as that of a cloud's SDK.
func ExampleFromTokenSource() {
	server := startProtected()
	defer server.Close()
	clouds := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token-of-service"})
	auth, err := oauth.NewClient(server.URL+"/mcp", &oauth.Config{Grant: oauth.FromTokenSource(clouds)})
	if err != nil {
		log.Panic(err)
	}
	defer auth.Close()
	post(auth, server.URL+"/mcp")
	// Output: 200 OK
}

// Code that wants an oauth2.TokenSource gets the tokens that the Client obtains and renews.
func ExampleClient_TokenSource() {
	server := startProtected()
	defer server.Close()
	auth, err := oauth.NewClient(server.URL+"/mcp", &oauth.Config{
		Grant:        oauth.ClientCredentials{},
		Registration: oauth.Registration{ClientID: "service", ClientSecret: "secret"},
	})
	if err != nil {
		log.Panic(err)
	}
	defer auth.Close()
	tok, err := auth.TokenSource(context.Background()).Token()
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(tok.Type(), tok.AccessToken, tok.Valid())
	// Output: Bearer token-of-service true
}

// post sends a request with the tokens of auth and prints the status of the response.
func post(auth *oauth.Client, url string) {
	client := &http.Client{Transport: auth.RoundTripper(nil)}
	resp, err := client.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		log.Panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
}

// startProtected starts a resource that is its own authorization server.
func startProtected() *httptest.Server {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	document := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, text)
		})
	}
	document("/.well-known/oauth-protected-resource/mcp",
		fmt.Sprintf(`{"resource":"%[1]s/mcp","authorization_servers":["%[1]s"]}`, server.URL))
	document("/.well-known/oauth-authorization-server",
		fmt.Sprintf(`{"issuer":"%[1]s","authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[1]s/token",`+
			`"registration_endpoint":"%[1]s/register","code_challenge_methods_supported":["S256"]}`, server.URL))
	mux.HandleFunc("/register", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"client_id":"app","token_endpoint_auth_method":"none"}`)
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		answer := url.Values{"code": {"code-1"}, "state": {r.FormValue("state")}}
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
	})
	document("/token", `{"access_token":"token-of-service","token_type":"Bearer","expires_in":3600}`)
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token-of-service" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "hello service")
	})
	return server
}
