package memnet

import (
	"sync"
	"time"
)

// deadline is the time after which a waiting operation fails. It is guarded by the lock of the cond
// that is passed to set.
type deadline struct {
	expired bool
	timer   *time.Timer // pending; nil if there is none
}

// set moves the deadline to t; the zero time means never. It wakes the goroutines that wait on
// cond, now and at t.
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
		if d.timer == timer { // otherwise the deadline was moved before this function ran
			d.expired = true
			cond.Broadcast()
		}
	})
	d.timer = timer
}

// stop prevents a pending timer from expiring the deadline.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
