package peers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// TestOtherClientsOverCodex runs the clients of other SDKs over the real executor. It starts a test
// in tests/interop, which reads the URL of the executor from the environment.
func TestOtherClientsOverCodex(t *testing.T) {
	relay := peer.StartRelay(t, peer.StartCodex(t).URL)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^TestOtherClientsOverAnExecutor$", ".")
	cmd.Dir = filepath.Join("..", "interop")
	cmd.Env = append(os.Environ(), "HAWSER_TEST_EXECUTOR="+relay.URL)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	// Each combination of client and server sends initialize or discover, and makes two calls.
	runs := strings.Count(string(output), "\n        --- PASS: ")
	exchanges := 0
	for _, times := range relay.Exchanges() {
		exchanges += times
	}
	if runs == 0 || exchanges < 3*runs {
		t.Errorf("%d runs made %d exchanges through the executor:\n%s", runs, exchanges, output)
	}
	t.Logf("%d combinations of client and server, %d exchanges", runs, exchanges)
}
