package mcpclient

import (
	"sync"
	"time"
)

// The first doubtful reply makes the session ping at once. After each ping, doubtful replies are
// taken as they are for a while: one second at first, doubling up to a minute. A server that
// refuses many calls for other reasons is thus pinged once a minute, and the loss of a session is
// noticed within a minute of its first call. After ten minutes without a doubtful reply, the pause
// is a second again.
const (
	doubtFirst   = time.Second
	doubtCeiling = time.Minute
	doubtForget  = 10 * time.Minute
)

// doubts paces the pings after doubtful replies. The zero value is ready to use. It is safe for
// concurrent use.
type doubts struct {
	mu    sync.Mutex
	pause time.Duration // guarded by mu; the last pause, 0 before the first ping
	until time.Duration // guarded by mu; the end of that pause, on the session's clock
	asked bool          // guarded by mu; a ping is due, and no recovery has ended since
}

// due reports whether to ping now, and starts the next pause if so. Until a recovery has ended, the
// ping is due for other calls as well, so that they join that recovery.
func (d *doubts) due(now time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.asked:
		return true
	case d.pause > 0 && now < d.until:
		return false
	case d.pause == 0, now-d.until >= doubtForget:
		d.pause = doubtFirst
	default:
		d.pause = min(2*d.pause, doubtCeiling)
	}
	d.until, d.asked = now+d.pause, true
	return true
}

// settle records that a recovery has ended.
func (d *doubts) settle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = false
}

// mayProbe reports whether a doubtful reply in a session state leads to a recovery. It does if a
// recovery is running, or the state was replaced, since that costs no ping, and otherwise if a ping
// is due. A recovery that ends replaces the state first, so the order matters.
func (s *Session) mayProbe(state *sessionState) bool {
	return s.recovery.Running() || !s.isCurrent(state.generation) || s.doubts.due(s.watch.now())
}
