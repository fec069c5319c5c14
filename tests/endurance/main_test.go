// Package endurance_test plays eight hours of mixed load in fake time: sessions of both eras, direct
// and through executors, and a group, while servers restart, lose sessions, cut streams, refuse
// requests and let tokens expire. At the end, every call has had one outcome, no tool with side
// effects has run twice, and no goroutine, connection or memory is left.
package endurance_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
