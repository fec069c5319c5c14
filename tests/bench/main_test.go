// Package bench_test measures a call, over loopback and over an in-memory RoundTripper. It compares
// Hawser with other clients and with the floor, which is net/http with a prebuilt body and no
// decoding. Times are for information; allocations are asserted, because they are the same on every
// machine.
//
//	go test -bench . -benchtime 300x
package bench_test

import (
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		serveProcess()
		return
	}
	goleak.VerifyTestMain(m)
}

// asServer makes the test binary run the server, so that its CPU time is not the clients'.
const asServer = "HAWSER_BENCH_SERVER"

// serveProcess prints the URL of a server and serves until stdin ends.
func serveProcess() {
	t := new(testing.B)
	_, _ = os.Stdout.WriteString(newServer(t).url + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
