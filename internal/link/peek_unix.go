//go:build unix && !aix

package link

import (
	"errors"
	"syscall"
)

// peekQuiet looks into the socket without reading. Any data makes the result false: an idle link
// should not receive any.
func peekQuiet(sys syscall.RawConn) bool {
	quiet := false
	err := sys.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
	})
	return err == nil && quiet
}
