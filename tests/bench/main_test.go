// Package bench_test measures a call, over loopback and over an in-memory RoundTripper. It compares
// Hawser with other clients and with the floor, which is net/http with a prebuilt body and no
// decoding. Times are for information; allocations are asserted, because they are the same on every
// machine.
//
//	go test -bench . -benchtime 300x
package bench_test

import (
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
