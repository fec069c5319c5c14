//go:build unix

package peer

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the program and all it starts into a process group of its own.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// killGroup ends that group and nothing else. It must not be called once the
// program was waited for: its number may be another's by then.
func killGroup(cmd *exec.Cmd) error {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
