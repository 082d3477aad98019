package board

import (
	"strings"

	"github.com/kobench/kobench/hw/scpi"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/hw/usb/function/hidkbd"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/hw/usb/function/usbtmc"
)

// usbKinds are the kinds of USB devices. One row is all that a new kind needs: the board file, its
// docs, README, "kobench plug --help", errors and tests come from it.
func usbKinds() []usbKind {
	return []usbKind{
		{name: "ftdi", about: "a serial port, FT232R", speed: hw.FullSpeed, takes: "line serial",
			make: function(func(p *Plugged) hw.Function { return ftdi.New(p.Near, p.Serial) })},
		{name: "cdc-acm", about: "a serial port, USB's own class", speed: hw.HighSpeed, takes: "line serial",
			make: function(func(p *Plugged) hw.Function { return cdcacm.New(p.Near, p.Serial) })},
		{name: "usbtmc", about: "a SCPI instrument", speed: hw.HighSpeed, takes: "id",
			make: function(func(p *Plugged) hw.Function { return usbtmc.New(&scpi.Supply{ID: p.ID}) })},
		{name: "source-sink", about: "gadget zero, what usbtest expects", speed: hw.HighSpeed,
			make: function(func(*Plugged) hw.Function { return sourcesink.New(sourcesink.Zeros) })},
		{name: "loopback", about: "gadget zero, as an echo", speed: hw.HighSpeed,
			make: function(func(*Plugged) hw.Function { return sourcesink.Loopback() })},
		{name: "keyboard", about: "a boot keyboard", speed: hw.LowSpeed,
			make: function(func(*Plugged) hw.Function { return hidkbd.New() })},
		{name: "hub", about: "1 to 15 ports", speed: hw.HighSpeed, takes: "ports",
			make: function(func(p *Plugged) hw.Function { return hw.NewHub(p.Ports) })},
		{name: "described", about: "a device of your own: descriptors in YAML, a program for its transfers", takes: "from", from: "DEVICE.yaml, go doc ./hw/usb/function/described", host: true,
			make: describedUSB},
		{name: "replay", about: "a captured device, at the speed its descriptors are right for", takes: "from", from: "CAPTURE.pcapng, or CAPTURE.pcapng#BUS.DEVICE", host: true,
			make: replayUSB},
		{name: "usbip", about: "a device of a USB/IP server", takes: "from", from: "HOST:PORT/BUSID",
			make: importUSB},
		{name: "host", about: "a device of this computer, through libusb", takes: "from", from: "VENDOR:PRODUCT, in hexadecimal", host: true,
			make: openHost},
	}
}

// usbKind is one kind of device. takes are its keys beside those that every device has; from says
// what the key from wants; host that it opens files or devices of the computer.
type usbKind struct {
	name, about string
	speed       hw.Speed // unless told otherwise; UnknownSpeed: its own
	takes, from string
	host        bool
	make        func(p *Plugged) (hw.Device, error)
}

func (k usbKind) has(key string) bool { return strings.Contains(" "+k.takes+" ", " "+key+" ") }

// function is the make of an emulated device.
func function(build func(p *Plugged) hw.Function) func(p *Plugged) (hw.Device, error) {
	return func(p *Plugged) (hw.Device, error) { return hw.New(build(p), p.Speed) }
}

// USBKey is a key that some kinds of devices have, and what it means.
type USBKey struct{ Name, About string }

// USBKeys are the keys that only some kinds of devices have.
func USBKeys() []USBKey {
	return []USBKey{
		{"line", "what is behind a serial port, as kobench help lines says"},
		{"serial", "serial number"},
		{"id", "what an instrument answers to *IDN?"},
		{"ports", "how many ports a hub has (default 4)"},
		{"from", "where the device comes from"},
	}
}

// USBHelp lists the kinds of devices, one a line.
func USBHelp() string {
	var b strings.Builder
	for _, k := range usbKinds() {
		about := k.about
		switch {
		case k.from != "":
			about += "; from: " + k.from
		case k.takes != "":
			about += "; keys: " + strings.ReplaceAll(k.takes, " ", ", ")
		}
		twoColumns(&b, 12, k.name, about)
	}
	return b.String()
}
