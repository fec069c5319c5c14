package link

import "syscall"

// tcpQuickAck is TCP_QUICKACK of tcp(7). The kernel resets it, so it is set again after each read.
const tcpQuickAck = 12

func quickAck(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpQuickAck, 1)
}
