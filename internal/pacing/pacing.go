// Package pacing computes how long to wait before a retry.
package pacing

import (
	"context"
	"math/rand"
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	// Ceiling is the longest wait of a [Reconnect].
	Ceiling = 30 * time.Second
	// Floor is the shortest reconnection time that a server can request. Without it, a server that
	// sends "retry: 0" and closes streams at once would keep the client in a busy loop.
	Floor = 100 * time.Millisecond
)

// Exponential returns a backoff without end, with 20 % of jitter. The waits begin with first and
// grow by factor up to most.
func Exponential(first time.Duration, factor float64, most time.Duration) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(first), backoff.WithMultiplier(factor), backoff.WithRandomizationFactor(0.2),
		backoff.WithMaxInterval(most), backoff.WithMaxElapsedTime(0),
	)
}

// Reconnect paces the reopening of one stream. It is not safe for concurrent use.
type Reconnect struct {
	// First is the first wait, on average with Spread. Later ones double, up to [Ceiling].
	First time.Duration
	// Spread makes the waits random: [Floor] and a random part of twice First, of four times First,
	// and so on, up to Ceiling. Many clients that lose their streams together then do not come back
	// together (full jitter). If the server requested a reconnection time, a random part of twice
	// First is added to it.
	Spread bool

	backoff *backoff.ExponentialBackOff
	window  time.Duration // with Spread: what the last wait was a part of; 0 before the first
}

// Reset makes the next wait the first one again, because the stream was useful.
func (r *Reconnect) Reset() { r.backoff, r.window = nil, 0 }

// Next returns how long to wait before the stream is opened again: the time that the server
// requested, if ok, otherwise the backoff. useful says whether the last stream was useful. If
// streams keep ending without being useful, Next returns the backoff if it is longer than the
// requested time.
func (r *Reconnect) Next(useful bool, asked time.Duration, ok bool) time.Duration {
	next := r.next()
	asked = max(asked, Floor)
	if r.Spread {
		asked += part(2 * r.First)
	}
	switch {
	case !ok:
		return next
	case useful:
		return asked
	}
	return max(asked, next)
}

// next returns the next wait of the backoff.
func (r *Reconnect) next() time.Duration {
	if r.Spread {
		r.window = min(max(2*r.window, 2*r.First), Ceiling)
		return min(Floor+part(r.window), Ceiling)
	}
	if r.backoff == nil {
		r.backoff = Exponential(r.First, 2, Ceiling)
	}
	return r.backoff.NextBackOff()
}

// part returns a random part of window, which must not be 0.
func part(window time.Duration) time.Duration {
	return time.Duration(rand.Int63n(int64(window))) //nolint:gosec // a wait is not a secret
}

// Sleep waits for d. If ctx ends first, it returns the cause of ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	return SleepWithin(ctx, context.Background(), d)
}

// SleepWithin waits for d. If ctx or owner ends first, it returns the cause of that context.
func SleepWithin(ctx, owner context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-owner.Done():
		return context.Cause(owner)
	}
}
