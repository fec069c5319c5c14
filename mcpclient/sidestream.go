package mcpclient

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// sideStream is the stream on which the server tells things on its own: the
// standing GET of a legacy session, a subscriptions/listen of a modern one. It
// is opened only when a handler or, in a legacy session, a subscription wants
// what comes on it, after Connect, off everybody's path; it follows the generations; its
// failures never touch a call.
type sideStream struct {
	tried atomic.Uint64 // the newest generation in which the standing GET need not be waited for

	mu         sync.Mutex
	generation uint64             // guarded by mu: the newest one followed
	cancel     context.CancelFunc // guarded by mu: ends the stream of that generation
	keeper     *streamKeeper      // guarded by mu: keeps it, if it is a standing GET
	closed     bool               // guarded by mu
	refused    error              // guarded by mu: the server has no such stream, in any generation
	doubted    bool               // guarded by mu: a session was begun anew for a stream that has not opened since
	pace       pace               // guarded by mu: it outlives generations, so that losing them in a row slows down

	subs    map[*Subscription]struct{} // guarded by mu: those of a legacy session
	status  standing                   // guarded by mu
	changed chan struct{}              // guarded by mu: closed at the next change of status; nil until somebody waits
}

// standing is how the standing stream stands.
type standing struct {
	generation uint64
	open       bool
	losses     int   // so far, those that a cursor bridged not counted
	lost       error // the last of them
	failed     error // why it was not open when it was last asked for; nil since somebody joined
	over       error // why it is not opened again in this generation
}

// follow moves the stream to a generation, unless it has been followed past it.
func (d *sideStream) follow(s *Session, state *sessionState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followed(s, state)
}

// followed is follow with mu held.
func (d *sideStream) followed(s *Session, state *sessionState) {
	defer d.moved(state)
	h := &s.opts.Handlers
	wanted := h.standing() || len(d.subs) > 0
	if state.modern() {
		wanted = !h.filter().empty()
	}
	if !wanted || d.closed || d.refused != nil || state.generation <= d.generation {
		return
	}
	if d.cancel != nil {
		d.cancel()
	}
	ctx, cancel := context.WithCancel(s.root)
	d.generation, d.cancel = state.generation, cancel
	d.status = standing{generation: state.generation, losses: d.status.losses}
	d.keeper = &streamKeeper{s: s, ctx: ctx, state: state, hurry: make(chan struct{}, 1)}
	run := d.keeper.run
	if state.modern() {
		d.keeper, run = nil, (&handlerStream{s: s, ctx: ctx, state: state}).run
	}
	if !s.owned.start(func() { defer cancel(); run() }) {
		cancel()
	}
}

// moved tells those who wait that there is another generation. mu is held.
func (d *sideStream) moved(state *sessionState) {
	if state.generation > d.status.generation {
		d.status = standing{generation: state.generation, losses: d.status.losses}
	}
	d.broadcast()
}

// broadcast wakes those who wait for a change. mu is held.
func (d *sideStream) broadcast() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// look returns how the stream stands, and a channel that is closed when that changes.
func (d *sideStream) look() (standing, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	st := d.status
	if st.over == nil {
		st.over = d.refused
	}
	return st, d.changed
}

// note changes how the stream stands, if k is the one who keeps it.
func (d *sideStream) note(k *streamKeeper, change func(st *standing)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keeper == k {
		change(&d.status)
		d.try(k.state.generation)
		d.broadcast()
	}
}

// join adds a subscription of a legacy session, for which the stream is opened if it is not.
func (d *sideStream) join(s *Session, l *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.subs[l]; !there && d.status.over != nil { // asked for again: who knows what has changed
		d.generation, d.status = 0, standing{losses: d.status.losses}
	}
	if d.subs == nil {
		d.subs = make(map[*Subscription]struct{})
	}
	d.subs[l] = struct{}{}
	d.status.failed = nil
	if d.keeper != nil && !d.status.open {
		d.keeper.hasten()
	}
	d.followed(s, s.now.Load()) // under mu, so that a recovery that comes between sees the subscription
}

