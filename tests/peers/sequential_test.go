package peers_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var before = flag.String("before", "", "checkout of an earlier commit that BenchmarkSequential measures too")

// BenchmarkSequential measures 500 calls in sequence through codex and the agent, with default
// options, each time in a new process. With -before, it takes turns with an earlier commit, whose
// programs it builds from a checkout. It prints medians of 5 rounds. Run it once:
//
//	git worktree add --detach DIR COMMIT
//	go test -run '^$' -bench Sequential -benchtime 1x . -before DIR
func BenchmarkSequential(b *testing.B) {
	executors := startExecutors(b)
	here, err := os.Getwd()
	if err != nil {
		b.Fatal(err)
	}
	programs := []struct{ name, path string }{{"", buildSequential(b, here)}}
	if *before != "" {
		programs = append(programs, struct{ name, path string }{", before", buildSequential(b, filepath.Join(*before, "tests", "peers"))})
	}
	w := newBurstServer(b)
	for range b.N {
		t := newTable(executors)
		for range burstRounds {
			for i, x := range executors {
				for _, p := range programs {
					out, err := exec.CommandContext(b.Context(), p.path, x.url, w.server.URL, "500").Output()
					if err != nil {
						b.Fatal(err)
					}
					var dial, calls float64
					if _, err := fmt.Sscan(string(out), &dial, &calls); err != nil {
						b.Fatal(err)
					}
					t.add(i, measured{"Dial" + p.name + ": ms", dial})
					t.add(i, measured{"500 calls in sequence" + p.name + ": ms", calls})
				}
			}
		}
		fmt.Fprintln(os.Stdout, t.String()) // Log would cut it
	}
}

// buildSequential builds the command sequential of this commit, with the packages of the checkout
// that has the directory tests/peers at dir.
func buildSequential(b *testing.B, dir string) (program string) {
	b.Helper()
	source, err := filepath.Abs(filepath.Join("sequential", "main.go"))
	if err != nil {
		b.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(dir, "sequential", "main.go"): source}})
	if err != nil {
		b.Fatal(err)
	}
	list := filepath.Join(b.TempDir(), "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		b.Fatal(err)
	}
	program = filepath.Join(b.TempDir(), "sequential")
	build := exec.CommandContext(b.Context(), "go", "build", "-overlay", list, "-o", program, "./sequential")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}
