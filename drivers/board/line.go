package board

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/kobench/kobench/hw/scpi"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/device/gps"
	"github.com/kobench/kobench/hw/serial/device/modbus"
	"github.com/kobench/kobench/hw/serial/device/modem"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/hw/serial/record"
)

// Line is what a UART's line leads to.
type Line interface {
	// String is how reports name it: "gps".
	String() string
}

// device is a Line with something alive at its far end. Run works there until ctx ends.
type device interface {
	Line
	run(ctx context.Context, far *serial.Port) error
}

// The simple lines.
type (
	// Open is a line with nothing at its end.
	Open struct{}
	// Loopback is a plug.
	Loopback struct{}
	// NullModem leads to another UART.
	NullModem struct {
		To    string
		first bool // the end that the description does not mention
	}
)

func (Open) String() string        { return "open" }
func (Loopback) String() string    { return "loopback" }
func (n NullModem) String() string { return "null-modem to " + n.To }

// GPS is a receiver.
type GPS struct {
	Lat    float64 `yaml:"lat"`
	Lon    float64 `yaml:"lon"`
	Alt    float64 `yaml:"alt"`
	Speed  float64 `yaml:"speed"`
	Course float64 `yaml:"course"`
}

func (*GPS) String() string { return "gps" }

func (g *GPS) run(ctx context.Context, far *serial.Port) error {
	return (&gps.Receiver{Lat: g.Lat, Lon: g.Lon, Alt: g.Alt, Speed: g.Speed, Course: g.Course}).Run(ctx, far)
}

// Modem is a Hayes modem. With Dial "tcp" it reaches host:port, written as it is dialled; otherwise nobody answers.
type Modem struct {
	ID   string `yaml:"id"`
	Dial string `yaml:"dial"`
}

func (*Modem) String() string { return "modem" }

func (m *Modem) run(ctx context.Context, far *serial.Port) error {
	dev := &modem.Modem{ID: m.ID}
	if m.Dial == "tcp" {
		dev.Dial = func(ctx context.Context, number string) (io.ReadWriteCloser, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", number)
		}
	}
	return dev.Run(ctx, far)
}

// Modbus is a Modbus RTU slave.
type Modbus struct {
	Address int `yaml:"address"`
	Size    int `yaml:"size"`
}

func (*Modbus) String() string { return "modbus" }

func (m *Modbus) run(ctx context.Context, far *serial.Port) error {
	return modbus.New(byte(m.Address), m.Size).Run(ctx, far)
}

// SCPI is a power supply.
type SCPI struct {
	ID   string  `yaml:"id"`
	Load float64 `yaml:"load"`
}

func (*SCPI) String() string { return "scpi" }

func (s *SCPI) run(ctx context.Context, far *serial.Port) error {
	return (&scpi.Supply{ID: s.ID, Load: s.Load}).Run(ctx, far)
}

// Replay is a device that was recorded (umockdev's .script): it says what it said then, and expects to be told what it was told.
type Replay struct{ File string }

func (r *Replay) String() string { return "replay " + r.File }

func (r *Replay) run(ctx context.Context, far *serial.Port) error {
	f, err := os.Open(r.File)
	if err != nil {
		return err
	}
	script, err := record.ParseScript(f)
	f.Close()
	if err != nil {
		return err
	}
	far.SetAuto(true)
	dev := record.NewReplay(script)
	if err = dev.Run(ctx, far); ctx.Err() != nil {
		err = nil // it was told to end
	}
	return errors.Join(err, dev.Close())
}

// Host is an end on the machine that the program runs on.
type Host struct {
	Kind string // "port", "tcp", "rfc2217"
	Addr string
}

func (h *Host) String() string { return h.Kind + " " + h.Addr }

func (h *Host) open(ctx context.Context, m serial.Mode) (serial.Conn, error) {
	switch h.Kind {
	case "port":
		return host.OpenPort(h.Addr, m)
	case "tcp":
		return host.DialTCP(ctx, h.Addr)
	}
	return host.Dial2217(ctx, h.Addr, m)
}

func (h *Host) run(ctx context.Context, far *serial.Port) error {
	c, err := h.open(ctx, serial.DefaultMode)
	if err != nil {
		return err
	}
	defer c.Close()
	return host.Attach(ctx, far, c, nil)
}

const lineKinds = "loopback, open, null-modem, gps, modem, modbus, scpi, replay, port, tcp or rfc2217"

// line reads a line: a word, or a mapping of one kind to its options.
func (c *checker) line(tty string, n ast.Node) (Line, error) {
	if n == nil {
		return Open{}, nil
	}
	kind, options := "", ast.Node(nil)
	switch v := n.(type) {
	case *ast.StringNode:
		kind = v.Value
	case *ast.MappingNode:
		if len(v.Values) != 1 {
			return nil, c.errorf(n, "%s: a line has one end: give one of %s", tty, lineKinds)
		}
		kind, options = v.Values[0].Key.GetToken().Value, v.Values[0].Value
	case *ast.MappingValueNode:
		kind, options = v.Key.GetToken().Value, v.Value
	case *ast.NullNode:
		return Open{}, nil
	default:
		return nil, c.errorf(n, "%s: line: want one of %s", tty, lineKinds)
	}
	switch kind {
	case "open":
		return Open{}, nil
	case "loopback":
		return Loopback{}, nil
	case "null-modem", "port", "tcp", "rfc2217", "replay":
		s, ok := options.(*ast.StringNode)
		if !ok || strings.TrimSpace(s.Value) == "" {
			return nil, c.errorf(orNode(options, n), "%s: %s: want a name, such as {%s: %s}", tty, kind, kind,
				map[string]string{"null-modem": "ttyS2", "port": "/dev/ttyUSB0", "replay": "device.script", "tcp": "host:port", "rfc2217": "host:port"}[kind])
		}
		switch kind {
		case "null-modem":
			return NullModem{To: s.Value}, nil
		case "replay":
			return &Replay{File: s.Value}, nil
		}
		return &Host{Kind: kind, Addr: s.Value}, nil
	}
	return c.device(tty, kind, n, options)
}

func (c *checker) device(tty, kind string, n, options ast.Node) (Line, error) {
	var dev Line
	switch kind {
	case "gps":
		dev = &GPS{}
	case "modem":
		dev = &Modem{}
	case "modbus":
		dev = &Modbus{Address: 1, Size: 100}
	case "scpi":
		dev = &SCPI{}
	default:
		return nil, c.errorf(n, "%s: line %q: want one of %s", tty, kind, lineKinds)
	}
	if options != nil {
		if err := yaml.NodeToValue(options, dev, yaml.Strict()); err != nil {
			return nil, convert(c.file, err)
		}
	}
	at := orNode(options, n)
	switch d := dev.(type) {
	case *GPS:
		if d.Lat < -90 || d.Lat > 90 || d.Lon < -180 || d.Lon > 180 {
			return nil, c.errorf(at, "%s: gps: latitude %v, longitude %v: want degrees, -90 to 90 and -180 to 180", tty, d.Lat, d.Lon)
		}
	case *Modem:
		if d.Dial != "" && d.Dial != "tcp" {
			return nil, c.errorf(at, "%s: modem: dial %q: want tcp, or leave it out", tty, d.Dial)
		}
	case *Modbus:
		if d.Address < 1 || d.Address > 247 || d.Size < 1 || d.Size > 65536 {
			return nil, c.errorf(at, "%s: modbus: address %d, size %d: want 1 to 247 and 1 to 65536", tty, d.Address, d.Size)
		}
	}
	return dev, nil
}

func asYAML(err error, target *yaml.Error) bool { return errors.As(err, target) }
