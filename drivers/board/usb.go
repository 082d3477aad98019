package board

import (
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	hw "github.com/kobench/kobench/hw/usb"
	usbfault "github.com/kobench/kobench/hw/usb/fault"
)

// BusPorts is how many ports the machine's USB bus has.
const BusPorts = 8

// USB is what is plugged into the machine's bus at boot, and the file that records the bus, or "".
type USB struct {
	Devices []USBDevice
	Record  string
}

// USBDevice describes a device to plug in.
type USBDevice struct {
	Port   string // "2", or "2.1" behind a hub; "" is the first free one
	Kind   string // ftdi, cdc-acm …
	Speed  hw.Speed
	Serial string // serial number of a serial port
	Line   Line   // of a serial port
	ID     string // usbtmc: what *IDN? answers
	Ports  int    // of a hub
	From   string // where a device comes from that is not made here
	Faults []usbfault.Rule
	Seed   uint64
}

// String is how reports name it: "ftdi, loopback".
func (u USBDevice) String() string {
	switch {
	case u.Line != nil:
		return u.Kind + ", " + u.Line.String()
	case u.From != "":
		return u.Kind + " " + u.From
	}
	return u.Kind
}

// Reach says what a description may make the program open.
type Reach int

// The reaches.
const (
	HostFiles   Reach = iota // also files, devices and programs of the computer
	NoHostFiles              // none of them
)

type usbNode struct {
	Devices []at[usbDeviceNode] `yaml:"devices"`
	Record  at[string]          `yaml:"record"`
}

type usbDeviceNode struct {
	Port   at[string] `yaml:"port"`
	Device at[string] `yaml:"device"`
	Speed  at[string] `yaml:"speed"`
	Serial at[string] `yaml:"serial"`
	Line   at[any]    `yaml:"line"`
	ID     at[string] `yaml:"id"`
	Ports  at[int]    `yaml:"ports"`
	From   at[string] `yaml:"from"`
	Faults at[string] `yaml:"faults"`
	Seed   at[uint64] `yaml:"seed"`
}

// ParseUSB reads one device as a board's list has it, in YAML; name is for its errors.
//
// Errors: *Error; also one that is out of reach.
func ParseUSB(name string, text []byte, reach Reach, opts ...Option) (USBDevice, error) {
	if err := CheckYAML(name, text); err != nil {
		return USBDevice{}, err
	}
	var n at[usbDeviceNode]
	if err := yaml.UnmarshalWithOptions(text, &n, yaml.Strict()); err != nil {
		return USBDevice{}, convert(name, err)
	}
	c := checker{file: name, b: &Board{}, reach: reach}
	for _, o := range opts {
		o(&c.b.kinds)
	}
	return c.usbDevice(n)
}

func (c *checker) usb(n usbNode) error {
	for _, d := range n.Devices {
		u, err := c.usbDevice(d)
		if err != nil {
			return err
		}
		c.b.USB.Devices = append(c.b.USB.Devices, u)
	}
	if n.Record.node != nil && !strings.HasSuffix(n.Record.V, ".pcapng") {
		return c.errorf(n.Record.node, "usb: record %q: want a file that ends in .pcapng", n.Record.V)
	}
	c.b.USB.Record = n.Record.V
	return nil
}

func (c *checker) usbDevice(n at[usbDeviceNode]) (USBDevice, error) {
	v := n.V
	u := USBDevice{Port: v.Port.V, Kind: v.Device.V, Serial: v.Serial.V, ID: v.ID.V, Ports: v.Ports.V, From: v.From.V, Seed: v.Seed.V}
	where := "usb " + orNone(u.Port)
	kind, ok := c.b.kinds.usbOf(u.Kind)
	if !ok {
		return u, c.errorf(orNode(v.Device.node, n.node), "%s: device %q: want one of %s", where, u.Kind, c.b.kinds.usbNames())
	}
	if kind.host && c.reach == NoHostFiles {
		return u, c.outOfReach(n.node, where, u.Kind)
	}
	u.Speed = kind.speed
	switch v.Speed.V {
	case "":
	case "low":
		u.Speed = hw.LowSpeed
	case "full":
		u.Speed = hw.FullSpeed
	case "high":
		u.Speed = hw.HighSpeed
	case "super":
		u.Speed = hw.SuperSpeed
	default:
		return u, c.errorf(v.Speed.node, "%s: speed %q: want low, full, high or super", where, v.Speed.V)
	}
	for _, k := range []struct {
		key  string
		node ast.Node
	}{{"line", v.Line.node}, {"serial", v.Serial.node}, {"id", v.ID.node}, {"ports", v.Ports.node}, {"from", v.From.node}} {
		if k.node != nil && !kind.has(k.key) {
			return u, c.errorf(k.node, "%s: %s has no %s", where, u.Kind, k.key)
		}
	}
	if kind.has("from") && u.From == "" {
		return u, c.errorf(n.node, "%s: %s: from: say where it comes from: %s", where, u.Kind, kind.from)
	}
	if kind.has("ports") && v.Ports.node == nil {
		u.Ports = 4
	}
	if kind.has("ports") && (u.Ports < 1 || u.Ports > 15) {
		return u, c.errorf(v.Ports.node, "%s: ports: a hub has 1 to 15, not %d", where, u.Ports)
	}
	if kind.has("line") {
		line, err := c.line(where, v.Line.node)
		if err != nil {
			return u, err
		}
		if _, cable := line.(NullModem); cable {
			return u, c.errorf(v.Line.node, "%s: null-modem joins two uarts; the line of a USB port has an end of its own", where)
		}
		u.Line = line
	}
	var err error
	if u.Faults, err = usbfault.Parse(v.Faults.V); err != nil {
		return u, c.errorf(v.Faults.node, "%s: faults: %v", where, err)
	}
	return u, nil
}

// outOfReach is the error of what opens something of the computer where nothing may.
func (c *checker) outOfReach(n ast.Node, where, what string) error {
	return c.errorf(n, "%s: %s: this bench opens nothing of the computer for a request (kobench up --no-host-files)", where, what)
}

func orNone(s string) string {
	if s == "" {
		return "device"
	}
	return s
}
