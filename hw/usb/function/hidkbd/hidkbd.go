// Package hidkbd is a keyboard with the boot protocol: Linux's usbhid makes an input device of it.
// Press, Release and Type are its keys.
//
// References: [HID] appendix B.1 (report descriptor), F; [HUT] HID Usage Tables 1.4, chapter 10
package hidkbd

import (
	"sync"

	"github.com/kobench/kobench/hw/usb"
)

const (
	inEP       = 0x81
	reportSize = 8
)

// Class requests [HID] 7.2.
const (
	getReport   = 1
	getIdle     = 2
	getProtocol = 3
	setReport   = 9
	setIdle     = 10
	setProtocol = 11
)

// reportDescriptor is the boot keyboard's [HID] appendix B.1.
const reportDescriptor = "\x05\x01\x09\x06\xa1\x01" + // Generic Desktop, Keyboard, application
	"\x05\x07\x19\xe0\x29\xe7\x15\x00\x25\x01\x75\x01\x95\x08\x81\x02" + // eight modifiers
	"\x95\x01\x75\x08\x81\x01" + // one byte reserved
	"\x95\x05\x75\x01\x05\x08\x19\x01\x29\x05\x91\x02\x95\x01\x75\x03\x91\x01" + // five LEDs
	"\x95\x06\x75\x08\x15\x00\x25\x65\x05\x07\x19\x00\x29\x65\x81\x00\xc0" // six keys

// Keyboard is the device. It implements [usb.Function].
type Keyboard struct {
	mu       sync.Mutex
	link     *usb.Link
	report   [reportSize]byte   // as it is now
	queue    [][reportSize]byte // not fetched yet
	leds     byte
	idle     byte
	protocol byte
}

// New makes a keyboard.
func New() *Keyboard { return &Keyboard{protocol: 1} }

// Press presses a key: a usage of page 7, such as 0x04 for A; 0xe0 to 0xe7 are the modifiers.
func (k *Keyboard) Press(usage uint8) { k.change(usage, true) }

// Release releases it.
func (k *Keyboard) Release(usage uint8) { k.change(usage, false) }

// Type presses and releases the keys of lower-case letters, digits, blanks and line ends; others
// are left out.
func (k *Keyboard) Type(s string) {
	for _, c := range []byte(s) {
		if u := usage(c); u != 0 {
			k.Press(u)
			k.Release(u)
		}
	}
}

func usage(c byte) uint8 {
	switch {
	case c >= 'a' && c <= 'z':
		return 0x04 + c - 'a'
	case c >= '1' && c <= '9':
		return 0x1e + c - '1'
	case c == '0':
		return 0x27
	case c == '\n':
		return 0x28
	case c == ' ':
		return 0x2c
	}
	return 0
}

// LEDs is what the host has set: 1 num lock, 2 caps lock, 4 scroll lock.
func (k *Keyboard) LEDs() byte { k.mu.Lock(); defer k.mu.Unlock(); return k.leds }

func (k *Keyboard) change(u uint8, down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := &k.report
	switch {
	case u >= 0xe0 && u <= 0xe7:
		r[0] &^= 1 << (u - 0xe0)
		if down {
			r[0] |= 1 << (u - 0xe0)
		}
	default:
		n := 0
		keys := [6]byte{}
		for _, key := range r[2:] {
			if key != 0 && key != u {
				keys[n] = key
				n++
			}
		}
		if down && n < len(keys) {
			keys[n] = u
		}
		copy(r[2:], keys[:])
	}
	k.queue = append(k.queue, *r)
	if k.link != nil {
		k.link.Wake(inEP)
	}
}

// Descriptors implements [usb.Function].
func (k *Keyboard) Descriptors(s usb.Speed) *usb.Descriptors {
	size0, interval := uint8(8), uint8(10)
	switch s {
	case usb.LowSpeed:
	case usb.FullSpeed:
		size0 = 64
	case usb.HighSpeed:
		size0, interval = 64, 7
	default:
		return nil
	}
	return &usb.Descriptors{
		Device: usb.DeviceDescriptor{USB: 0x0200, MaxPacket0: size0, Vendor: 0x1d6b, Product: 0x0105, Release: 0x0100, ManufacturerS: 1, ProductS: 2, NumConfigs: 1},
		Configs: []usb.Configuration{{Value: 1, Attributes: usb.BusPowered | usb.RemoteWakeup, MaxPower: 50, Interfaces: []usb.Interface{{
			Class: usb.ClassHID, SubClass: 1, Protocol: 1, Extra: usb.HIDDescriptor(0x0111, 0, uint16(len(reportDescriptor))),
			Endpoints: []usb.Endpoint{{Address: inEP, Attributes: uint8(usb.Interrupt), MaxPacket: reportSize, Interval: interval}},
		}}}},
		Strings: []string{"kobench", "Boot Keyboard"},
	}
}

// Attach implements [usb.Attacher].
func (k *Keyboard) Attach(l *usb.Link) { k.mu.Lock(); k.link = l; k.mu.Unlock() }

// Detach implements [usb.Attacher].
func (k *Keyboard) Detach() { k.mu.Lock(); k.link = nil; k.mu.Unlock() }

// Control implements [usb.Function].
func (k *Keyboard) Control(s usb.Setup, data []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	const classIn, classOut = usb.DirIn | usb.TypeClass | usb.ToInterface, usb.TypeClass | usb.ToInterface
	switch {
	case s.Is(usb.DirIn|usb.ToInterface, usb.GetDescriptor) && s.Value>>8 == usb.DescReport:
		return copy(data, reportDescriptor), nil
	case s.Is(usb.DirIn|usb.ToInterface, usb.GetDescriptor) && s.Value>>8 == usb.DescHID:
		return copy(data, usb.HIDDescriptor(0x0111, 0, uint16(len(reportDescriptor)))), nil
	case s.Is(classIn, getReport):
		return copy(data, k.report[:]), nil
	case s.Is(classIn, getIdle):
		return copy(data, []byte{k.idle}), nil
	case s.Is(classIn, getProtocol):
		return copy(data, []byte{k.protocol}), nil
	case s.Is(classOut, setReport) && len(data) > 0:
		k.leds = data[0]
		return len(data), nil
	case s.Is(classOut, setIdle):
		k.idle = byte(s.Value >> 8)
		return 0, nil
	case s.Is(classOut, setProtocol):
		k.protocol = byte(s.Value)
		return 0, nil
	}
	return 0, usb.Stall
}

// In implements [usb.Function].
func (k *Keyboard) In(_ uint8, p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(k.queue) == 0:
		return 0, usb.NAK
	case len(p) < reportSize:
		return 0, usb.EOVERFLOW
	}
	n := copy(p, k.queue[0][:])
	k.queue = k.queue[:copy(k.queue, k.queue[1:])]
	return n, nil
}

// Out implements [usb.Function].
func (k *Keyboard) Out(uint8, []byte, bool) (int, error) { return 0, usb.Stall }
