//go:build unix

package program

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes the program the leader of a process group, so that its children can be ended with
// it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func termGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// controlPair makes descriptor 3: a socket, so that one descriptor carries both directions.
func controlPair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd[0])
		syscall.CloseOnExec(fd[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("a socket pair: %w", err)
	}
	_ = syscall.SetNonblock(fd[0], true) // Go's poller waits for it, so that Close ends a read
	return os.NewFile(uintptr(fd[0]), "device protocol"), os.NewFile(uintptr(fd[1]), "device protocol"), nil
}
