// Package smoke runs the line suite (hw/serial/serialtest) through the whole stack: tty, driver, registers, line, and what hangs on it. The ports are
// those of a board, or one of the host's behind an emulated UART, which makes it the same test on simulated and real hardware.
//
// References:
//
//	[modbus] Modbus over serial line V1.02, 2.5.1.2 (CRC)
//	[NMEA]   NMEA 0183 V2, sentences and checksums
package smoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Options say what to test.
type Options struct {
	Board string // a name or a path; "" is default. Not with Device.

	Device   string // the host's port: /dev/ttyUSB0
	USB      string // a device of the host's bus, "0403:6001", or of a USB/IP server, "host:port/1-1"
	Far      string // the host's port at the other end of a null modem, or ""
	Loopback bool   // a loop-back plug is on the device (also when neither Far nor Echo is given)
	Echo     bool   // the device sends back what it receives

	Baud    int               // of most checks; 0 is 115200
	MaxSize int               // of the largest transfer, in bytes; 0 is 64 KiB
	Skip    map[string]string // checks to leave out, by name or group, with the reason

	JSON bool // a JSON document on out in place of the tables
}

func (o *Options) check() error {
	switch {
	case o.Device == "" && o.USB == "" && (o.Far != "" || o.Loopback || o.Echo):
		return errors.New("--loopback, --echo and --far say what is at the end of a device's line: give --device or --usb too")
	case o.USB != "" && (o.Device != "" || o.Board != ""):
		return errors.New("--usb, --device and --board: one of them")
	case o.Device != "" && o.Board != "":
		return errors.New("--device and --board: one of them; a board can have a line {port: /dev/…}")
	case o.Far != "" && (o.Loopback || o.Echo) || o.Loopback && o.Echo:
		return errors.New("--loopback, --echo and --far: one of them")
	case o.Baud < 0 || o.Baud > 4_000_000:
		return fmt.Errorf("--baud %d: want 1 to 4000000, or nothing for 115200", o.Baud)
	}
	return nil
}

func (o *Options) mode() serial.Mode {
	if o.Baud == 0 {
		return serial.Format8N1(115200)
	}
	return serial.Format8N1(serial.Baud(o.Baud))
}

// Report is what Run found, as --json writes it.
type Report struct {
	OK    bool                 `json:"ok"`
	Ports []*serialtest.Report `json:"ports"`
}

// ErrFailed says that a check has failed, or that none passed. The report has been written.
var ErrFailed = errors.New("smoke: the line does not do what it should; see the report")

// Run tests, shows its progress on errw if that is a terminal, and writes the report to out.
//
// Errors: ErrFailed; options that make no sense; a board or device that cannot be opened; ctx's.
func Run(ctx context.Context, o Options, out, errw io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	bar := newProgress(errw)
	rep := &Report{}
	var err error
	switch {
	case o.Device != "":
		err = device(ctx, o, rep, bar)
	case o.USB != "":
		err = usbDevice(ctx, o, rep, bar)
	default:
		err = boardPorts(ctx, o, rep, bar)
	}
	bar.end()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	passed, failed := 0, 0
	for _, p := range rep.Ports {
		passed, failed = passed+p.Count(serialtest.Pass), failed+p.Count(serialtest.Fail)
	}
	rep.OK = failed == 0 && passed > 0
	if err := rep.write(o.JSON, out); err != nil {
		return err
	}
	if !rep.OK {
		return ErrFailed
	}
	return nil
}

func (r *Report) write(asJSON bool, out io.Writer) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	for i, p := range r.Ports {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := p.WriteTable(out); err != nil {
			return err
		}
	}
	return nil
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
