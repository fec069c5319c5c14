package mcpclient

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// sharedReopener keeps the shared stream of one session generation open. In a legacy session, the
// shared stream is a GET stream, and the sharedReopener itself receives the messages. In a modern
// session, a [subscriptionStream] receives them.
type sharedReopener struct {
	streamReopener

	cancel    context.CancelFunc    // ends the stream
	refused   int                   // GETs refused in a row in a session that is alive
	late      error                 // why the stream opens late, if the handlers do not learn of it as missed events
	cursor    streamablehttp.Cursor // of a GET stream
	subscribe subscriptionStream    // of a modern session
}

func newSharedReopener(s *Session, state *sessionState) *sharedReopener {
	k := new(sharedReopener)
	k.streamReopener = streamReopener{s: s, state: state, pace: &s.shared.pace, wake: make(chan struct{}, 1)}
	k.ctx, k.cancel = context.WithCancel(s.root)
	k.subscribe = subscriptionStream{
		r: &k.streamReopener, filter: s.filterFor(state, s.opts.Handlers.filter()),
		acknowledged: func(Filter) { k.acknowledge() }, notified: s.enqueueNotification, origin: OriginSession,
	}
	return k
}

// streamEnd says what the end of a shared stream means for opening it again.
type streamEnd uint8

const (
	streamRetryable   streamEnd = iota // open it again
	streamOver                         // do not open it again in this generation; report the end
	streamMoved                        // do not open it again: the next generation opens a new stream
	streamUnsupported                  // never open it again: the server has no such stream
)

// open implements reopenable.
func (k *sharedReopener) open(ctx context.Context) error {
	if k.state.modern() {
		return k.subscribe.open(ctx)
	}
	return k.s.conn.Listen(ctx, k.state.http, &k.cursor, k, k.acknowledge)
}

// acknowledge notes that the server accepted the stream.
func (k *sharedReopener) acknowledge() {
	k.s.shared.suspected.Store(false)
	if k.s.shared.accepted.Swap(true) && !k.opened {
		k.late = ErrSessionLost // the stream of an earlier session state was open
	}
	k.refused = 0
	missed := k.acknowledged()
	k.tellOpened(nil, cmp.Or(missed, k.late))
	k.late = nil
	if missed != nil {
		k.s.missedEvents(missed)
	}
	k.s.shared.note(k, func(st *sharedStatus) {
		st.open = true
		select {
		case <-k.wake: // the stream is open, so an earlier wake is obsolete
		default:
		}
	})
}

// ended implements reopenable.
func (k *sharedReopener) ended(err error) (time.Duration, bool) {
	end := k.judge(err)
	if end == streamUnsupported && k.s.shared.accepted.Load() {
		end = streamOver // the server did have the stream before, perhaps in another session
	}
	if end == streamRetryable {
		return k.lost(err), true
	}
	k.tellLost(nil, err, 0, true)
	switch end {
	case streamOver:
		k.s.shared.note(k, func(st *sharedStatus) { st.open, st.over = false, err })
	case streamUnsupported:
		k.s.shared.refuse(err)
	case streamMoved, streamRetryable:
		return 0, false
	}
	if end == streamOver && k.ctx.Err() == nil || end == streamUnsupported && k.missed != nil {
		k.s.enqueueMissed(MissedEvents{Ended: true})
	}
	return 0, false
}

// lost records that the stream is not open. It returns the pause before the stream is opened again.
func (k *sharedReopener) lost(err error) time.Duration {
	_, resumable := k.cursor.ID()
	// If the GET may have reached the server, it may have opened a stream there whose events are
	// lost. If an earlier generation had a stream, every failed try extends the loss of events.
	maybeOpen := !k.state.modern() && verdict.StageOf(err) == transport.MaybeSent
	missed := !resumable && (k.live || !k.opened && (maybeOpen || k.s.shared.accepted.Load()))
	if missed {
		k.miss(err)
	} else if !k.opened {
		k.late = err
	}
	pause := k.paced(k.cursor.Retry())
	k.tellLost(nil, err, pause, false)
	k.s.shared.note(k, func(st *sharedStatus) {
		if st.open, st.failed = false, err; missed {
			st.losses, st.lost = st.losses+1, err
		}
	})
	return pause
}

// missedEvents reports to the handlers, and to the subscriptions that use the shared stream, that
// events may have been missed.
func (s *Session) missedEvents(cause error) {
	s.enqueueMissed(MissedEvents{})
	for _, l := range s.shared.joined() {
		l.missedEvents(cause)
	}
}

