//go:build !linux

package link

// quickAck is not to be had here.
var quickAck func(fd uintptr)
