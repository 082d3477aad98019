// Package smoke runs the line suite (hw/serial/serialtest) through the whole stack: tty, driver,
// registers, line, and what hangs on it. The ports are those of a board, or one of the host's
// behind an emulated UART, which makes it the same test on simulated and real hardware.
//
// References:
//
//	[modbus] Modbus over serial line V1.02, 2.5.1.2 (CRC)
//	[NMEA]   NMEA 0183 V2, sentences and checksums
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
)

// Options say what to test.
type Options struct {
	Board string // a name or a path; "" is default. Not with Devices.

	Devices []string // ports of the host: /dev/ttyUSB0. They are tested at the same time.
	// a device of the host's bus, "0403:6001", or of a USB/IP server, "host:port/1-1"
	USB string
	Far string // the host's port at the other end of the one device's null modem, or ""
	// a loop-back plug is on each device (also when neither Far nor Echo is given)
	Loopback bool
	Echo     bool // each device sends back what it receives

	Baud    int               // of most checks; 0 is 115200
	MaxSize int               // of the largest transfer, in bytes; 0 is 64 KiB
	Skip    map[string]string // checks to leave out, by name or group, with the reason

	Repeat int           // how often; 0 is once, or without end where For is given
	For    time.Duration // no run begins later than this; 0 is no limit

	// files to write the report to; "-" is out, in place of the tables
	JSON, TAP, JUnit, HTML string
	Version                string // of this program, for the report
}

func (o *Options) check() error {
	switch {
	case len(o.Devices) == 0 && o.USB == "" && (o.Far != "" || o.Loopback || o.Echo):
		return errors.New("--loopback, --echo and --far say what is at the end of a device's line: give --device or --usb too")
	case o.USB != "" && (len(o.Devices) > 0 || o.Board != ""):
		return errors.New("--usb, --device and --board: one of them")
	case len(o.Devices) > 0 && o.Board != "":
		return errors.New("--device and --board: one of them; a board can have a line {port: /dev/…}")
	case o.Far != "" && (o.Loopback || o.Echo) || o.Loopback && o.Echo:
		return errors.New("--loopback, --echo and --far: one of them")
	case o.Far != "" && len(o.Devices) > 1:
		return errors.New("--far is the other end of one device's null modem; test the others in a run of their own")
	case o.Baud < 0 || o.Baud > 4_000_000:
		return fmt.Errorf("--baud %d: want 1 to 4000000, or nothing for 115200", o.Baud)
	case o.MaxSize < 0:
		return fmt.Errorf("--max-size %d: want 1 byte or more, or nothing for 65536", o.MaxSize)
	case o.Repeat < 0:
		return fmt.Errorf("--repeat %d: want 1 or more", o.Repeat)
	case o.For < 0:
		return fmt.Errorf("--for %v: want a time such as 30m or 8h", o.For)
	}
	seen := map[string]string{}
	for _, d := range append(slices.Clone(o.Devices), o.Far) {
		if d == "" {
			continue
		}
		id := identity(d)
		if other, ok := seen[id]; ok {
			return fmt.Errorf("--device %s: it is tested already, as %s", d, other)
		}
		seen[id] = d
	}
	for name := range o.Skip {
		if !serialtest.Known(name) {
			return fmt.Errorf("--skip %s: there is no such check; there are %s, or one of a group, such as sizes/4096", name, strings.Join(serialtest.Groups(), ", "))
		}
	}
	return o.checkFiles()
}

func (o *Options) mode() serial.Mode {
	if o.Baud == 0 {
		return serial.Format8N1(115200)
	}
	return serial.Format8N1(serial.Baud(o.Baud))
}

// ErrFailed says that a check has failed, or that none passed. The report has been written.
var ErrFailed = errors.New("smoke: the line does not do what it should; see the report")

// Run tests, shows its progress on errw if that is a terminal, and writes the report to out and to
// files. A run of several that ctx ends is reported without the one that was under way.
//
// Errors: ErrFailed; options that make no sense; a board or device that cannot be opened, if it is
// the first of one; ctx's; those of the files.
func Run(ctx context.Context, o Options, out, errw io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	bar := newProgress(errw)
	rep := &Report{Date: time.Now().Truncate(time.Second), Version: o.Version}
	again := o.Repeat > 1 || o.For > 0
	for i := 0; ; i++ {
		if i > 0 && (o.Repeat > 0 && i == o.Repeat || o.Repeat == 0 && o.For == 0 || o.For > 0 && time.Since(rep.Date) >= o.For) {
			break
		}
		start := time.Now()
		ports, err := once(ctx, o, bar)
		if ctx.Err() != nil {
			bar.end()
			if i == 0 {
				return ctx.Err()
			}
			break
		}
		if err != nil && i == 0 {
			bar.end()
			return err
		}
		if err != nil {
			ports = []*serialtest.Report{broken("the bench", err)}
		}
		rep.add(start, ports)
		if again && !o.toOut() {
			rep.writeRun(out)
		}
	}
	bar.end()
	rep.OK = rep.Failed == 0 && rep.Passed > 0
	if err := rep.write(o, out, again); err != nil {
		return err
	}
	if !rep.OK {
		return ErrFailed
	}
	return nil
}

// once tests everything once. Errors: that which stands in the way of all of it.
func once(ctx context.Context, o Options, bar *progress) ([]*serialtest.Report, error) {
	switch {
	case o.USB != "":
		return usbDevice(ctx, o, bar)
	case len(o.Devices) == 0:
		return boardPorts(ctx, o, bar)
	case len(o.Devices) == 1:
		r, err := device(ctx, o, o.Devices[0], bar)
		return []*serialtest.Report{r}, err
	}
	all := make([]*serialtest.Report, len(o.Devices))
	var g errgroup.Group
	for i, name := range o.Devices {
		g.Go(func() error {
			r, err := device(ctx, o, name, bar)
			if err != nil { // the others are none the worse
				r = broken(name, err)
			}
			all[i] = r
			return nil
		})
	}
	return all, g.Wait()
}

// broken is the report on something that could not be opened.
func broken(name string, err error) *serialtest.Report {
	return &serialtest.Report{Line: name, Results: []serialtest.Result{{Check: "open", Status: serialtest.Fail, Reason: err.Error()}}}
}

// progress is the bar on a terminal, or nothing.
type progress struct{ bar *progressbar.ProgressBar }

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{progressbar.NewOptions(-1, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(50*time.Millisecond), progressbar.OptionSetElapsedTime(true))}
}

// of is what a port's suite tells its results to.
func (p *progress) of(port string) func(serialtest.Result) {
	return func(r serialtest.Result) {
		if p.bar != nil {
			p.bar.Describe(port + " " + r.Check)
			_ = p.bar.Add(1)
		}
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
