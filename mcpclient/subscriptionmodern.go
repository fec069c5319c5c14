package mcpclient

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// errNothingHonored is the error for a server that supports nothing in the filter.
var errNothingHonored = errors.New("the server supports none of the requested subscriptions")

// modernSubscription keeps the stream of a subscription open during one state of a modern session.
type modernSubscription struct {
	l      *Subscription
	stream subscriptionStream
	made   sendTime // when the stream was last opened
	none   bool     // the server agreed to nothing in the filter
	end    *ListenError
}

// runModern keeps a subscriptions/listen stream open. It returns nil if the session state has
// changed.
func (l *Subscription) runModern() *ListenError {
	l.s.shared.leave(l.s, l) // the subscription may have started in a legacy session
	m := &modernSubscription{l: l}
	filter := l.s.filterFor(l.state, l.wants)
	if filter.empty() {
		return &ListenError{EndRefused, errNothingHonored}
	}
	m.stream = subscriptionStream{r: &l.streamReopener, filter: filter, acknowledged: m.acknowledged, notified: m.notified}
	l.streamReopener.run(m)
	return m.end
}

func (m *modernSubscription) acknowledged(honored Filter) {
	honored = m.l.wants.within(honored)
	if m.none = honored.empty(); m.none {
		m.stream.cancel(errNothingHonored)
		return
	}
	m.l.agreed(honored)
}

// notified passes on an event of the subscription, and a notification that an extension adds.
func (m *modernSubscription) notified(method string, params []byte) {
	m.l.notified(method, params)
	if m.l.s.addedNotification(method) {
		m.l.s.enqueueNotification(method, params)
	}
}

// open implements reopenable.
func (m *modernSubscription) open(ctx context.Context) error {
	m.l.tries++
	m.made = m.l.s.sendTime()
	return m.stream.open(ctx)
}

// ended implements reopenable.
func (m *modernSubscription) ended(err error) (pause time.Duration, again bool) {
	pause, again = m.judge(err)
	m.l.tellLost(m.l, err, pause, !again)
	return pause, again
}

// judge does what ended does, except for the event.
func (m *modernSubscription) judge(err error) (pause time.Duration, again bool) {
	l := m.l
	switch {
	case m.none:
		m.end = &ListenError{EndRefused, errNothingHonored}
	case err == nil:
		m.end = &ListenError{Reason: EndCompleted}
	case err == errCancelledByServer:
		m.end = &ListenError{Reason: EndCancelled}
	}
	if m.end != nil {
		return 0, false
	}
	if _, refused := refusedVersion(err); refused && !l.versioned {
		l.versioned = true
		if _, failed := l.s.recover(l.ctx, l.state.generation, versionRefused, err); failed == nil {
			return 0, false
		}
	}
	if refusal := l.s.unauthorized(err); refusal != nil && l.authorized < maxAuthorizations {
		l.authorized++
		if err = l.s.authorize(l.ctx, refusal, m.made); err == nil {
			return 0, true
		}
	}
	if l.live {
		l.miss(err)
	}
	pause, m.end = l.judge(err)
	return pause, m.end == nil
}

// judge decides whether the subscription ends with a stream that ended with err. If so, end is the
// reason. If end is nil, the stream is opened again after the pause. A subscription that never
// started is retried like any request that is safe to repeat. One that has started is retried
// without limit.
func (l *Subscription) judge(err error) (pause time.Duration, end *ListenError) {
	asked := time.Duration(-1)
	if status := (*HTTPError)(nil); errors.As(err, &status) {
		asked = status.RetryAfter
	}
	pause = l.paced(0, false)
	switch {
	case !retryable(err), KindOf(err) == KindRefused: // by the server, or by an interceptor
		return 0, &ListenError{EndRefused, err}
	case l.opened && l.opts.once:
		return 0, &ListenError{EndLost, err}
	case l.opened:
		return max(pause, asked), nil
	case permanent(err):
		return 0, neverStarted(err)
	}
	var again bool
	if pause, again = l.budget.next(asked); !again {
		return 0, neverStarted(err)
	}
	return pause, nil
}

func permanent(err error) bool {
	var link *transport.Error
	return errors.As(err, &link) && link.Stage == transport.NotSent && link.Permanent
}
