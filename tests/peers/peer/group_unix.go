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

// killGroup kills that group and nothing else. It must not be called after the program has been
// waited for, because its id may then belong to another process.
func killGroup(cmd *exec.Cmd) error {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
