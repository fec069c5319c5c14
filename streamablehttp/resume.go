package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/pacing"
	"github.com/hawser-mcp/hawser/transport"
)

// resume sends a GET with the cursor to open the rest of an interrupted answer stream. It waits for
// the server's reconnection time (a MUST since 2025-11-25) or, without one, for a growing backoff.
// Each new event ID resets the backoff. A refusal, or four failures in a row, ends the call;
// whether the request ran is then unknown.
//
// A server may close the stream any number of times. Servers close it to make clients poll for a
// slow answer. The call's context and its idle timeout bound the wait.
func (x *exchange) resume(ctx context.Context, lost error) (*http.Response, error) {
	moved := x.reconnect == nil || x.cursor.id != x.resumedAt
	if moved {
		x.reconnect, x.failures = &pacing.Reconnect{First: resumeInitial}, 0
	}
	var busy time.Duration // the Retry-After of the last refusal
	for {
		x.resumedAt = x.cursor.id
		asked, ok := x.cursor.Retry()
		if err := pacing.Sleep(ctx, max(busy, x.reconnect.Next(moved, asked, ok))); err != nil {
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
			return nil, &transport.Error{Stage: transport.MaybeSent, Op: "resume stream", Err: fmt.Errorf("%w (the stream was lost: %w)", err, lost)}
		}
	}
}

// worthReconnecting reports whether a failed GET says nothing about the stream itself. A 409 means
// that the server has not yet noticed the end of the last connection.
func worthReconnecting(err error) bool {
	var status *HTTPError
	if errors.As(err, &status) {
		class := httpstatus.Of(status.Status)
		return class.Transient() || class == httpstatus.Conflict
	}
	var link *transport.Error
	return errors.As(err, &link) && !link.Permanent
}
