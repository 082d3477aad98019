package board

import (
	"fmt"
	"strings"

	"github.com/kobench/kobench/hw/scpi"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/hw/usb/function/hidkbd"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/hw/usb/function/usbtmc"
)

// usbKinds are the kinds of USB devices. One row is all that a new kind needs: the board file, its docs, README, "kobench plug --help",
// errors and tests come from it.
func usbKinds() []usbKind {
	return []usbKind{
		{"ftdi", "a serial port, FT232R", hw.FullSpeed, "line serial", "", function(func(p *Plugged) hw.Function { return ftdi.New(p.Near, p.Serial) })},
		{"cdc-acm", "a serial port, USB's own class", hw.HighSpeed, "line serial", "", function(func(p *Plugged) hw.Function { return cdcacm.New(p.Near, p.Serial) })},
		{"usbtmc", "a SCPI instrument", hw.HighSpeed, "id", "", function(func(p *Plugged) hw.Function { return usbtmc.New(&scpi.Supply{ID: p.ID}) })},
		{"source-sink", "gadget zero, what usbtest expects", hw.HighSpeed, "", "", function(func(*Plugged) hw.Function { return sourcesink.New(sourcesink.Zeros) })},
		{"loopback", "gadget zero, as an echo", hw.HighSpeed, "", "", function(func(*Plugged) hw.Function { return sourcesink.Loopback() })},
		{"keyboard", "a boot keyboard", hw.LowSpeed, "", "", function(func(*Plugged) hw.Function { return hidkbd.New() })},
		{"hub", "1 to 15 ports", hw.HighSpeed, "ports", "", function(func(p *Plugged) hw.Function { return hw.NewHub(p.Ports) })},
		{"replay", "a captured device, at the speed its descriptors are right for", hw.UnknownSpeed, "from", "CAPTURE.pcapng, or CAPTURE.pcapng#BUS.DEVICE", replayUSB},
		{"usbip", "a device of a USB/IP server", hw.UnknownSpeed, "from", "HOST:PORT/BUSID", importUSB},
		{"host", "a device of this computer, through libusb", hw.UnknownSpeed, "from", "VENDOR:PRODUCT, in hexadecimal", openHost},
	}
}

// usbKind is one kind of device. takes are its keys beside those that every device has; from says what the key from wants.
type usbKind struct {
	name, about string
	speed       hw.Speed // unless told otherwise; UnknownSpeed: its own
	takes, from string
	make        func(p *Plugged) (hw.Device, error)
}

func (k usbKind) has(key string) bool { return strings.Contains(" "+k.takes+" ", " "+key+" ") }

// function is the make of an emulated device.
func function(build func(p *Plugged) hw.Function) func(p *Plugged) (hw.Device, error) {
	return func(p *Plugged) (hw.Device, error) { return hw.New(build(p), p.Speed) }
}

// usbKindOf finds a kind by its name.
func usbKindOf(name string) (usbKind, bool) {
	for _, k := range usbKinds() {
		if k.name == name {
			return k, true
		}
	}
	return usbKind{}, false
}

func usbNames() string { return kindList(usbKinds(), func(k usbKind) string { return k.name }) }

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
		fmt.Fprintf(&b, "%-12s %s\n", k.name, about)
	}
	return b.String()
}
