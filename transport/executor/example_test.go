package executor_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// Another SDK can use an executor if it accepts an [http.Client]. Decorators such as
// oauth2.Transport and otelhttp.NewTransport go between the client and the executor.
//
//	official Go SDK:  &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: client}
//	mcp-go:           client.NewStreamableHttpClient(url, transport.WithHTTPBasicClient(client))
func ExampleDial_anotherSDK() {
	ctx := context.Background()
	address, server, stop := startElsewhere()
	defer stop()

	elsewhere, err := executor.Dial(ctx, address, nil)
	if err != nil {
		log.Panic(err)
	}
	defer elsewhere.Close()
	client := &http.Client{Transport: elsewhere} // no Timeout: it would end streams

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server, http.NoBody)
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
	// Output: 200 OK: hello from elsewhere <nil>
}

// startElsewhere starts an executor and a server. In production both run on another machine.
func startElsewhere() (address, server string, stop func()) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello from elsewhere")
	}))
	l, err := agent.Listen(context.Background(), "ws://127.0.0.1:0", nil)
	if err != nil {
		log.Panic(err)
	}
	return l.URL(), s.URL, func() {
		_ = l.Close()
		s.Close()
	}
}
