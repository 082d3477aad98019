package board

import (
	"context"
	"os"

	"github.com/kobench/kobench/hw/scpi"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/device/gps"
	"github.com/kobench/kobench/hw/serial/device/modbus"
	"github.com/kobench/kobench/hw/serial/device/modem"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/hw/serial/record"
)

// lineKinds are the kinds of things at a line's end. One row is all that a new kind needs: the
// board file, its docs, README, "kobench help lines", errors and tests come from it.
func lineKinds() []lineKind {
	return append([]lineKind{
		{name: "loopback", about: "TX→RX, RTS→CTS, DTR→DSR+DCD", plain: Loopback{}},
		{name: "open", about: "nothing at the end (also when line is missing)", plain: Open{}},
		{name: "null-modem", word: "ttyS2", about: "the other uart, which has no line of its own"},
		{name: "gps", about: "a receiver: NMEA 0183, 4800 8N1", make: func(string) Device { return new(gps.Receiver) }},
		{name: "modem", about: "Hayes; with dial: tcp, ATD reaches host:port", make: func(string) Device { return new(modem.Modem) }},
		{name: "modbus", about: "RTU slave, 19200 8E1", make: func(string) Device { return modbus.New(1, 100) }},
		{name: "scpi", about: "power supply, 9600 8N1", make: func(string) Device { return new(scpi.Supply) }},
		{name: "replay", host: true, word: "device.script", about: "a recorded device (umockdev's format); the log says what was not as recorded",
			make: func(file string) Device { return &replayed{file} }},
		{name: "port", host: true, word: "/dev/ttyUSB0", about: "the port on the desk", make: onHost(func(_ context.Context, name string) (serial.Conn, error) {
			return host.OpenPort(name, serial.DefaultMode)
		})},
		{name: "tcp", word: "host:port", about: "raw bytes", make: onHost(func(ctx context.Context, addr string) (serial.Conn, error) {
			return host.DialTCP(ctx, addr)
		})},
		{name: "rfc2217", word: "host:port", about: "a port over the network", make: onHost(func(ctx context.Context, addr string) (serial.Conn, error) {
			return host.Dial2217(ctx, addr, serial.DefaultMode)
		})},
	}, ownKinds()...)
}

// replayed is a device that was recorded: it says what it said then, and expects to be told what it
// was told.
type replayed struct{ file string }

func (r *replayed) Run(ctx context.Context, end serial.Conn) error {
	f, err := os.Open(r.file)
	if err != nil {
		return err
	}
	script, err := record.ParseScript(f)
	f.Close()
	if err != nil {
		return err
	}
	far := end.(*serial.Port)
	far.SetAuto(true)
	dev := record.NewReplay(script)
	if err = dev.Run(ctx, far); ctx.Err() != nil {
		err = nil // it was told to end
	}
	// which is err, where that says what was not as recorded
	if wrong := dev.Close(); wrong != nil {
		return wrong
	}
	return err
}

// attached is an end on the machine that the program runs on.
type attached struct {
	name string
	open func(ctx context.Context, name string) (serial.Conn, error)
}

func onHost(open func(ctx context.Context, name string) (serial.Conn, error)) func(string) Device {
	return func(name string) Device { return &attached{name, open} }
}

func (a *attached) Run(ctx context.Context, end serial.Conn) error {
	c, err := a.open(ctx, a.name)
	if err != nil {
		return err
	}
	defer c.Close()
	return host.Attach(ctx, end.(*serial.Port), c, nil)
}
