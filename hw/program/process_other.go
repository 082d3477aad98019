//go:build !unix

package program

import (
	"errors"
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd)      {}
func termGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func controlPair() (ours, theirs *os.File, err error) {
	return nil, nil, errors.New("the device protocol needs descriptor 3, which this system's programs do not inherit; use exec, or a Unix")
}