// leave removes a subscription; a stream that nobody wants any more is closed.
func (d *sideStream) leave(s *Session, l *Subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.subs[l]; !there {
		return
	}
	delete(d.subs, l)
	if len(d.subs) == 0 && !s.opts.Handlers.standing() && d.cancel != nil {
		d.cancel()
		d.cancel, d.keeper, d.generation, d.status.open = nil, nil, 0, false
	}
}

// joined are the subscriptions that the stream serves.
func (d *sideStream) joined() []*Subscription {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.subs))
}

// reopen opens the stream again at once if it was refused for want of authorization.
func (d *sideStream) reopen() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keeper != nil && !d.status.open {
		d.keeper.hasten()
	}
}

func (d *sideStream) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.cancel != nil {
		d.cancel()
	}
}

// doubt reports whether a refused first GET may be the session's fault, which
// is worth finding out once.
func (d *sideStream) doubt() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.doubted
	d.doubted = true
	return !before
}

func (d *sideStream) trust() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doubted = false
}

// refuse remembers that the server has no such stream.
func (d *sideStream) refuse(cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = cause
	d.try(everyGeneration)
	d.broadcast()
}

// pause is how long to wait before the stream is opened again.
func (d *sideStream) pause(spoken bool, lived time.Duration, cursor *streamablehttp.Cursor) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pace.next(spoken, lived, cursor)
}

// streamKeeper keeps the standing GET of one generation open. It is also the
// receiver of what comes on it.
type streamKeeper struct {
	s      *Session
	ctx    context.Context // ends with the generation
	state  *sessionState
	hurry  chan struct{} // full when it is not to wait
	cursor streamablehttp.Cursor
	opened bool  // once in this generation
	live   bool  // opened and not lost since: the loss is a gap
	gap    error // the loss that is to be told once the stream is there again
	spoken bool  // since it was last opened: a message came
}

// ending is what the end of one stream means for the next.
type ending uint8

const (
	streamLost    ending = iota // open it again
	streamOver                  // not again in this generation, which is told
	streamMoved                 // not again in this generation: the next one brings its own
	streamRefused               // never again: the server has no such stream
)

// run opens the stream again and again, under backoff, until the generation ends or
// there is nothing more to open.
func (k *streamKeeper) run() {
	side := &k.s.side
	for k.ctx.Err() == nil {
		k.spoken = false
		start := k.s.watch.now()
		err := k.s.conn.Listen(k.ctx, k.state.http, &k.cursor, k, k.acknowledge)
		if k.ctx.Err() != nil {
			return
		}
		switch k.judge(err) {
		case streamRefused:
			if k.gap != nil {
				k.s.enqueue(event{kind: eventMissed, missed: MissedEvents{Ended: true}})
			}
			side.refuse(err)
			k.s.log.Debug("the server has no stream for notifications", "error", brief(err))
			return
		case streamOver:
			k.s.log.Debug("side stream ended", "error", brief(err))
			if k.ctx.Err() == nil {
				k.s.enqueue(event{kind: eventMissed, missed: MissedEvents{Ended: true}})
			}
			side.note(k, func(st *standing) { st.open, st.over = false, err })
			return
		case streamMoved:
			return
		case streamLost:
		}
		_, resumable := k.cursor.ID()
		// A GET that may have arrived may have opened a stream, whose events are lost then.
		gap := !resumable && (k.live || !k.opened && verdict.StageOf(err) == transport.MaybeSent)
		if gap {
			k.live, k.gap = false, err
		}
		side.note(k, func(st *standing) {
			if st.open, st.failed = false, err; gap {
				st.losses, st.lost = st.losses+1, err
			}
		})
		pause := side.pause(k.spoken, k.s.watch.now()-start, &k.cursor)
		k.s.log.Debug("side stream lost", "error", brief(err), "pause", pause)
		k.wait(pause)
	}
}

// wait waits before the stream is opened again, unless somebody is waiting for it.
func (k *streamKeeper) wait(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.hurry:
	case <-k.ctx.Done():
	}
}

