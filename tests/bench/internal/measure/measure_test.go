package measure

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var sink [][]byte

func TestAllocationsAreMeasured(t *testing.T) {
	m, err := Start()
	require.NoError(t, err)
	for range 100 {
		sink = append(sink[:0], make([]byte, 100_000))
	}
	s, err := m.Stop()
	require.NoError(t, err)
	require.InDelta(t, 100, float64(s.Allocs), 50)
	require.InEpsilon(t, 100*106_496, float64(s.Bytes), 0.05, "100 kB have this size class")
	require.Positive(t, s.Wall)
	require.GreaterOrEqual(t, s.CPU, 0*s.Wall)
}

func TestHeldMemoryAndGoroutines(t *testing.T) {
	before := Hold()
	kept, stop := make([][]byte, 10), make(chan struct{})
	for i := range kept {
		kept[i] = make([]byte, 1<<20)
		go func() { <-stop }()
	}
	idle := Hold().Since(before, len(kept))
	close(stop)
	require.InEpsilon(t, 1<<20, idle.Memory, 0.05)
	require.InDelta(t, 1, idle.Goroutines, 0.01)
	require.Len(t, kept, 10)
}
