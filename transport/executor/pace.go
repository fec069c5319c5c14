package executor

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// pacer spaces the tries to reach an executor that is away, for all exchanges together.
type pacer struct {
	mu      sync.Mutex
	growing *backoff.ExponentialBackOff // guarded by mu
	due     time.Time                   // guarded by mu; of the next try
}

// failed has the next try wait. Failures of the same moment count once.
func (p *pacer) failed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.due) {
		return
	}
	if p.growing == nil {
		p.growing = backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(reconnectFirst), backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.2),
			backoff.WithMaxInterval(reconnectMost), backoff.WithMaxElapsedTime(0),
		)
	}
	p.due = now.Add(p.growing.NextBackOff())
}

// succeeded lets the next try be made at once.
func (p *pacer) succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.growing != nil {
		p.growing.Reset()
	}
	p.due = time.Time{}
}

// pause returns how long the next try has to wait.
func (p *pacer) pause() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, time.Until(p.due))
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
