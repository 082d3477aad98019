// Package device is for programs that are devices of a bench, in Go: the other end of hw/program's
// protocol.
//
//	func main() {
//		device.RunLine(func(l *device.Line, e device.Event) {
//			if e.Name == "data" {
//				l.Write(bytes.ToUpper(e.Data))
//			}
//		})
//	}
//
//	line: {program: [./upper]}         # on a board
//
// While the function runs, nothing else is called and the machine waits; what the device says in it
// is on the line when it returns. Standard output goes to the bench's log. hw/program/PROTOCOL.md
// has the events and what goes with each.
package device

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/program"
)

// Event is what the bench tells.
type Event = program.Event

// Action is what a device tells; for those that have no method here.
type Action = program.Action

// Device is the way to the bench. Its methods may be called from several goroutines. An error means
// that the bench has gone.
type Device struct {
	mu sync.Mutex
	w  io.Writer // +checklocks:mu
}

// Do tells the bench something.
func (d *Device) Do(a Action) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err = d.w.Write(append(line, '\n'))
	return err
}

// After asks for the event "timer" with this id, d of the machine's time from now. The same id
// again moves it; a negative d ends it.
func (d *Device) After(after time.Duration, id string) error {
	return d.Do(Action{Do: "timer", ID: id, Seconds: after.Seconds()})
}

// Line is a device at the end of a serial line.
type Line struct{ Device }

// Write sends bytes. It implements [io.Writer].
func (l *Line) Write(p []byte) (int, error) {
	if err := l.Do(Action{Do: "data", Data: p}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetLines turns CTS, DSR, DCD and RI on and off, by name.
func (l *Line) SetLines(on, off []string) error { return l.Do(Action{Do: "lines", On: on, Off: off}) }

// SendBreak holds the wire at 0 for d.
func (l *Line) SendBreak(d time.Duration) error {
	return l.Do(Action{Do: "break", Seconds: d.Seconds()})
}

// SetMode gives the device a rate and format of its own, such as "4800 8N1".
func (l *Line) SetMode(mode string) error { return l.Do(Action{Do: "mode", Mode: mode}) }

// RunLine is the device that handle is, until the bench ends it; then it returns. A program that is
// not run by a bench is told so, and ends.
func RunLine(handle func(*Line, Event)) {
	f := open()
	l := &Line{Device: Device{w: f}}
	if err := serve(f, &l.Device, func(e Event) { handle(l, e) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// USB is a device on a USB bus.
type USB struct{ Device }

// Reply answers the control request of the event.
func (u *USB) Reply(p []byte) error { return u.Do(Action{Do: "reply", Data: p}) }

// Stall refuses the control request of the event, or with an endpoint's address halts that.
func (u *USB) Stall(endpoint uint8) error { return u.Do(Action{Do: "stall", Endpoint: int(endpoint)}) }

// Send queues one transfer for the host.
func (u *USB) Send(endpoint uint8, p []byte) error {
	return u.Do(Action{Do: "in", Endpoint: int(endpoint), Data: p})
}

// RunUSB is RunLine for a device on a USB bus, whose descriptors are a file
// (hw/usb/function/described).
func RunUSB(handle func(*USB, Event)) {
	f := open()
	u := &USB{Device: Device{w: f}}
	if err := serve(f, &u.Device, func(e Event) { handle(u, e) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func open() *os.File {
	fd, err := strconv.Atoi(os.Getenv("KOBENCH_DEVICE_FD"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "this is a device for kobench: put it on a board, line: {program: [%s]}\n", os.Args[0])
		os.Exit(2)
	}
	return os.NewFile(uintptr(fd), "device protocol")
}

// serve hands events to handle, and says done after each.
func serve(r io.Reader, d *Device, handle func(Event)) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("an event that cannot be read: %w", err)
		}
		handle(e)
		if err := d.Do(Action{Do: "done"}); err != nil {
			return nil // the bench has gone
		}
	}
}