// judge decides, from the error that ended the stream, whether to open the stream again.
func (k *sharedReopener) judge(err error) streamEnd {
	if k.state.modern() {
		switch {
		case err == nil, KindOf(err) == KindRefused: // the server completed the subscription, or an interceptor refused it
			return streamOver
		case retryable(err) || k.s.unauthorized(err) != nil:
			return streamRetryable
		case unsupported(err):
			return streamUnsupported
		}
		return streamOver
	}
	var (
		status   *streamablehttp.HTTPError
		link     *transport.Error
		protocol *streamablehttp.ProtocolError
	)
	switch {
	case err == io.EOF:
		return streamRetryable
	case errors.As(err, &status):
		return k.judgeStatus(status)
	case errors.Is(err, transport.ErrClosed):
		return streamOver
	case errors.As(err, &link):
		return streamRetryable // whatever the cause, the server did not refuse
	case errors.As(err, &protocol) && k.lostInDoubt(err):
		return streamMoved
	case errors.As(err, &protocol):
		return streamUnsupported // a web page instead of a stream
	}
	return streamOver // another refusal, or an exceeded limit, which the same events would exceed again
}

// judgeStatus does the same as judge, for a GET that the server refused with an HTTP status.
func (k *sharedReopener) judgeStatus(e *streamablehttp.HTTPError) streamEnd {
	class := httpstatus.Of(e.Status)
	switch {
	case k.opened && k.state.inSession() && verdict.StreamLost(e):
		return k.replaced(sessionGone, e) // without a ping: many sessions may be lost together
	case verdict.SaysSessionLost(e.Status):
		if _, resumed := k.cursor.ID(); resumed {
			k.cursor = streamablehttp.Cursor{} // the server may have refused only the cursor
			return streamRetryable
		}
		if !k.state.inSession() || (!k.opened && k.s.shared.suspected.Swap(true) && !verdict.SaysTaken(e)) {
			return streamUnsupported
		}
		// The session may be gone. If no calls are made, nothing else would notice that. After a
		// recovery, the next generation opens a new stream.
		return k.replaced(sessionSuspected, e)
	case (class == httpstatus.Conflict || class.Transient() && verdict.NamesSession(e.Preview)) && k.lostInDoubt(e):
		return streamMoved
	case class.Transient():
		return streamRetryable
	case class == httpstatus.Conflict:
		return streamRetryable // the server has not noticed yet that the last stream is gone
	case class == httpstatus.Unsupported && k.lostInDoubt(e):
		return streamMoved
	case class == httpstatus.Unsupported:
		return streamUnsupported
	}
	if e.Status == http.StatusUnauthorized && len(e.Challenges) == 0 && k.state.inSession() && !k.s.shared.suspected.Swap(true) {
		// Some servers answer 401 without a challenge when they have lost the session.
		if _, err := k.s.recover(k.ctx, k.state.generation, accessSuspected, e); err == nil {
			return streamMoved
		}
	}
	if e.Status != http.StatusUnauthorized && len(e.Challenges) == 0 && k.lostInDoubt(e) {
		return streamMoved
	}
	if k.s.unauthorized(e) != nil {
		return streamRetryable // a stream does not prompt the user; the authorization of a call wakes it
	}
	return streamOver // 401, 403 and similar statuses say nothing about the stream
}

// replaced recovers the session after its stream was refused, for the given reason.
func (k *sharedReopener) replaced(why reason, e *streamablehttp.HTTPError) streamEnd {
	_, err := k.s.recover(k.ctx, k.state.generation, why, e)
	switch {
	case errors.Is(err, ErrSessionAlive):
		return k.refusedAlive(e)
	case err == nil:
		return streamMoved
	}
	return streamRetryable
}

// maxAliveRefusals bounds the GETs in a row that a live session refuses after it had the stream.
// With the pauses, the last one is sent about eight minutes after the first.
const maxAliveRefusals = 40

// refusedAlive judges a GET that the server refused although the session is alive. If the server
// says that there is a stream already, or accepted the same GET before and now mentions the session,
// the refusal is temporary: some servers refuse a second stream until they notice that the first one
// is gone.
func (k *sharedReopener) refusedAlive(e *streamablehttp.HTTPError) streamEnd {
	temporary := verdict.SaysTaken(e) || k.opened && verdict.NamesSession(e.Preview)
	if k.refused++; temporary && k.refused <= maxAliveRefusals {
		return streamRetryable
	}
	return streamUnsupported
}

// lostInDoubt examines the session after a refusal of a stream that was open, if a ping is due. It
// reports whether another session replaced the lost one.
func (k *sharedReopener) lostInDoubt(cause error) bool {
	if !k.opened || !k.state.inSession() || !k.s.mayProbe(k.state) {
		return false
	}
	_, err := k.s.recover(k.ctx, k.state.generation, sessionDoubted, cause)
	return err == nil
}

// DecodeResult implements streamablehttp.Receiver.
func (k *sharedReopener) DecodeResult(data []byte) (int, error) { return skipValue(data) }

// Event implements streamablehttp.Receiver.
func (k *sharedReopener) Event() {}

// Notification implements streamablehttp.Receiver.
func (k *sharedReopener) Notification(method string, params []byte) {
	if method == methodProgress {
		k.s.routeProgress(params)
	} else {
		k.s.notified(k.state, method, params)
	}
	k.spoken = true
}

// Request implements streamablehttp.Receiver.
func (k *sharedReopener) Request(method string, id, params []byte) error {
	k.spoken = true
	return k.s.serve(k.ctx, nil, k.state, method, id, params)
}
