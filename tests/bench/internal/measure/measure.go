// Package measure measures what work costs this process.
package measure

import (
	"runtime"
	"time"
)

// Sample is the cost of some calls.
type Sample struct {
	Calls int
	Wall  time.Duration // from the start of the first call to the end of the last
	CPU   time.Duration // of the whole process, garbage collection included
	// Allocs and Bytes are what the process allocated.
	Allocs, Bytes uint64
	// Latencies has the duration of each call.
	Latencies []time.Duration
	// Late is the number of progress notifications that arrived after their call had returned.
	Late int

	// Conns is the number of connections that the server accepted meanwhile. The caller of the
	// process fills it in.
	Conns int64

	// Idle is what idle sessions hold. Nil for calls.
	Idle *Idle
}

// Idle is what one idle session holds, on average.
type Idle struct {
	Memory     float64 // heap and stacks, in bytes
	Goroutines float64
	Sockets    float64 // filled in by the caller of the process
}

// Meter is the state of the process at one moment.
type Meter struct {
	memory runtime.MemStats
	cpu    time.Duration
	start  time.Time
}

// Start collects garbage and starts a measurement.
func Start() (*Meter, error) {
	runtime.GC()
	var m Meter
	runtime.ReadMemStats(&m.memory)
	used, err := cpu()
	m.cpu, m.start = used, time.Now()
	return &m, err
}

// Stop returns what happened since Start. The caller fills in the calls.
func (m *Meter) Stop() (Sample, error) {
	wall := time.Since(m.start)
	used, err := cpu()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return Sample{
		Wall: wall, CPU: used - m.cpu, Allocs: now.Mallocs - m.memory.Mallocs, Bytes: now.TotalAlloc - m.memory.TotalAlloc,
	}, err
}

// Held is what the process holds after garbage collection.
type Held struct {
	memory, goroutines int
}

// Hold returns what the process holds now.
func Hold() Held {
	// The second collection frees what pools held during the first.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Held{memory: int(m.HeapAlloc + m.StackInuse), goroutines: runtime.NumGoroutine()}
}

// Since returns what each of n sessions holds that were opened since before.
func (h Held) Since(before Held, n int) *Idle {
	return &Idle{
		Memory:     float64(h.memory-before.memory) / float64(n),
		Goroutines: float64(h.goroutines-before.goroutines) / float64(n),
	}
}
