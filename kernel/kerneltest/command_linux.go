package kerneltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/supervisor"
)

// programLimit ends a program that does not end by itself, with all that it has started.
const programLimit = 2 * time.Minute

// Cmd is a program that sees a kernel of the test's: an exec.Cmd whose Start, Wait, Run and
// CombinedOutput are these.
type Cmd struct {
	*exec.Cmd
	s *supervisor.Supervisor
}

// Command prepares a program of the host's, in any language and unmodified, that finds the kernel's
// devices in /dev, its /sys and so on (see package supervisor): a driver's own test program, or a
// tool.
//
//	out, err := kerneltest.Command(t, k, "./test_app", "/dev/x").CombinedOutput()
//
// The test is skipped where the host lacks what that takes, and fails for it where CI is true. A
// program that runs for more than two minutes is killed, with what it has started.
func Command(t testing.TB, k *kernel.Kernel, name string, args ...string) *Cmd {
	t.Helper()
	s, err := supervisor.New(k, supervisor.Config{})
	switch {
	case errors.Is(err, supervisor.ErrNoFUSE) && os.Getenv("CI") != "true":
		t.Skipf("kerneltest: programs cannot be shown a kernel here: %v", err)
	case err != nil:
		t.Fatalf("kerneltest: %v", err)
	}
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(context.Background(), programLimit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return &Cmd{Cmd: cmd, s: s}
}

// Start starts the program. Errors: as exec.Cmd.Start; what seccomp lacks, in words.
func (c *Cmd) Start() error { return c.s.Start(c.Cmd) }

// Wait waits for its end. Errors: as exec.Cmd.Wait.
func (c *Cmd) Wait() error { return c.s.Wait(c.Cmd) }

// Run starts the program and waits for its end. Errors: those of Start and Wait.
func (c *Cmd) Run() error { return c.s.Run(c.Cmd) }

// CombinedOutput runs the program and gives all that it prints. Errors: as Run; Stdout or Stderr is
// set already.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	if c.Stdout != nil || c.Stderr != nil {
		return nil, fmt.Errorf("kerneltest: %s has an output already", c.Path)
	}
	var out output
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out, err
}

// output is what a program has printed; os/exec writes to it from one goroutine where Stdout and
// Stderr are the same.
type output []byte

func (o *output) Write(p []byte) (int, error) {
	*o = append(*o, p...)
	return len(p), nil
}
