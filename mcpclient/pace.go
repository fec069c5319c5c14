package mcpclient

import (
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/hawser-mcp/hawser/streamablehttp"
)

// sideInitial and sideCeiling bound the backoff before a lost shared stream is opened again. A server
// cannot ask for less than sideFloor.
const (
	sideInitial = 500 * time.Millisecond
	sideCeiling = 30 * time.Second
	sideFloor   = 100 * time.Millisecond
)

// pace is how long to wait before a side stream is opened again. Its zero value is ready.
type pace struct {
	growing *backoff.ExponentialBackOff
	last    time.Duration
}

// next returns the wait. It grows until a stream was of use: it brought a
// message, or outlived the last wait. Cursor may be nil.
func (p *pace) next(spoken bool, lived time.Duration, cursor *streamablehttp.Cursor) time.Duration {
	if p.growing == nil {
		p.growing = backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(sideInitial), backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.2),
			backoff.WithMaxInterval(sideCeiling), backoff.WithMaxElapsedTime(0),
		)
	}
	useful := spoken || (p.last > 0 && lived > p.last)
	if useful {
		p.growing.Reset()
	}
	p.last = p.growing.NextBackOff()
	if cursor == nil {
		return p.last
	}
	switch asked, ok := cursor.Retry(); {
	case ok && useful:
		p.last = max(asked, sideFloor)
	case ok:
		p.last = max(asked, p.last)
	}
	return p.last
}
