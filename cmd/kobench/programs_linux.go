package main

import (
	"errors"
	"fmt"
	"os/exec"

	"github.com/kobench/kobench/cmd/internal/client"
	"github.com/kobench/kobench/kernel/supervisor"
	"golang.org/x/sys/unix"
)

// programs gives what runs a program in the bench's world. Where the host lacks something, it says
// what, and the program runs in the host's.
func (s streams) programs(b *bench) (run func(*exec.Cmd) error) {
	sup, err := b.server.Programs()
	if err != nil {
		fmt.Fprintf(s.err, "kobench: programs see the host's kernel, the tools and the terminals' ptys ($KOBENCH_TTY) the bench's: %v\n", err)
		return (*exec.Cmd).Run
	}
	return func(cmd *exec.Cmd) error {
		err := sup.Run(cmd)
		if errors.Is(err, unix.EBUSY) {
			fmt.Fprintf(s.err, "kobench: a bench in a bench: programs go on seeing the outer one's kernel, the tools and the terminals' ptys ($KOBENCH_TTY) the inner one's\n")
			return cmd.Run()
		}
		return err
	}
}

// runIn runs a program in the world of the bench behind a connection.
func runIn(c *client.Client, cmd *exec.Cmd) error {
	err := supervisor.StartBy(cmd, c.Programs)
	// inside of a bench already: it has that one's world, and the tools ask this one
	if errors.Is(err, unix.EBUSY) {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	return cmd.Wait()
}
