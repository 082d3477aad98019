package main

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	"github.com/kobench/kobench/kernel/kbuild"
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
	// a boot allocates a few megabytes; nothing of them would be found
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
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
	b.server.Build = kbuild.Config{Exports: exports}.Extract
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

// cleanDoors makes the directory of the terminals' links, which must be ours and closed, and takes
// away what a bench that was killed has left there.
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
