//go:build !linux

package link

// quickAck is not available here.
var quickAck func(fd uintptr)
