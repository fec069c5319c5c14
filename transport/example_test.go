package transport_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/hawser-mcp/hawser/transport"
)

// A Direct is an [http.RoundTripper] for any HTTP client. The program that creates the Direct must
// close it.
func ExampleNewDirect() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	defer server.Close()
	network := transport.NewDirect(nil)
	defer network.Close()

	client := &http.Client{Transport: network} // no Timeout: it would cut off event streams
	resp, err := client.Do(request(server.URL))
	if err != nil {
		log.Panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s: %s %v\n", resp.Status, body, err)
	// Output: 200 OK: hello <nil>
}

// The stage of an error says whether the server may have received the request.
func ExampleStageOf() {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // from now on no connection can be made
	network := transport.NewDirect(nil)
	defer network.Close()

	_, err := network.RoundTrip(request(server.URL))
	fmt.Println("safe to send again:", transport.StageOf(err) == transport.NotSent)
	// Output: safe to send again: true
}

func request(url string) *http.Request {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		log.Panic(err)
	}
	return req
}
