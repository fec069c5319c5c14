//go:build unix

package peer

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the program and its children into a new process group.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// killGroup kills the process group of a program that was started with ownGroup. Do not call it
// after cmd.Wait, because the id may then belong to another process.
func killGroup(cmd *exec.Cmd) error {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