// hasten ends a wait, the one that is or the next.
func (k *streamKeeper) hasten() {
	select {
	case k.hurry <- struct{}{}:
	default:
	}
}

// acknowledge notes that the server accepted the stream. What was missed
// meanwhile can be told now, since nothing more is.
func (k *streamKeeper) acknowledge() {
	k.opened, k.live = true, true
	k.s.side.trust()
	if cause := k.gap; cause != nil {
		k.gap = nil
		k.s.enqueue(event{kind: eventMissed})
		for _, l := range k.s.side.joined() {
			l.gap(cause)
		}
	}
	k.s.side.note(k, func(st *standing) {
		st.open = true
		select {
		case <-k.hurry: // it is there: who comes later does not hasten it
		default:
		}
	})
}

// judge says what the end of a stream means.
func (k *streamKeeper) judge(err error) ending {
	var (
		status   *streamablehttp.HTTPError
		link     *transport.Error
		protocol *streamablehttp.ProtocolError
	)
	switch {
	case err == io.EOF:
		return streamLost
	case errors.As(err, &status):
		return k.judgeStatus(status)
	case errors.Is(err, transport.ErrClosed):
		return streamOver
	case errors.As(err, &link):
		return streamLost // whatever it is, it is not the server's refusal
	case errors.As(err, &protocol):
		return k.absent() // a web page where the stream should be
	}
	return streamOver // another verdict, or something that would only be sent again
}

// absent is for a refusal that says that there is no such stream; once it was
// there, it can only be over.
func (k *streamKeeper) absent() ending {
	if k.opened {
		return streamOver
	}
	return streamRefused
}

func (k *streamKeeper) judgeStatus(e *streamablehttp.HTTPError) ending {
	class := httpstatus.Of(e.Status)
	switch {
	case verdict.SaysSessionLost(e.Status):
		if _, resumed := k.cursor.ID(); resumed {
			k.cursor = streamablehttp.Cursor{} // it may be the cursor that is refused
			return streamLost
		}
		if !k.state.inSession() || (!k.opened && !k.s.side.doubt()) {
			return k.absent()
		}
		// The session may be gone, and without a call nobody else would
		// notice. The next generation brings its own stream.
		_, err := k.s.recover(k.ctx, k.state.generation, sessionDoubted)
		switch {
		case errors.Is(err, errSessionAlive):
			return k.absent()
		case err == nil:
			return streamMoved
		}
		return streamLost
	case class.Transient():
		return streamLost
	case class == httpstatus.Conflict:
		return streamLost // to the server the last one is still open: it has not noticed yet
	case class == httpstatus.Unsupported:
		return k.absent()
	}
	if e.Status == http.StatusUnauthorized && len(e.Challenges) == 0 && k.state.inSession() && k.s.side.doubt() {
		// Some servers say so for a session that they have lost.
		if _, err := k.s.recover(k.ctx, k.state.generation, accessDoubted); err == nil {
			return streamMoved
		}
	}
	if k.s.unauthorized(e) != nil {
		return streamLost // for this nobody is asked: a call will be, and then it is opened again
	}
	return streamOver // 401, 403 and the like say nothing about the stream
}

// DecodeResult implements streamablehttp.Receiver.
func (k *streamKeeper) DecodeResult(data []byte) (int, error) { return skipValue(data) }

// Event implements streamablehttp.Receiver.
func (k *streamKeeper) Event() {}

// Notification implements streamablehttp.Receiver.
func (k *streamKeeper) Notification(method string, params []byte) {
	switch method {
	case methodLog:
		k.s.enqueueLog(params)
	case methodProgress:
		k.s.routeProgress(params)
	case methodCancelled:
		k.s.cancelRequest(k.state, params)
	default:
		k.s.enqueueNotification(method, params)
	}
	k.spoken = true
}

// Request implements streamablehttp.Receiver.
func (k *streamKeeper) Request(method string, id, params []byte) error {
	k.spoken = true
	return k.s.serve(k.ctx, nil, k.state, method, id, params)
}
