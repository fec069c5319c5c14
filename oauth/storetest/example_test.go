package storetest_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/storetest"
)

// A test of a store. In a real program, TestStore is a function in a _test.go file. This example
// calls it itself.
func ExampleRun() {
	TestStore := func(t *testing.T) {
		storetest.Run(t, oauth.NewMemoryStore)
	}
	fmt.Println("passes:", passes(TestStore))
	// Output: passes: true
}

// passes runs a test and discards its output.
func passes(test func(*testing.T)) bool {
	out := os.Stdout
	defer func() { os.Stdout = out }()
	os.Stdout, _ = os.Open(os.DevNull)
	every := func(string, string) (bool, error) { return true, nil }
	return testing.RunTests(every, []testing.InternalTest{{Name: "TestStore", F: test}})
}
