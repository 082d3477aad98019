// Package ftdi is an FT232R, the USB serial adapter, as Linux's ftdi_sio and libftdi know it.
// Behind it is a serial line.
//
//	chip, far := serial.NullModem(serial.Max)
//	dev, err := usb.New(ftdi.New(chip, "A1"), usb.FullSpeed)
//	// far is the other end: whatever the host writes to its ttyUSB comes out there
//
// Every 64-byte IN packet begins with two status bytes. A packet is sent when it is full, when a
// modem line changed, or when the latency timer (16 ms unless set) runs out, then even without
// data.
//
// References:
//
//	[FT232R]   FTDI FT232R USB UART IC datasheet 2.16
//	[AN232B-5] FTDI AN232B-05, Configuring FT232R baud rates
//	[ftdi_sio] Linux drivers/usb/serial/ftdi_sio.h
package ftdi

import (
	"time"

	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/internal/serialend"
	"github.com/kobench/kobench/kernel/uapi"
)

const (
	inEP, outEP = 0x81, 0x02
	packetSize  = 64
	payload     = packetSize - uapi.FTDI_STATUS_SIZE
)

// Chip is an FT232R. It implements [usb.Function].
type Chip struct {
	serial string
	end    *serialend.End

	// Guarded by the device's lock.
	link    *usb.Link
	latency time.Duration
	timer   *clock.Event  // of the latency
	sent    time.Duration // when the last IN packet left
	modem   byte          // sent last
	event   int           // event character, or -1
	bits    byte          // SET_BITMODE
	eeprom  [64]uint16
}

// New makes a chip on its end of a line, with a serial number (empty: "KB000001").
func New(port *serial.Port, serialNumber string) *Chip {
	if serialNumber == "" {
		serialNumber = "KB000001"
	}
	c := &Chip{serial: serialNumber, latency: 16 * time.Millisecond, event: -1, end: serialend.New(port, 256, 128, inEP, outEP, inEP)}
	c.timer = port.Clock().NewEvent(func() { c.link.WakeHeld(inEP) })
	c.eeprom[1], c.eeprom[2], c.eeprom[3] = 0x0403, 0x6001, 0x0600
	sum := uint16(0xaaaa)
	for _, w := range c.eeprom[:63] {
		sum ^= w
		sum = sum<<1 | sum>>15
	}
	c.eeprom[63] = sum
	return c
}

// Descriptors implements [usb.Function] [FT232R] table 8.1.
func (c *Chip) Descriptors(s usb.Speed) *usb.Descriptors {
	if s != usb.FullSpeed {
		return nil
	}
	return &usb.Descriptors{
		Device: usb.DeviceDescriptor{USB: 0x0200, MaxPacket0: 8, Vendor: 0x0403, Product: 0x6001, Release: 0x0600, ManufacturerS: 1, ProductS: 2, SerialS: 3, NumConfigs: 1},
		Configs: []usb.Configuration{{Value: 1, Attributes: usb.BusPowered | usb.RemoteWakeup, MaxPower: 45, Interfaces: []usb.Interface{{
			Class: usb.ClassVendor, SubClass: 0xff, Protocol: 0xff, NameS: 2,
			Endpoints: []usb.Endpoint{{Address: inEP, Attributes: 2, MaxPacket: packetSize}, {Address: outEP, Attributes: 2, MaxPacket: packetSize}},
		}}}},
		Strings: []string{"FTDI", "FT232R USB UART", c.serial},
	}
}

// Attach implements [usb.Attacher].
func (c *Chip) Attach(l *usb.Link) {
	c.link = l
	c.end.Attach(l)
}

// Detach implements [usb.Attacher].
func (c *Chip) Detach() {
	c.timer.Stop()
	c.end.Detach()
}

// Configured implements [usb.Configurer].
func (c *Chip) Configured(uint8) { c.reset() }

// AltSetting implements [usb.Configurer].
func (c *Chip) AltSetting(uint8, uint8) {}

func (c *Chip) reset() {
	c.latency, c.event, c.bits = 16*time.Millisecond, -1, 0
	c.end.SetBreak(false)
	c.end.Purge(true, true)
}

// Out implements [usb.Function].
func (c *Chip) Out(_ uint8, p []byte, _ bool) (int, error) {
	n := c.end.Send(p)
	if n < len(p) {
		return n, usb.NAK
	}
	return n, nil
}

// In implements [usb.Function]: full packets at once, the last one when it is due.
func (c *Chip) In(_ uint8, p []byte) (int, error) {
	n := 0
	for {
		all, alike := c.end.Buffered()
		modem := c.modemStatus()
		due := c.sent + c.latency
		now := c.end.Clock().Now()
		switch {
		case alike >= payload, all > alike: // full, or an error that ends the packet
		case modem != c.modem, now >= due:
		default:
			c.timer.At(due)
			return n, usb.NAK
		}
		room := len(p) - n
		if room < packetSize && uapi.FTDI_STATUS_SIZE+min(alike, payload) > room {
			return n, usb.EOVERFLOW
		}
		got, flags := c.end.Take(p[n+uapi.FTDI_STATUS_SIZE : n+min(room, packetSize)])
		c.modem, c.sent = modem, now
		p[n], p[n+1] = modem, c.lineStatus(flags)
		if flags&serial.Break != 0 { // the character of a break is 0; Linux wants it in the packet
			p[n+uapi.FTDI_STATUS_SIZE] = 0
		}
		n += uapi.FTDI_STATUS_SIZE + got
		if got < payload || n == len(p) {
			return n, nil
		}
	}
}

// Bits of the two status bytes [ftdi_sio].
const (
	stReserved = 0x01
)

func (c *Chip) modemStatus() byte {
	s, b := c.end.Signals(), byte(stReserved)
	for _, r := range [...]struct {
		s serial.Signals
		b byte
	}{{serial.CTS, uapi.FTDI_RS0_CTS}, {serial.DSR, uapi.FTDI_RS0_DSR}, {serial.RI, uapi.FTDI_RS0_RI}, {serial.DCD, uapi.FTDI_RS0_RLSD}} {
		if s&r.s != 0 {
			b |= r.b
		}
	}
	return b
}

func (c *Chip) lineStatus(f serial.Flags) byte {
	b := byte(uapi.FTDI_RS_THRE)
	if c.end.Idle() {
		b |= uapi.FTDI_RS_TEMT
	}
	for _, r := range [...]struct {
		f serial.Flags
		b byte
	}{{serial.Overrun, uapi.FTDI_RS_OE}, {serial.ParityError, uapi.FTDI_RS_PE}, {serial.Framing, uapi.FTDI_RS_FE}, {serial.Break, uapi.FTDI_RS_BI}} {
		if f&r.f != 0 {
			b |= r.b
		}
	}
	return b
}
