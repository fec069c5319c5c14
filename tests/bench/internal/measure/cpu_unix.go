//go:build unix

package measure

import (
	"syscall"
	"time"
)

// cpu returns the CPU time of this process so far, in user and system mode.
func cpu() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
