package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/transport"
)

// resume opens the rest of a cut answer stream by GET with its cursor. Waiting
// follows the server's reconnection time, or else a growing backoff, and starts
// anew each time the stream got somewhere. A refusal, or four failures in a
// row, end the call: whether the request ran to its end cannot be known.
//
// A server may close the stream as often as it likes, that is how long waits
// are polled; the call's context and, as long as nothing new comes, its idle
// timeout limit that.
func (x *exchange) resume(ctx context.Context, lost error) (*http.Response, error) {
	moved := x.reconnect == nil || x.cursor.id != x.resumedAt
	if moved {
		x.reconnect, x.failures = newReconnectBackOff(), 0
	}
	var busy time.Duration // what a server that refused the last GET asked to wait
	for {
		x.resumedAt = x.cursor.id
		if err := wait(ctx, max(busy, reconnectDelay(&x.cursor, x.reconnect, moved))); err != nil {
			return nil, noAnswer(ctx, lost)
		}
		resp, err := x.conn.openStream(ctx, x.session, &x.cursor)
		if err == nil {
			x.failures = 0
			return resp, nil
		}
		busy = 0
		if status := (*HTTPError)(nil); errors.As(err, &status) {
			busy = status.RetryAfter
		}
		x.failures++
		if !worthReconnecting(err) || x.failures >= resumeTries || ctx.Err() != nil {
			return nil, &transport.Error{Stage: transport.MaybeSent, Op: "resume stream", Err: fmt.Errorf("%w; before that: %w", err, lost)}
		}
	}
}

// newReconnectBackOff paces reconnects of a stream whose server did not say how long to wait.
func newReconnectBackOff() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(resumeInitial), backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.2),
		backoff.WithMaxInterval(ReconnectCeiling), backoff.WithMaxElapsedTime(0),
	)
}

// reconnectDelay is the server's reconnection time when it gave one (a MUST
// since 2025-11-25), else the next of the backoff. A stream that keeps ending
// without having moved is slowed down all the same.
func reconnectDelay(cursor *Cursor, b *backoff.ExponentialBackOff, moved bool) time.Duration {
	next := b.NextBackOff()
	asked, ok := cursor.Retry()
	switch {
	case !ok:
		return next
	case moved:
		return max(asked, minReconnect)
	}
	return max(asked, next)
}

// minReconnect keeps a server that asks for "retry: 0" and closes at once from turning us into a busy loop.
const minReconnect = 100 * time.Millisecond

// worthReconnecting reports whether a failed GET says nothing about the stream
// itself. A conflict says that the server has not noticed yet that the last connection is gone.
func worthReconnecting(err error) bool {
	var status *HTTPError
	if errors.As(err, &status) {
		class := httpstatus.Of(status.Status)
		return class.Transient() || class == httpstatus.Conflict
	}
	var link *transport.Error
	return errors.As(err, &link) && !link.Permanent
}

// wait sleeps for d unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
