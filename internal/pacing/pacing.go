// Package pacing says how long to wait before something is tried again.
package pacing

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	// Ceiling is the longest wait of a [Reconnect].
	Ceiling = 30 * time.Second
	// Floor is the shortest reconnection time that a server may ask for. It keeps a server that asks
	// for "retry: 0" and closes at once from turning the client into a busy loop.
	Floor = 100 * time.Millisecond
)

// Exponential returns a backoff that begins at first and grows by factor up to most, without end and
// with 20 % of jitter.
func Exponential(first time.Duration, factor float64, most time.Duration) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(first), backoff.WithMultiplier(factor), backoff.WithRandomizationFactor(0.2),
		backoff.WithMaxInterval(most), backoff.WithMaxElapsedTime(0),
	)
}

// Reconnect paces how often one stream is opened again. It is not safe for concurrent use.
type Reconnect struct {
	// First is the first wait. Later ones double, up to [Ceiling].
	First time.Duration

	backoff *backoff.ExponentialBackOff
}

// Reset begins with the first wait again, because the stream was useful.
func (r *Reconnect) Reset() { r.backoff = nil }

// Next returns how long to wait before the stream is opened again: what the server asked for, if ok,
// else the backoff. The backoff slows down a server that asks for little and keeps ending streams
// that were not useful.
func (r *Reconnect) Next(useful bool, asked time.Duration, ok bool) time.Duration {
	if r.backoff == nil {
		r.backoff = Exponential(r.First, 2, Ceiling)
	}
	next := r.backoff.NextBackOff()
	switch {
	case !ok:
		return next
	case useful:
		return max(asked, Floor)
	}
	return max(asked, next)
}

// Sleep waits for d. If ctx ends first, it returns the cause.
func Sleep(ctx context.Context, d time.Duration) error {
	return SleepWithin(ctx, context.Background(), d)
}

// SleepWithin waits for d. If ctx or owner ends first, it returns the cause.
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
