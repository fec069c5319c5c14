package clients

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// patience is how long a call waits for progress notifications that arrive late.
const patience = 30 * time.Second

// progress counts the progress notifications of one call at a time.
type progress struct {
	want, got atomic.Int64
	all       chan struct{} // has room for one value: all have arrived
}

func newProgress() *progress { return &progress{all: make(chan struct{}, 1)} }

// begin starts to count for a call that has n notifications.
func (p *progress) begin(n int) {
	select {
	case <-p.all:
	default:
	}
	p.got.Store(0)
	p.want.Store(int64(n))
}

// finish is end for a call of t that has returned. It does nothing if the tool sends no progress.
func (p *progress) finish(t *workload.Tool) (late int, err error) {
	if t.Events == 0 {
		return 0, nil
	}
	return p.end()
}

// add counts a notification.
func (p *progress) add() {
	if p.got.Add(1) == p.want.Load() {
		p.all <- struct{}{}
	}
}

// end waits until all notifications of a call that has returned have arrived. It returns how many
// were still to come.
func (p *progress) end() (late int, err error) {
	want := p.want.Load()
	late = int(want - p.got.Load())
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-p.all:
	case <-timeout.C:
	}
	if got := p.got.Load(); got != want {
		return late, fmt.Errorf("got %d progress notifications, expected %d", got, want)
	}
	return late, nil
}
