package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/cmd/internal/doors"
	"github.com/kobench/kobench/cmd/internal/private"
	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/kernel"
	"github.com/spf13/cobra"
)

// upOptions are the flags of up and run.
type upOptions struct {
	sim.Options
	socket, mount       string
	background, kerneld bool
	console             bool
	doors               string // the directory of the terminals' links
	noDoors             bool
	failOn              []kernel.TroubleKind // of run
	brief               time.Duration        // the bench may not live longer
	noHostFiles         bool
}

// doorsDir is where the links are: where the flag says, or beside the socket.
func (o upOptions) doorsDir() string {
	if o.doors != "" {
		return o.doors
	}
	return strings.TrimSuffix(o.socket, ".sock") + ".tty"
}

func (s streams) upCommand() *cobra.Command {
	var o upOptions
	var noKerneld bool
	cmd := &cobra.Command{
		Use: "up [-b BOARD] [-d]", Short: "Boot a bench and serve it on a Unix socket", Args: cobra.NoArgs,
		Long: `up boots a machine and serves it on a Unix socket (mode 0600, HTTP and JSON: go doc ./cmd/internal/daemon) until "kobench down",
SIGINT or SIGTERM. The tools find it at $KOBENCH_SOCKET, or at the same default place.

Other programs (minicom, pyserial, …) reach the machine's serial terminals by ptys, one for each under the terminal's name, in a directory
beside the socket, and by RFC 2217 where the board asks for it.

When the kernel asks for a module (open of a node whose driver is not loaded), a kerneld is started beside it, which loads it.`,
		RunE: func(*cobra.Command, []string) error {
			o.kerneld = !noKerneld
			if o.background {
				return s.upInBackground(o)
			}
			return s.up(o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Board, "board", "b", "", "the machine: a board's name, or a .yaml file (default \"default\")")
	f.BoolVarP(&o.background, "detach", "d", false, "go to the background once the bench is ready")
	f.StringVar(&o.socket, "socket", "", "where to listen (default $KOBENCH_SOCKET, or kobench.sock in the runtime folder)")
	f.StringVar(&o.Root, "root", "", "the host directory that stands for the machine's / (default a temporary one)")
	f.StringVar(&o.mount, "mount", "", "also show the machine's files at this directory (FUSE)")
	f.StringVar(&o.doors, "doors", "", "the directory that gets a pty for each serial terminal (default beside the socket, with .tty in place of .sock)")
	f.BoolVar(&o.noDoors, "no-doors", false, "open no ptys and no network ports for the serial terminals")
	f.BoolVar(&o.noHostFiles, "no-host-files", false, "let no request make the bench open, write or run what is the computer's own")
	f.BoolVar(&noKerneld, "no-kerneld", false, "start no kerneld")
	f.BoolVar(&o.console, "console", false, "print the kernel's log as it is written")
	return cmd
}

// up runs until it is told to stop.
func (s streams) up(o upOptions) error {
	if o.socket == "" {
		o.socket = daemon.DefaultSocket()
	}
	if o.console {
		o.Console = s.err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := start(o)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, b.server.Shutdown)
	fmt.Fprintf(s.out, "kobench: board %s is up, pid %d, socket %s\n", b.sim.Board.Name, os.Getpid(), o.socket)
	if b.doors != nil && len(b.doors.List) > 0 {
		_, _ = b.doors.WriteTo(s.out)
	}
	s.problems(b.sim.Problems())
	err = b.wait()
	fmt.Fprint(s.out, b.sim.FaultReport())
	return err
}

// problems says what of the board is not there. The bench is up all the same.
func (s streams) problems(list []string) {
	for _, p := range list {
		fmt.Fprintf(s.err, "kobench: %s\n", p)
	}
}

// bench is a machine that is served.
type bench struct {
	sim      *sim.Sim
	server   *daemon.Server
	socket   string
	kerneld  kerneld
	doors    *doors.Doors // nil: none
	doorsDir string
	done     chan error
}

// start boots a machine and serves it; on return it answers.
func start(o upOptions) (_ *bench, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a boot allocates a few megabytes; nothing of them would be found
	l, err := daemon.Listen(o.socket)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.Close()
			_ = os.Remove(o.socket)
		}
	}()
	_ = os.Remove(endFile(o.socket)) // of one before
	m, err := sim.Start(o.Options)
	if err != nil {
		return nil, err
	}
	b := &bench{sim: m, server: daemon.New(m), socket: o.socket, doorsDir: o.doorsDir(), done: make(chan error, 1), kerneld: kerneld{socket: o.socket, root: m.Root}}
	b.server.NoHostFiles = o.noHostFiles
	// Whoever finds that the bench answers finds it whole: what connects meanwhile waits.
	serve := func() { go func() { b.done <- b.server.Serve(l) }() }
	giveUp := func() {
		b.server.Shutdown()
		serve()
		_ = b.wait()
	}
	if o.mount != "" {
		var dir string
		if dir, err = filepath.Abs(o.mount); err == nil {
			err = b.server.Mount(dir)
		}
		if err != nil {
			m.Discard()
			giveUp()
			return nil, fmt.Errorf("mount at %s: %w", o.mount, err)
		}
	}
	if !o.noDoors {
		if err = cleanDoors(o.doorsDir()); err != nil {
			m.Discard()
			giveUp()
			return nil, fmt.Errorf("doors: %w (--doors chooses another place, --no-doors does without)", err)
		}
		b.doors, err = doors.Open(context.Background(), m.Machine, o.doorsDir(), o.brief)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			m.Discard()
			giveUp()
			return nil, fmt.Errorf("%w (--no-doors does without)", err)
		}
	}
	serve()
	if o.kerneld {
		b.server.StartKerneld(b.kerneld.start)
	}
	b.server.SetReady()
	return b, nil
}

// cleanDoors makes the directory of the terminals' links, which must be ours and closed, and takes away what a bench that was killed has
// left there.
func cleanDoors(dir string) error {
	if err := private.Dir(dir); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		name := filepath.Join(dir, e.Name())
		if to, err := os.Readlink(name); err == nil && strings.HasPrefix(to, "/dev/pts/") {
			_ = os.Remove(name)
		}
	}
	return nil
}

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
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := writeLinks(bin, self, self); err != nil {
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
	cmd := exec.Command(args[0], args[1:]...)
	path := bin + string(os.PathListSeparator) + os.Getenv("PATH")
	cmd.Env = append(os.Environ(), "KOBENCH_SOCKET="+o.socket, "KOBENCH_ROOT="+o.Root, "KOBENCH_TTY="+o.doorsDir(), "PATH="+path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, s.out, s.err
	if found, err := lookPath(args[0], path); err == nil {
		cmd.Path, cmd.Err = found, nil
	}
	run, end := s.programs(b, o)
	status := runStatus(cmd, run, s)
	end()
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

// scratch is where a bench keeps its files for the length of a command: in memory if there is such a place, since a disk takes milliseconds to make and
// to remove them. "" is the system's temporary directory.
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
