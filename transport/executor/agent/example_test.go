package agent_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// An agent sends the requests of a client elsewhere. Its policy allows only one server.
func ExampleListen() {
	ctx := context.Background()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	defer server.Close()
	policy, err := agent.NewPolicy([]string{server.Listener.Addr().String()}, nil)
	if err != nil {
		log.Panic(err)
	}
	listener, err := agent.Listen(ctx, "ws://127.0.0.1:0", &agent.Options{Policy: policy})
	if err != nil {
		log.Panic(err)
	}
	defer listener.Close()

	elsewhere, err := executor.Dial(ctx, listener.URL(), nil)
	if err != nil {
		log.Panic(err)
	}
	defer elsewhere.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		log.Panic(err)
	}
	resp, err := elsewhere.RoundTrip(req)
	if err != nil {
		log.Panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s: %s %v\n", resp.Status, body, err)
	// Output: 200 OK: hello <nil>
}

// A deny rule takes precedence over an allow rule.
func ExamplePolicy_CheckURL() {
	policy, err := agent.NewPolicy([]string{"*.example.com:443"}, []string{"admin.example.com"})
	if err != nil {
		log.Panic(err)
	}
	for _, text := range []string{"https://api.example.com/", "https://admin.example.com/", "http://api.example.com/"} {
		u, err := url.Parse(text)
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(text, "allowed:", policy.CheckURL(u) == nil)
	}
	// Output:
	// https://api.example.com/ allowed: true
	// https://admin.example.com/ allowed: false
	// http://api.example.com/ allowed: false
}
