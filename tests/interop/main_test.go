// Package interop_test runs this module's client against servers that others
// wrote: the official Go SDK's and mcp-go's, each in both protocol eras, over
// loopback. What a server cannot do is said where it is listed, with the reason.
package interop_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The servers' goroutines count too: each instance is stopped, so what is left is a leak.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
