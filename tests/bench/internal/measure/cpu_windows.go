package measure

import (
	"syscall"
	"time"
)

// cpu returns the CPU time of this process so far, in user and kernel mode.
func cpu() (time.Duration, error) {
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, err
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(process, &created, &exited, &kernel, &user); err != nil {
		return 0, err
	}
	// Both count 100 ns. [syscall.Filetime.Nanoseconds] would subtract the time of an epoch.
	ticks := func(t syscall.Filetime) int64 { return int64(t.HighDateTime)<<32 | int64(t.LowDateTime) }
	return time.Duration(100 * (ticks(kernel) + ticks(user))), nil
}
