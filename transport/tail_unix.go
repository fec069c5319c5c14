//go:build unix && !aix

package transport

import "syscall"

const canPeek = true

// peek copies what has arrived to b, without removing it from the socket.
func (t *tail) peek(fd uintptr) {
	n, _, err := syscall.Recvfrom(int(fd), t.b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	if err == nil {
		t.n = n
	}
}
