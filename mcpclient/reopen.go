package mcpclient

import (
	"context"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/pacing"
)

// streamReopener keeps one stream open for one session state. [streamReopener.run] opens the stream
// and reads it until it ends. It then calls the ended method of [reopenable], pauses, and opens the
// stream again. A streamReopener also tracks whether events may have been missed. It reports a loss
// once, when the stream is open again. The shared stream uses it, and so do the subscriptions of a
// modern session. All fields except wake belong to the goroutine of run.
type streamReopener struct {
	s     *Session
	ctx   context.Context // ends the stream
	state *sessionState
	pace  *reopenPace
	wake  chan struct{} // full: skip the next pause; nil: never skip

	start  time.Duration // when the stream was last opened, on the session's clock
	spoken bool          // a message has arrived since then
	up     bool          // the server has accepted the stream since then
	opened bool          // the server accepted the stream at least once
	live   bool          // accepted, with no events missed since
	missed error         // the loss to report once the stream is open again
}

// reopenable is a stream that a [streamReopener] keeps open.
type reopenable interface {
	// open opens the stream and reads it to its end. It calls acknowledged when the server accepts
	// it.
	open(ctx context.Context) error
	// ended returns whether to open the stream again after it ended with err, and the pause before
	// that.
	ended(err error) (pause time.Duration, again bool)
}

// run keeps the stream open until its context ends, the session state changes, or the stream ends
// for good.
func (r *streamReopener) run(stream reopenable) {
	for r.ctx.Err() == nil && r.s.now.Load() == r.state {
		r.start, r.spoken, r.up = r.s.watch.now(), false, false
		err := stream.open(r.ctx)
		if r.ctx.Err() != nil {
			return
		}
		pause, again := stream.ended(err)
		if !again {
			return
		}
		r.wait(pause)
	}
}

// paced returns the pause before the stream is opened again. If ok is true, asked is the
// reconnection time that the server requested.
func (r *streamReopener) paced(asked time.Duration, ok bool) time.Duration {
	return r.pace.next(r.spoken, r.s.watch.now()-r.start, asked, ok)
}

func (r *streamReopener) wait(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.wake:
	case <-r.ctx.Done():
	}
}

// miss records that events may be missed from now on. cause is the reason.
func (r *streamReopener) miss(cause error) { r.live, r.missed = false, cause }

// acknowledged records that the server accepted the stream. If events were lost before, it returns
// the cause of that loss, otherwise nil. After a loss, a consumer that now reads its state again is
// up to date.
func (r *streamReopener) acknowledged() (missed error) {
	missed, r.missed = r.missed, nil
	r.opened, r.live, r.up = true, true, true
	return missed
}

// tellOpened reports a stream that the server accepted. missed is why notifications may have been
// missed before, nil if none were. of is the subscription, nil for the shared stream.
func (r *streamReopener) tellOpened(of *Subscription, missed error) {
	if !r.s.observed() {
		return
	}
	r.s.tell(r.ctx, StreamOpened{Endpoint: r.s.Endpoint(), Subscription: of})
	if missed != nil {
		r.s.tell(r.ctx, StreamGap{Endpoint: r.s.Endpoint(), Subscription: of, Cause: missed})
	}
}

// tellLost reports a stream that ended, unless this side ended it. If final is set, the stream is
// not opened again, unless the session state has changed.
func (r *streamReopener) tellLost(of *Subscription, cause error, pause time.Duration, final bool) {
	if r.s.observed() && r.ctx.Err() == nil {
		r.s.tell(r.ctx, StreamLost{
			Endpoint: r.s.Endpoint(), Subscription: of, Opened: r.up, Final: final && r.s.now.Load() == r.state, Wait: pause, Cause: cause,
		})
	}
}

// reopenInitial is the first pause before a stream is opened again, on average.
const reopenInitial = 500 * time.Millisecond

// reopenPace computes the pauses before a stream is opened again. The zero value is ready to use.
// It is safe for concurrent use, because the shared stream's pace is used across session states.
type reopenPace struct {
	mu        sync.Mutex
	reconnect pacing.Reconnect // guarded by mu
	last      time.Duration    // guarded by mu
}

// next returns the next pause. Pauses grow until a stream is useful: it delivers a message or stays
// open longer than the last pause. If ok is true, asked is the reconnection time that the server
// requested.
func (p *reopenPace) next(spoken bool, lived, asked time.Duration, ok bool) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reconnect.First, p.reconnect.Spread = reopenInitial, true
	useful := spoken || (p.last > 0 && lived > p.last)
	if useful {
		p.reconnect.Reset()
	}
	p.last = p.reconnect.Next(useful, asked, ok)
	return p.last
}
