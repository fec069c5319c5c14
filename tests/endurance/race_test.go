//go:build race

package endurance_test

import "time"

// The load lasts one hour, in fake time: the race detector makes a call several times slower.
const (
	loads  = 2
	length = 30 * time.Minute
)
