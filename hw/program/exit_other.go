//go:build !linux

package program

import "os/exec"

// reap waits until a program has ended, and ends what it has started.
func reap(cmd *exec.Cmd) error {
	err := cmd.Wait()
	killGroup(cmd)
	return err
}
