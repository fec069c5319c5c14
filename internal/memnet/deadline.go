package memnet

import (
	"sync"
	"time"
)

// deadline is a point in time after which a waiter is to give up. It is used
// under the lock of the cond it is set with.
type deadline struct {
	expired bool
	timer   *time.Timer // pending; nil when there is none
}

// set moves the deadline to t, the zero time meaning never, and wakes those who
// wait on cond now and when t has come.
func (d *deadline) set(t time.Time, cond *sync.Cond) {
	d.stop()
	d.expired = false
	defer cond.Broadcast()
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.expired = true
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		if d.timer == timer { // else it was moved while this call was on its way
			d.expired = true
			cond.Broadcast()
		}
	})
	d.timer = timer
}

// stop keeps a pending timer from expiring the deadline.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
