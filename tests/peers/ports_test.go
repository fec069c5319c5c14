package peers_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

const (
	portedBegins = `connected: mcp-servers/everything 2025-11-25
tool: get-sum takes [a b]
echo: Echo: hello
progress: 1 of 3
progress: 2 of 3
progress: 3 of 3
long call: Long running operation completed. Duration: 0.3 seconds, Steps: 3.
form: Please provide inputs for the following fields:
answered: User inputs:
- Name: Ada
`
	portedEnds = `get-sum of a word failed: true
demo://missing: not found
requests without the token: 0
`
	// go-sdk fills in the defaults of a form, and the ported program does the same.
	portedDefaults = `- Favorite Integer: 42
- Favorite Number: 3.14
`
)

// docs/from-mcp-go.md and docs/from-go-sdk.md quote programs before and after their port to Hawser.
// Both versions print the same. The programs are in tests/interop, the module that has both SDKs.
func TestPortsPrintTheSame(t *testing.T) {
	server := peer.StartEverything(t)
	for sdk, want := range map[string]string{
		"mcpgo": portedBegins + portedEnds,
		"gosdk": portedBegins + portedDefaults + portedEnds,
	} {
		for _, side := range []string{"before", "after"} {
			t.Run(sdk+" "+side, func(t *testing.T) {
				program := filepath.Join(t.TempDir(), side)
				build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./ports/"+sdk+"/"+side)
				build.Dir = filepath.Join("..", "interop")
				if output, err := build.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, output)
				}
				run := exec.CommandContext(t.Context(), program, server.URL)
				var complaints strings.Builder
				run.Stderr = &complaints // the SDKs log there
				output, err := run.Output()
				if err != nil || string(output) != want {
					t.Errorf("%v, printed:\n%s\nwant:\n%s\nand to stderr:\n%s", err, output, want, complaints.String())
				}
			})
		}
	}
}
