package serialtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// Setup says what to test.
type Setup struct {
	Name string
	// Open opens the line. far is nil for a looped line. It is called once, and again for the check
	// that closes the line.
	Open func(ctx context.Context) (near, far serial.Conn, err error)
	// Mode is what most checks use; zero is 115200 8N1.
	Mode serial.Mode
	// Modes are tried one by one; nil is a set that spans rates and formats.
	Modes []serial.Mode
	// Budget is the longest a check may take; what would take longer at the mode's rate is skipped.
	// 0 is 10 s.
	Budget time.Duration
	// Wait is how long a quiet line is watched and a byte waited for in vain. 0 is 100 ms; a slow
	// path needs more.
	Wait time.Duration
	// Stall is how long a transfer may stand still. 0 is 5 s; TestLine's is a minute, since a
	// test's machine may be busy.
	Stall time.Duration
	// MaxSize limits the largest transfer; 0 is 64 KiB.
	MaxSize int
	// Echo says that the loop is made by a device that sends back what it receives, so it carries
	// data and no modem lines.
	Echo bool
	// Skip leaves checks out: the name, or its part before the slash, and the reason that the
	// report gives.
	Skip map[string]string
	// NoSettle leaves out the pause after a change of mode that a path through a host's driver
	// needs.
	NoSettle bool
}

// errSkip carries a reason out of a check.
type errSkip string

func (e errSkip) Error() string { return string(e) }

func skipf(format string, a ...any) error { return errSkip(fmt.Sprintf(format, a...)) }

type run struct {
	Setup
	ctx       context.Context
	near, far serial.Conn // far is near on a looped line
	looped    bool
	hopeless  string // what the first check says about all others
	result    *Result
}

// DefaultModes span the rates and every data size, parity and stop length.
func DefaultModes() []serial.Mode {
	var m []serial.Mode
	for _, s := range []string{
		"300 8N1", "9600 8N1", "19200 8N1", "57600 8N1", "115200 8N1", "230400 8N1", "921600 8N1", "250000 8N1",
		"115200 7N1", "115200 7E1", "115200 7O2", "115200 6N1", "115200 5N1", "115200 5N1.5", "115200 8E1", "115200 8O1", "115200 8N2",
		"115200 8E2", "115200 8M1", "115200 8S1",
	} {
		x, err := serial.ParseMode(s)
		if err != nil {
			panic(err) // the table above is wrong
		}
		m = append(m, x)
	}
	return m
}

// Run runs the suite on s. progress, if not nil, is told each result as it comes. The line is
// closed at the end.
//
// Errors: only when the line cannot be opened; what fails later is in the report.
func Run(ctx context.Context, s Setup, progress func(Result)) (*Report, error) {
	if s.Mode.Baud == 0 {
		s.Mode = serial.Format8N1(115200)
	}
	if s.Modes == nil {
		s.Modes = DefaultModes()
	}
	if s.Budget == 0 {
		s.Budget = 10 * time.Second
	}
	if s.Wait == 0 {
		s.Wait = 100 * time.Millisecond
	}
	if s.Stall == 0 {
		s.Stall = stall
	}
	if s.MaxSize == 0 {
		s.MaxSize = 64 << 10
	}
	r := &run{Setup: s, ctx: ctx}
	if err := r.open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.Name, err)
	}
	rep := &Report{Line: s.Name, Looped: r.looped}
	for _, c := range r.checks() {
		res := Result{Check: c.name, Status: Pass}
		r.result = &res
		err := ctx.Err()
		start := time.Now()
		group, _, _ := strings.Cut(c.name, "/")
		for _, name := range []string{c.name, group} {
			if why, ok := s.Skip[name]; ok && err == nil {
				err = errSkip(why)
			}
		}
		if r.hopeless != "" && err == nil {
			err = errSkip(r.hopeless)
		}
		if err == nil {
			err = c.run()
		}
		res.Duration = time.Since(start)
		var skip errSkip
		switch {
		case errors.As(err, &skip):
			res.Status, res.Reason = Skip, string(skip)
		case err != nil:
			res.Status, res.Reason = Fail, err.Error()
		}
		rep.Results = append(rep.Results, res)
		if progress != nil {
			progress(res)
		}
		if res.Status == Fail {
			r.recover()
		}
	}
	r.close()
	return rep, nil
}

// TestLine runs the suite as subtests of t.
func TestLine(t *testing.T, s Setup) *Report {
	t.Helper()
	if s.Stall == 0 {
		s.Stall = time.Minute
	}
	rep, err := Run(t.Context(), s, func(r Result) {
		t.Run(r.Check, func(t *testing.T) {
			switch r.Status {
			case Skip:
				t.Skip(r.Reason)
			case Fail:
				t.Error(r.Reason)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Count(Pass) == 0 {
		t.Errorf("%s: no check passed", s.Name)
	}
	return rep
}

func (r *run) open() error {
	near, far, err := r.Open(r.ctx)
	if err != nil {
		return err
	}
	r.near, r.far, r.looped = near, far, false
	if far == nil || far == near {
		r.far, r.looped = near, true
	}
	// An end that only carries bytes says so; the checks of modes will skip.
	if err := r.setMode(r.Mode); err != nil && !unsupported(err) {
		r.close()
		return fmt.Errorf("set %v: %w", r.Mode, err)
	}
	// Both ends are ready to send and receive; an end without modem lines says so when they are
	// tested.
	for _, c := range r.ends() {
		if l, ok := c.(serial.ModemLines); ok {
			_ = l.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
		}
	}
	return nil
}

func (r *run) ends() []serial.Conn {
	if r.looped {
		return []serial.Conn{r.near}
	}
	return []serial.Conn{r.near, r.far}
}

func (r *run) close() {
	for _, c := range r.ends() {
		_ = c.Close()
	}
}

// recover opens the line anew after a failure, so that one failure is one failure.
func (r *run) recover() {
	r.close()
	if err := r.open(); err != nil {
		r.near, r.far = broken{err}, broken{err}
	}
}

func (r *run) setMode(m serial.Mode) error {
	for _, c := range r.ends() {
		if err := c.SetMode(m); err != nil {
			return err
		}
	}
	if !r.NoSettle {
		time.Sleep(2*m.CharTime(1) + 2*time.Millisecond)
	}
	return nil
}

// unsupported reports whether err says that the end lacks the ability.
func unsupported(err error) bool {
	return errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOTTY)
}

// quiet reads and forgets what still arrives, until nothing has for a while.
func (r *run) quiet(c serial.Conn) {
	var buf [4096]byte
	for {
		c.SetReadDeadline(time.Now().Add(r.Wait / 4))
		if _, err := c.Read(buf[:]); err != nil {
			return
		}
	}
}

// broken stands in for a line that could not be opened again.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error)        { return 0, b.err }
func (b broken) Write([]byte) (int, error)       { return 0, b.err }
func (b broken) Close() error                    { return nil }
func (b broken) SetMode(serial.Mode) error       { return b.err }
func (b broken) SetReadDeadline(time.Time) error { return b.err }

// stall is Setup.Stall where it is not said.
const stall = 5 * time.Second

// readFull reads len(p) bytes, as long as some come.
func (r *run) readFull(c serial.Conn, p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if err := c.SetReadDeadline(time.Now().Add(r.Stall + r.Mode.CharTime(16))); err != nil {
			return n, err
		}
		k, err := c.Read(p[n:])
		n += k
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n, fmt.Errorf("expected %d bytes, saw %d and then nothing for %v", len(p), n, r.Stall)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
