// Package ftdisio drives FTDI's USB serial adapters as terminals ttyUSB (module ftdi_sio).
//
// Every packet from the chip begins with two status bytes: the modem lines, and what was wrong with
// the characters behind them.
//
// References:
//   - [ftdi_sio] Linux drivers/usb/serial/ftdi_sio.c, ftdi_sio.h
//   - [AN232B-5] FTDI AN232B-05, Configuring FT232R baud rates
package ftdisio

import (
	"sync"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/drivers/usb/usbserial"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/uapi"
)

// Vendor requests and their values ([ftdi_sio] ftdi_sio.h).
const (
	defaultLatency = 16         // ms, where the chip does not say
	baudBase       = 24_000_000 // as TIOCGSERIAL has it for an FT232B and later
	maxBaud        = 3_000_000
	minBaud        = 183 // 3 MHz / 16383.875, rounded up
)

// Bits of the status bytes.
const (
	lsErrors         = uapi.FTDI_RS_OE | uapi.FTDI_RS_PE | uapi.FTDI_RS_FE | uapi.FTDI_RS_BI
	vendorOut        = hw.DirOut | hw.TypeVendor
	vendorIn         = hw.DirIn | hw.TypeVendor
	bcdFT232B hw.BCD = 0x0400
)

// New builds the module ftdi_sio.
func New() *kernel.Module {
	a := &usbserial.Adapter{Name: "ftdi_sio", Description: "FTDI USB Serial Device", Attach: attach}
	for _, product := range []uint16{0x6001, 0x6010, 0x6011, 0x6014, 0x6015, 0x8372, 0xfa00} {
		a.IDs = append(a.IDs, usb.DeviceID(0x0403, product))
	}
	return a.Module()
}

// chip is one adapter. Its fields belong to who has the port, the ones of Decode to the stream.
type chip struct {
	i      *usb.Interface
	packet int    // bytes of a packet from the chip
	data   uint16 // of SET_DATA, without the break

	mu      sync.Mutex
	latency uint8  // +checklocks:mu
	async   uint32 // +checklocks:mu
	custom  int32  // +checklocks:mu

	lines byte // seen last
	seen  bool
	flags []serial.Flags
}

// types are the chips by bcdDevice ([ftdi_sio] ftdi_determine_type).
func name(v hw.BCD) string {
	switch v {
	case 0x0200:
		return "FT232A"
	case 0x0400:
		return "FT232B"
	case 0x0500:
		return "FT2232C/D"
	case 0x0600:
		return "FT232R"
	case 0x0700:
		return "FT2232H"
	case 0x0800:
		return "FT4232H"
	case 0x0900:
		return "FT232H"
	case 0x1000:
		return "FT-X"
	}
	return ""
}

func attach(i *usb.Interface, _ *usb.ID) (usbserial.Ops, error) {
	d := i.Dev().Descriptors().Device
	kind := name(d.Release)
	if kind == "" || d.Release < bcdFT232B {
		i.Printf(kernel.LevelErr, "unknown device type: 0x%02x", uint16(d.Release))
		return nil, kernel.ENODEV
	}
	c := &chip{i: i, data: 8, latency: defaultLatency, async: tty.ASYNC_LOW_LATENCY}
	if in := i.Endpoint(hw.Bulk, true); in != nil {
		c.packet = in.PacketSize()
	}
	if c.packet <= uapi.FTDI_STATUS_SIZE {
		return nil, kernel.ENODEV
	}
	i.Dev().Kernel().Log.Printf(kernel.LevelInfo, "usb %s: Detected %s", i.Dev().Name(), kind)
	return c, nil
}

// set makes a vendor request without data.
func (c *chip) set(request uint8, value, index uint16) error {
	_, err := c.i.Dev().Control(vendorOut, request, value, index, nil, usb.ControlTimeout)
	return err
}

// Open resets the chip, sets its latency timer and reads the modem lines, which decide whether an
// open waits for the carrier.
func (c *chip) Open(p *usbserial.Port) error {
	c.seen = false
	if err := c.set(uapi.FTDI_SIO_RESET, 0, 0); err != nil {
		return err
	}
	if err := c.writeLatency(); err != nil {
		return err
	}
	var b [2]byte
	n, err := c.i.Dev().Control(vendorIn, uapi.FTDI_SIO_GET_MODEM_STATUS, 0, 0, b[:], usb.ControlTimeout)
	if err == nil && n >= 1 {
		p.Inputs(lines(b[0]))
	}
	return err
}

// TxEmpty implements usbserial.TxEmptier ([ftdi_sio] ftdi_tx_empty).
func (c *chip) TxEmpty() bool {
	var b [2]byte
	n, err := c.i.Dev().Control(vendorIn, uapi.FTDI_SIO_GET_MODEM_STATUS, 0, 0, b[:], usb.ControlTimeout)
	return err != nil || n != 2 || b[1]&uapi.FTDI_RS_TEMT != 0
}

// Close leaves the chip as it is: the tty core has dropped DTR and RTS where HUPCL says so.
func (c *chip) Close(*usbserial.Port) {}

// Adjust sets the rate that the chip's divisor makes, and 7 or 8 data bits.
func (c *chip) Adjust(t *tty.Termios) {
	if t.Cflag&tty.CSIZE < tty.CS7 { // [ftdi_sio] "requested CSIZE setting not supported"
		t.Cflag = t.Cflag&^tty.CSIZE | tty.CS8
	}
	baud := t.Baud()
	if baud == 0 || c.divided(baud) != baud {
		return
	}
	if baud > maxBaud || baud < minBaud {
		t.SetBaud(9600)
		return
	}
	_, _, got := divisor(baud)
	// beyond 2 %
	if diff := int64(got) - int64(baud); diff*50 > int64(baud) || diff*50 < -int64(baud) {
		t.SetBaud(got)
	}
}

