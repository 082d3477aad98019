//go:build !linux

package host

import (
	"os"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// haveIoctls is false: on this system only what tarm/serial can do works.
const haveIoctls = false

func notHere(op string) error {
	return serial.Unsupported(op, "", "this system's ports offer only what tarm/serial can do; use Linux for modem lines, break and changes of mode", nil)
}

func setMode(int, serial.Mode) error                       { return notHere("mode") }
func readTimeout(int, uint8, uint8) error                  { return notHere("time-out") }
func getMode(int) (serial.Mode, error)                     { return serial.Mode{}, notHere("mode") }
func getSignals(int) (serial.Signals, error)               { return 0, notHere("modem lines") }
func setSignals(int, serial.Signals, serial.Signals) error { return notHere("modem lines") }
func setBreak(int, bool) error                             { return notHere("break") }
func queued(int) (int, error)                              { return 0, notHere("drain") }
func drain(int) error                                      { return notHere("drain") }
func purge(int, bool, bool) error                          { return notHere("purge") }
func exclusive(int) error                                  { return notHere("exclusive use") }
func discardOutput(*os.File)                               {}

const (
	pollIn  = 1
	pollOut = 4
)

// ready cannot ask here: tarm/serial's own time-out paces the reader.
func ready(int, int16) (ok, hup bool) { time.Sleep(time.Millisecond); return true, false }

func openControl(name string) (*os.File, error) { return os.OpenFile(name, os.O_RDWR, 0) }
