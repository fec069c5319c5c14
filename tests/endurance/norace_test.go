//go:build !race

package endurance_test

import "time"

// The load lasts eight hours, in fake time.
const (
	loads  = 8
	length = time.Hour
)
