package main

import (
	"fmt"
	"os/exec"

	"github.com/kobench/kobench/kernel/kbuild"
	"github.com/kobench/kobench/kernel/supervisor"
)

// programs gives what runs a program in the bench's world, and what ends that world. Where the host lacks something, it says what, and programs
// run in the host's.
func (s streams) programs(b *bench, o upOptions) (run func(*exec.Cmd) error, end func()) {
	sup, err := supervisor.New(b.sim.Kernel, supervisor.Config{Root: b.sim.Root, Build: kbuild.Config{Exports: exports}.Extract})
	if err != nil {
		fmt.Fprintf(s.err, "kobench: programs see the host's kernel, the tools and the terminals' ptys ($KOBENCH_TTY) the bench's: %v\n", err)
		return (*exec.Cmd).Run, func() {}
	}
	return sup.Run, sup.Close
}
