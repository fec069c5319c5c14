package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/pacing"
	"github.com/hawser-mcp/hawser/transport"
)

// resumption is the state of resuming the stream of one call.
type resumption struct {
	pace     pacing.Reconnect
	at       string // the event ID at the last GET
	failures int    // failed GETs in a row

	body   *countedBody // the last stream that a GET opened; nil before the first
	opened time.Time    // when it was opened
	events int          // exchange.events at that time
	strays int          // exchange.strays at that time
	empty  int          // empty streams in a row
	served time.Time    // when the last stream that was not empty ended
}

// resume sends a GET with the cursor to open the rest of an interrupted answer stream. It waits for
// the server's reconnection time (a MUST since 2025-11-25) or, without one, for a growing backoff.
// Each new event ID resets the backoff. A refusal, four failures in a row or a run of empty streams
// ends the call; whether the request ran is then unknown.
//
// A server may close the stream any number of times. Servers close it to make clients poll for a
// slow answer. The call's context and its idle timeout bound the wait.
func (x *exchange) resume(ctx context.Context, lost error) (*http.Response, error) {
	moved := x.resuming == nil || x.cursor.id != x.resuming.at
	if x.resuming == nil {
		x.resuming = new(resumption)
	}
	r := x.resuming
	if moved {
		r.pace, r.failures = pacing.Reconnect{First: resumeInitial}, 0
	}
	if r.abandoned(time.Now(), moved || r.body.begun && (x.strays == r.strays || x.events-r.events > x.strays-r.strays)) {
		if x.foreign != nil {
			lost = x.foreign
		}
		return nil, resumeFailed(fmt.Errorf("the last %d resumed streams had nothing for the request", r.empty), lost)
	}
	var busy time.Duration // the Retry-After of the last refusal
	for {
		r.at = x.cursor.id
		asked, ok := x.cursor.Retry()
		if err := pacing.Sleep(ctx, max(busy, r.pace.Next(moved, asked, ok))); err != nil {
			return nil, noAnswer(ctx, lost)
		}
		resp, err := x.conn.openStream(ctx, x.session, &x.cursor, x.header)
		if err == nil {
			r.failures = 0
			r.body, r.opened, r.events, r.strays = &countedBody{ReadCloser: resp.Body}, time.Now(), x.events, x.strays
			resp.Body = r.body
			return resp, nil
		}
		busy = 0
		if status := (*HTTPError)(nil); errors.As(err, &status) {
			busy = status.RetryAfter
		}
		r.failures++
		if !worthReconnecting(err) || r.failures >= resumeTries || ctx.Err() != nil {
			return nil, resumeFailed(err, lost)
		}
	}
}

func resumeFailed(err, lost error) error {
	return &transport.Error{Stage: transport.MaybeSent, Op: "resume stream", Err: fmt.Errorf("%w (the stream was lost: %w)", err, lost)}
}

// abandoned counts the empty streams in a row and reports whether they show that the server no
// longer serves the call. A stream is empty if it ended soon after it was opened, without a byte or
// with nothing but answers to other requests. Anything else shows that the server still serves the
// call: another event, an ID, a reconnection time, a comment, or a stream that stays open.
func (r *resumption) abandoned(now time.Time, served bool) bool {
	if served || now.Sub(r.opened) >= emptyLife {
		r.empty, r.served = 0, now
		return false
	}
	r.empty++
	return r.empty >= emptyStreams && now.Sub(r.served) >= emptyPatience
}

// countedBody is the body of a resumed stream.
type countedBody struct {
	io.ReadCloser

	begun bool // at least one byte has arrived
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.begun = b.begun || n > 0
	return n, err
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
