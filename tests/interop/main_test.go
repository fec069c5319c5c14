// Package interop_test runs this module's client over loopback against third-party servers: the
// official Go SDK and mcp-go, each in both protocol eras. The list of each SDK's peers explains the
// server's limitations.
package interop_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The leak check includes the servers' goroutines, because each test stops its servers.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
