package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/cmd/internal/private"
	"github.com/spf13/cobra"
)

func (s streams) runCommand() *cobra.Command {
	o := upOptions{kerneld: true, brief: time.Second}
	failOn := ""
	cmd := &cobra.Command{
		Use: "run [-b BOARD] -- COMMAND [ARGUMENT]…", Short: "Run a command with a fresh bench of its own",
		Long: `run boots a machine, runs COMMAND with the tools in its PATH and KOBENCH_SOCKET, KOBENCH_ROOT set (KOBENCH_TTY is the directory of the serial terminals' ptys), ends the machine and returns the command's
status (128 + n where signal n ended it). It is 1 where the command's is 0 and something of the board was not there, has failed (a replayed device that
was not asked as it was recorded, a recording that could not be written), or did not end. What went wrong in the kernel it says at the end: an oops, a
WARN, what a module left behind at rmmod; --fail-on makes its status 1 for that.

On Linux, COMMAND and its children see the machine where programs expect the kernel: its devices in /dev, its /sys, its /proc/modules and the like,
/lib/modules, uname, and the system calls that load modules. The rest is the host's. It isn't a sandbox.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if o.failOn, err = parseFailOn(failOn); err != nil {
				return err
			}
			return s.runBench(o, args)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.StringVarP(&o.Board, "board", "b", "", "the machine: a board's name, or a .yaml file (default \"default\")")
	f.BoolVar(&o.console, "console", false, "print the kernel's log as it is written")
	f.StringVar(&o.mount, "mount", "", "also show the machine's files at this directory (FUSE)")
	f.BoolVar(&o.noDoors, "no-doors", false, "open no ptys and no network ports for the serial terminals")
	f.StringVar(&failOn, "fail-on", "", "fail when the kernel met one of these: oops, warn, left, with commas between; or any")
	return cmd
}

func (s streams) runBench(o upOptions, args []string) error {
	dir, clean, err := private.TempDir(scratch(), "kobench-run")
	if err != nil {
		return err
	}
	defer clean()
	bin := filepath.Join(dir, "bin")
	if err := writeBin(bin); err != nil {
		return err
	}
	o.socket, o.Root = filepath.Join(dir, "sock"), filepath.Join(dir, "root")
	if o.console {
		o.Console = s.err
	}
	b, err := start(o)
	if err != nil {
		return err
	}
	said := b.sim.Problems()
	s.problems(said)
	cmd := s.inBench(args, bin, "KOBENCH_SOCKET="+o.socket, "KOBENCH_ROOT="+o.Root, "KOBENCH_TTY="+o.doorsDir())
	status := runStatus(cmd, s.programs(b), s)
	b.server.Shutdown()
	err = b.wait()
	list := b.sim.Problems()
	for _, p := range list[len(said):] { // what came since
		if err == nil || !strings.Contains(err.Error(), p) {
			s.problems([]string{p})
		}
	}
	if err != nil {
		fmt.Fprintf(s.err, "kobench: at the end: %v\n", err)
	}
	bad := s.troubles(b.sim.Kernel.Troubles(), o.failOn)
	if status == 0 && (err != nil || len(list) > 0 || bad) {
		status = 1
	}
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// scratch is where a bench keeps its files for the length of a command: in memory if there is such
// a place, since a disk takes milliseconds to make and to remove them. "" is the system's temporary
// directory.
func scratch() string {
	if os.Getenv("TMPDIR") != "" {
		return ""
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm"} {
		if dir != "" && writable(dir) {
			return dir
		}
	}
	return ""
}

// lookPath is exec.LookPath with another PATH.
func lookPath(name, path string) (string, error) {
	if strings.ContainsRune(name, os.PathSeparator) {
		return name, nil
	}
	for _, dir := range filepath.SplitList(path) {
		full := filepath.Join(dir, name)
		if st, err := os.Stat(full); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
			return full, nil
		}
	}
	return "", exec.ErrNotFound
}

// runStatus runs a command and gives its status as a shell does.
func runStatus(cmd *exec.Cmd, run func(*exec.Cmd) error, s streams) int {
	ignore := make(chan os.Signal, 1)
	signal.Notify(ignore, os.Interrupt) // it is the command's
	defer signal.Stop(ignore)
	err := run(cmd)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return 128 + int(ws.Signal())
		}
		return exit.ExitCode()
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		fmt.Fprintf(s.err, "kobench: %s: command not found\n", cmd.Args[0])
		return 127
	}
	fmt.Fprintf(s.err, "kobench: %v\n", err)
	return 126
}

// inBench is a command with the tools of dir first in its PATH, and more variables.
func (s streams) inBench(args []string, dir string, env ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	path := dir + string(os.PathListSeparator) + os.Getenv("PATH")
	cmd.Env = append(append(os.Environ(), env...), "PATH="+path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, s.out, s.err
	if found, err := lookPath(args[0], path); err == nil {
		cmd.Path, cmd.Err = found, nil
	}
	return cmd
}

// writeBin makes the directory that goes first in the PATH of a bench's programs: the tools, and a
// sudo.
func writeBin(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := writeLinks(dir, self, self); err != nil {
		return err
	}
	return os.Symlink(self, filepath.Join(dir, "sudo"))
}

func (s streams) execCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "exec -- COMMAND [ARGUMENT]…", Short: "Run a command that sees the running bench",
		Long: `exec runs COMMAND with the tools in its PATH; it and its children see the machine of the running bench where programs expect the kernel, as with
"kobench run": /dev, /sys, /proc/modules and the like, /lib/modules, uname, the system calls that load modules. It returns the command's status. It takes Linux.
The command ends with the bench.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c := s.bench("kobench")
			defer c.Close()
			info, err := c.Info()
			if err != nil {
				return err
			}
			dir, clean, err := private.TempDir(scratch(), "kobench-exec")
			if err != nil {
				return err
			}
			defer clean()
			if err := writeBin(dir); err != nil {
				return err
			}
			program := s.inBench(args, dir, "KOBENCH_SOCKET="+daemon.DefaultSocket(), "KOBENCH_ROOT="+info.Root)
			if status := runStatus(program, func(cmd *exec.Cmd) error { return runIn(c, cmd) }, s); status != 0 {
				return exitStatus(status)
			}
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
