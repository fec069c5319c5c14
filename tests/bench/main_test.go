// Package bench_test measures a call: against the floor, which is net/http with
// a prebuilt body and no decoding, beside other clients, over loopback and over
// an in-memory RoundTripper. Times are for reading; allocations are tested,
// since they are the same on every machine.
//
//	go test -bench . -benchtime 300x
package bench_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
