package executor

import (
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/hawser-mcp/hawser/internal/pacing"
)

// pacer spaces the dials of an executor that cannot be reached. All exchanges share it. Its zero
// value is ready to use.
type pacer struct {
	mu      sync.Mutex
	growing *backoff.ExponentialBackOff // guarded by mu
	due     time.Time                   // guarded by mu; of the next dial
}

// failed delays the next dial. Concurrent failures count as one.
func (p *pacer) failed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.due) {
		return
	}
	if p.growing == nil {
		p.growing = pacing.Exponential(reconnectFirst, 2, reconnectMost)
	}
	p.due = now.Add(p.growing.NextBackOff())
}

// succeeded allows the next dial at once.
func (p *pacer) succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.growing, p.due = nil, time.Time{}
}

// pause returns how long the next dial has to wait.
func (p *pacer) pause() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, time.Until(p.due))
}
