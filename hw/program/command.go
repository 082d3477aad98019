package program

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Restart says when a program that has ended is started again.
type Restart string

// The rules.
const (
	OnFailure Restart = "failure" // when its status was not 0; also what "" means
	Always    Restart = "always"
	Never     Restart = "never"
)

// Start says when the program begins.
type Start string

// The beginnings.
const (
	AtBoot Start = "boot" // with the machine; also what "" means
	AtOpen Start = "open" // when the host raises DTR; it ends when DTR falls
)

// Command is a program that is a device.
type Command struct {
	Argv    []string
	Dir     string   // where it runs; "": where the bench runs
	Env     []string // added to the bench's environment, NAME=VALUE
	Restart Restart
	Start   Start
	// Options go to a program of the protocol with the first event. They must be a value that
	// encoding/json can write.
	Options any
	// Log gets what it says on standard error, and what happened to it. nil: nobody.
	Log func(text string)
}

// Validate checks what a person has written.
//
// Errors: what was found, and what is possible.
func (c *Command) Validate() error {
	switch {
	case len(c.Argv) == 0 || strings.TrimSpace(c.Argv[0]) == "":
		return errors.New("no program: want a list such as [python3, device.py]")
	case c.Restart != "" && c.Restart != OnFailure && c.Restart != Always && c.Restart != Never:
		return fmt.Errorf("restart %q: want failure, always or never", c.Restart)
	case c.Start != "" && c.Start != AtBoot && c.Start != AtOpen:
		return fmt.Errorf("start %q: want boot or open", c.Start)
	}
	return nil
}

func (c *Command) logf(format string, args ...any) {
	if c.Log != nil {
		c.Log(fmt.Sprintf(format, args...))
	}
}

// name is how the log calls the program.
func (c *Command) name() string { return short(strings.Join(c.Argv, " ")) }

func short(s string) string {
	if len(s) > 60 {
		return s[:57] + "…"
	}
	return s
}

// The pauses before a program that ended is started again: doubled each time, from the first again
// once it has run for a while.
const (
	firstPause  = 200 * time.Millisecond
	longPause   = 30 * time.Second
	healthyTime = 10 * time.Second
)

// supervise runs the program at a line's end by its rules, until ctx ends (nil) or it is over for
// good.
//
// Errors: it could not be started, or it failed and the rule is not to start it again.
func (c *Command) supervise(ctx context.Context, p *serial.Port, protocol bool, serve func(context.Context, *process, <-chan struct{}) error) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("program: %w", err)
	}
	w := newWatch(p)
	defer w.end()
	pause := firstPause
	for {
		if c.Start == AtOpen && !w.waitDTR(ctx) || ctx.Err() != nil {
			return nil
		}
		began := time.Now()
		over, err := c.once(ctx, p, w, protocol, serve)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, new(*startError)):
			return err
		case over: // DTR fell
			pause = firstPause
			_ = p.Purge(true, true)
			continue
		case c.Restart == Never, c.Restart != Always && err == nil:
			if c.Start == AtOpen && w.waitNoDTR(ctx) {
				_ = p.Purge(true, true)
				continue
			}
			return err
		}
		if time.Since(began) > healthyTime {
			pause = firstPause
		}
		c.logf("%s is started again in %v", c.name(), pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, longPause)
	}
}

// once runs the program once. over: it was told to end.
func (c *Command) once(ctx context.Context, p *serial.Port, w *watch, protocol bool, serve func(context.Context, *process, <-chan struct{}) error) (over bool, err error) {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	proc, err := c.start(protocol)
	if err != nil {
		return false, err
	}
	if c.Start == AtOpen {
		w.onDTR(cancel)
		defer w.onDTR(nil)
	}
	c.unplugged(p, false)
	err = serve(run, proc, w.changed)
	over = run.Err() != nil
	c.unplugged(p, true)
	status := proc.stop()
	if over {
		return true, nil
	}
	if err == nil {
		err = status
	}
	if err != nil {
		err = fmt.Errorf("%s has failed: %w", c.name(), err)
		c.logf("%v", err)
	} else {
		c.logf("%s has ended", c.name())
	}
	return false, err
}

// unplugged takes the cable out of a line whose program does not run, or puts it in. A program that
// starts with DTR leaves it in, since nobody sees DTR through a cable that is out; its lines go
// off.
func (c *Command) unplugged(p *serial.Port, out bool) {
	if out {
		_ = p.SetBreak(false)
		_ = p.SetSignals(serial.DCEOutputs, 0)
	}
	switch {
	case c.Start == AtOpen:
	case out:
		p.Unplug()
	default:
		p.Plug()
	}
}

// startError is a program that cannot be started; to try again would not help.
type startError struct{ err error }

func (e *startError) Error() string { return "the program cannot be started: " + e.err.Error() }
func (e *startError) Unwrap() error { return e.err }
