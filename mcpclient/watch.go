package mcpclient

import (
	"time"

	"github.com/hawser-mcp/hawser/internal/timeouts"
)

// watch ends exchanges that exceed a timeout, and all exchanges when the session closes.
type watch struct{ timeouts.Watch }

// watched is the part of a delivery that the watch uses.
type watched = timeouts.Exchange

func (w *watch) now() time.Duration { return w.Now() }

// expired returns the cause for ending an exchange that exceeds a timeout.
func expired(kind timeouts.Kind, limit time.Duration) error {
	what := TimeoutTotal
	switch kind {
	case timeouts.Try:
		what = TimeoutTry
	case timeouts.Idle:
		what = TimeoutIdle
	case timeouts.Total:
	}
	return &TimeoutError{What: what, After: limit}
}

// running identifies an exchange that was in flight.
type running struct {
	state  *sessionState
	id     int64 // 0 for a notification
	method string
}

// running returns the exchange of the last try.
func (d *delivery) running() running { return running{d.state, d.msg.id, d.msg.method} }

// close cancels every exchange and refuses new ones. It returns the calls that it canceled, and a
// channel that is closed when all exchanges have ended.
func (w *watch) close(cause error) (cut []running, ended <-chan struct{}) {
	ended = w.Close(cause, func(owner any) {
		if d, ok := owner.(*delivery); ok {
			cut = append(cut, d.running())
		}
	})
	return cut, ended
}
