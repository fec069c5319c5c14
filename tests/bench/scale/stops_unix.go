//go:build unix

package main

import "syscall"

// suspend stops the process until resume.
func (p *process) suspend() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// resume continues a process that is suspended.
func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }
