// Package interop_test runs this module's client over loopback against third-party servers: those
// of the official Go SDK and of mcp-go, each in both protocol eras. Limitations of a server are
// listed with it, with the reason.
package interop_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The check includes the servers' goroutines. Each instance is stopped, so any remaining goroutine
// is a leak.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
