package transporttest_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// A double loses the first response. The request ran, and the error says that it may have been
// sent.
//
// The contract itself is a test suite:
//
//	func TestContract(t *testing.T) {
//		transporttest.Run(t, transporttest.Config{New: func(t *testing.T) http.RoundTripper { return newTransport() }})
//	}
func ExampleLosingReplies() {
	var ran atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran.Add(1) }))
	defer server.Close()
	network := transport.NewDirect(nil)
	defer network.Close()

	faulty := &transporttest.LosingReplies{Base: network, Times: 1}
	for range 2 {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, http.NoBody)
		if err != nil {
			log.Panic(err)
		}
		resp, err := faulty.RoundTrip(req)
		if err != nil {
			fmt.Println("ran:", ran.Load(), "stage:", transport.StageOf(err))
			continue
		}
		_ = resp.Body.Close()
		fmt.Println("ran:", ran.Load(), "status:", resp.StatusCode)
	}
	// Output:
	// ran: 1 stage: maybe sent
	// ran: 2 status: 200
}
