package executor

import "time"

// pinger is a link that can ping the far end.
type pinger interface {
	Ping() error
	Heard() time.Time
}

// keepAlive is the goroutine that pings a silent executor and ends a link that stays silent. The
// writer cannot do that, because it may be stuck in Send.
func (c *conn) keepAlive(p pinger) {
	t := time.NewTicker(c.opts.KeepAlive)
	defer t.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-t.C:
		}
		switch silence := c.silence(p); {
		case silence >= 2*c.opts.KeepAlive:
			c.fail(lost(ErrSilent))
		case silence >= c.opts.KeepAlive/2:
			_ = p.Ping() // an error will show in the next Send or Receive
		}
	}
}

// silence returns how long the link has been silent. The time that the reader waited for a slow
// consumer does not count.
func (c *conn) silence(p pinger) time.Duration {
	heard := p.Heard()
	if heard.IsZero() || c.stalled.Load() {
		return 0
	}
	if resumed := c.resumed.Load(); resumed > heard.UnixNano() {
		heard = time.Unix(0, resumed)
	}
	return time.Since(heard)
}
