package program

import (
	"errors"
	"os/exec"

	"golang.org/x/sys/unix"
)

// reap waits until a program has ended, and ends what it has started. Meanwhile it stays a zombie,
// so that nobody else can have the number of its group.
func reap(cmd *exec.Cmd) error {
	for {
		if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	killGroup(cmd)
	return cmd.Wait()
}
