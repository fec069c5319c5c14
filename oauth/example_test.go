package oauth_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

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
		fmt.Sprintf(`{"issuer":"%[1]s","authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[1]s/token"}`, server.URL))
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
