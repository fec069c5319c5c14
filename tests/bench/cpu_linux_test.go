package bench_test

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// serverProcess starts a server in a process of its own, and returns its URL.
func serverProcess(tb testing.TB) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"=1")
	_, err := cmd.StdinPipe()
	require.NoError(tb, err)
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(tb, err)
	return strings.TrimSpace(line)
}

// cpu returns the CPU time of this process so far.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAgentCPU measures the CPU time that an agent adds to a small call, for both ends of
// executor mode together: the CPU time of a call through the agent less that of a direct call. It
// reports that as a multiple of the CPU time of the floor client, which is the median over all
// rounds. The server runs in another process. Run it with -benchtime 40x.
func BenchmarkAgentCPU(b *testing.B) {
	const batch = 200
	for _, s := range []*scenario{json200, sse200} {
		b.Run(s.name, func(b *testing.B) {
			url := serverProcess(b)
			through := func(name string, rt transport.Transport) client {
				opts := legacy
				opts.Transport = rt
				c := hawserClient(b, url, opts)
				c.name = name
				return c
			}
			clients := []client{
				floorClient(b, url, nil),
				through("direct", direct(b)),
				through("agent", throughAgent(b, nil)),
				through("shared", throughAgent(b, &executor.Options{Shared: true})),
			}
			for _, c := range clients {
				run(b, c, s, batch)
			}
			used := make([][]float64, len(clients)) // by client and round, in µs per call
			for rounds := 0; b.Loop(); rounds++ {
				for i := range clients {
					at := (i + rounds) % len(clients)
					before := cpu(b)
					run(b, clients[at], s, batch)
					used[at] = append(used[at], float64((cpu(b)-before).Nanoseconds())/1000/batch)
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, c := range clients {
				b.ReportMetric(median(used[i]), c.name+"-cpu-µs/call")
				if i >= 2 {
					b.ReportMetric(addedOverFloor(used[0], used[1], used[i]), c.name+"-added-x")
				}
			}
		})
	}
}

// addedOverFloor returns the median over all rounds of (through − direct) / floor.
func addedOverFloor(floor, direct, through []float64) float64 {
	ratios := make([]float64, len(floor))
	for r := range floor {
		ratios[r] = (through[r] - direct[r]) / floor[r]
	}
	return median(ratios)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