// divisor is value and index of SET_BAUD_RATE, and the rate they make ([AN232B-5], [ftdi_sio]
// ftdi_232bm_baud_base_to_divisor).
func divisor(baud uint32) (value, index uint16, got uint32) {
	eighths := (uapi.FTDI_BASE_CLOCK*8 + baud/2) / baud // of a divisor of 3 MHz
	div := eighths >> 3
	frac := [8]uint32{0, 3, 2, 4, 1, 5, 6, 7}[eighths&7]
	bits := div | frac<<14
	switch bits {
	case 1:
		bits = 0 // 3 Mbit/s
	case 0x4001:
		bits = 1 // 2 Mbit/s
	}
	switch bits {
	case 0:
		got = uapi.FTDI_BASE_CLOCK
	case 1:
		got = 2_000_000
	default:
		got = (uapi.FTDI_BASE_CLOCK*8 + eighths/2) / eighths
	}
	return uint16(bits), uint16(bits >> 16), got
}

// SetTermios sets rate, format and flow control.
func (c *chip) SetTermios(_ *usbserial.Port, now, _ *tty.Termios) error {
	v := uint16(8)
	if now.Cflag&tty.CSIZE == tty.CS7 {
		v = 7
	}
	if now.Cflag&tty.PARENB != 0 {
		parity := serial.ParityEven
		switch {
		case now.Cflag&tty.CMSPAR != 0 && now.Cflag&tty.PARODD != 0:
			parity = serial.ParityMark
		case now.Cflag&tty.CMSPAR != 0:
			parity = serial.ParitySpace
		case now.Cflag&tty.PARODD != 0:
			parity = serial.ParityOdd
		}
		v |= uint16(parity) << 8
	}
	if now.Cflag&tty.CSTOPB != 0 {
		v |= 2 << 11
	}
	c.data = v
	if err := c.set(uapi.FTDI_SIO_SET_DATA, v, 0); err != nil {
		return err
	}
	if baud := now.Baud(); baud > 0 {
		value, index, _ := divisor(c.divided(baud))
		if err := c.set(uapi.FTDI_SIO_SET_BAUD_RATE, value, index); err != nil {
			return err
		}
	}
	flow, value := uint16(0), uint16(0)
	switch {
	case now.Cflag&tty.CRTSCTS != 0:
		flow = uapi.FTDI_SIO_RTS_CTS_HS
	case now.Iflag&tty.IXON != 0:
		flow, value = uapi.FTDI_SIO_XON_XOFF_HS, uint16(now.CC[tty.VSTOP])<<8|uint16(now.CC[tty.VSTART])
	}
	return c.set(uapi.FTDI_SIO_SET_FLOW_CTRL, value, flow)
}

// SetModem drives DTR and RTS; the high byte says that both count.
func (c *chip) SetModem(_ *usbserial.Port, bits uint32) error {
	v := uint16(0x300)
	if bits&tty.TIOCM_DTR != 0 {
		v |= 1
	}
	if bits&tty.TIOCM_RTS != 0 {
		v |= 2
	}
	return c.set(uapi.FTDI_SIO_MODEM_CTRL, v, 0)
}

// SetBreak holds the line in break.
func (c *chip) SetBreak(_ *usbserial.Port, on bool) error {
	v := c.data
	if on {
		v |= uapi.FTDI_SIO_SET_BREAK
	}
	return c.set(uapi.FTDI_SIO_SET_DATA, v, 0)
}

// Decode takes packets apart ([ftdi_sio] ftdi_process_packet).
func (c *chip) Decode(p *usbserial.Port, b []byte) {
	for len(b) >= uapi.FTDI_STATUS_SIZE {
		packet := b[:min(len(b), c.packet)]
		b = b[len(packet):]
		if s := packet[0] & (uapi.FTDI_RS0_CTS | uapi.FTDI_RS0_DSR | uapi.FTDI_RS0_RI | uapi.FTDI_RS0_RLSD); s != c.lines || !c.seen {
			c.lines, c.seen = s, true
			p.Inputs(lines(s))
		}
		c.deliver(p, packet[1], packet[uapi.FTDI_STATUS_SIZE:])
	}
}

func (c *chip) deliver(p *usbserial.Port, status byte, data []byte) {
	if len(data) == 0 {
		return
	}
	if status&lsErrors == 0 {
		p.Deliver(data, nil)
		return
	}
	var f serial.Flags
	switch { // the one that says most, and an overrun beside it
	case status&uapi.FTDI_RS_BI != 0:
		f = serial.Break
	case status&uapi.FTDI_RS_PE != 0:
		f = serial.ParityError
	case status&uapi.FTDI_RS_FE != 0:
		f = serial.Framing
	}
	if status&uapi.FTDI_RS_OE != 0 {
		p.Event(serial.Overrun)
	}
	if f == 0 {
		p.Deliver(data, nil)
		return
	}
	p.Event(f)
	c.flags = c.flags[:0]
	for range data {
		c.flags = append(c.flags, f)
	}
	p.Deliver(data, c.flags)
}

func lines(s byte) uint32 {
	var bits uint32
	for _, l := range [...]struct {
		s byte
		b uint32
	}{{uapi.FTDI_RS0_CTS, tty.TIOCM_CTS}, {uapi.FTDI_RS0_DSR, tty.TIOCM_DSR}, {uapi.FTDI_RS0_RI, tty.TIOCM_RNG}, {uapi.FTDI_RS0_RLSD, tty.TIOCM_CAR}} {
		if s&l.s != 0 {
			bits |= l.b
		}
	}
	return bits
}
