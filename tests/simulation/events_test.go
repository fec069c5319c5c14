package simulation_test

import (
	"context"
	"errors"
	"sync"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// opKey is the key of a call's number in the call's context.
type opKey struct{}

// watcher observes a session and checks that its events follow from each other.
type watcher struct {
	j *Journal

	mu         sync.Mutex // guards the fields below
	connected  bool
	closed     bool
	recovery   *mcpclient.Recovery // the one that is running
	ended      map[*mcpclient.Recovery]bool
	negotiated bool   // since the recovery started
	replaced   uint64 // how many recoveries replaced the session
	asking     bool   // an authorization is running
	streams    map[*mcpclient.Subscription]stream
	retries    map[retriedMessage]int
	returned   map[int]bool
}

// stream is what the events say of one stream.
type stream struct{ open, justOpened bool }

func newWatcher(j *Journal) *watcher {
	return &watcher{
		j: j, ended: map[*mcpclient.Recovery]bool{}, streams: map[*mcpclient.Subscription]stream{}, retries: map[retriedMessage]int{}, returned: map[int]bool{},
	}
}

func (w *watcher) breachf(format string, args ...any) {
	w.j.breachf("events do not fit", 0, format, args...)
}

// observe is the Observer of the session.
func (w *watcher) observe(ctx context.Context, e mcpclient.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		w.breachf("%T after Closed", e)
	}
	switch e := e.(type) {
	case mcpclient.Negotiated:
		if w.negotiated = true; w.connected && w.recovery == nil {
			w.breachf("Negotiated without a recovery")
		}
	case mcpclient.Connected:
		if w.connected || !w.negotiated {
			w.breachf("Connected again, or before Negotiated")
		}
		w.connected = true
	case mcpclient.Closed:
		if w.closed = true; w.recovery != nil || w.asking {
			w.breachf("Closed during a recovery or an authorization")
		}
	case mcpclient.Retrying:
		w.retry(ctx, e)
	case mcpclient.RecoveryStarted, mcpclient.RecoveryEnded:
		w.recover(e)
	case mcpclient.AuthorizationStarted:
		if w.asking {
			w.breachf("two authorizations at the same time")
		}
		w.asking = true
	case mcpclient.AuthorizationEnded:
		if !w.asking {
			w.breachf("AuthorizationEnded without a start")
		}
		w.asking = false
	case mcpclient.StreamOpened:
		w.change(e.Subscription, func(s *stream) {
			if s.open && e.Subscription != nil { // a recovery replaces the shared stream without losing it
				w.breachf("a stream opened twice")
			}
			*s = stream{open: true, justOpened: true}
		})
	case mcpclient.StreamGap:
		w.change(e.Subscription, func(s *stream) {
			if !s.justOpened && e.Subscription != nil {
				w.breachf("StreamGap not after StreamOpened")
			}
			s.justOpened = false
		})
	case mcpclient.StreamLost:
		w.change(e.Subscription, func(s *stream) {
			if s.open != e.Opened && e.Subscription != nil {
				w.breachf("a stream was lost: opened is %t, expected %t", e.Opened, s.open)
			}
			*s = stream{}
		})
	}
}

func (w *watcher) change(of *mcpclient.Subscription, change func(s *stream)) {
	s := w.streams[of]
	change(&s)
	w.streams[of] = s
}

func (w *watcher) recover(e mcpclient.Event) {
	switch e := e.(type) {
	case mcpclient.RecoveryStarted:
		switch {
		case w.recovery != nil:
			w.breachf("two recoveries at the same time")
		case w.ended[e.Recovery]:
			w.breachf("a recovery started twice")
		case e.Recovery.Generation != w.replaced+1:
			w.breachf("recovery of generation %d, expected %d", e.Recovery.Generation, w.replaced+1)
		}
		w.recovery, w.negotiated = e.Recovery, false
	case mcpclient.RecoveryEnded:
		if w.recovery != e.Recovery {
			w.breachf("RecoveryEnded without a start")
		}
		w.recovery, w.ended[e.Recovery] = nil, true
		if e.Replaced {
			w.replaced++
		}
		if e.Replaced && (!w.negotiated || e.Err != nil) {
			w.breachf("the session was replaced without a negotiation, or with the error %v", e.Err)
		}
	}
}

// retriedMessage is what a call sends: its request, or another one that it needs, such as a list of tools.
type retriedMessage struct {
	n      int // the number of the call
	method string
}

// retry counts the retries of a call. Requests for the session itself have no number. The answer to
// a server request may be sent after the call returned.
func (w *watcher) retry(ctx context.Context, e mcpclient.Retrying) {
	n, _ := ctx.Value(opKey{}).(int)
	if n == 0 {
		return
	}
	if w.retries[retriedMessage{n, e.Method}]++; w.returned[n] && e.Method != "elicitation/create" {
		w.breachf("call %d: %s is retried after the call returned", n, e.Method)
	}
}

// judgeCall compares the retries of a call with its error. A retry that the end of the call prevents
// is reported as well. Sending a call again with input that the server required, or because an
// interceptor called next again, is no retry, and the error is that of the last time. again says that
// this may have happened, and then nothing is compared.
func (w *watcher) judgeCall(n int, err error, again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.returned[n] = true
	var e *mcpclient.Error
	if !errors.As(err, &e) || e.Tries == 0 || again {
		return
	}
	if retries := w.retries[retriedMessage{n, e.Method}]; retries > e.Tries || retries < e.Tries-1 {
		w.breachf("call %d: %d retries for %d tries", n, retries, e.Tries)
	}
}

// judgeEnd checks that everything that began has ended.
func (w *watcher) judgeEnd(connected bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed || w.connected != connected || w.recovery != nil || w.asking {
		w.breachf("at the end: closed %t, connected %t, recovery %v, authorization %t", w.closed, w.connected, w.recovery, w.asking)
	}
}
