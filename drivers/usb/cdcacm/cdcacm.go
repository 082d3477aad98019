// Package cdcacm drives USB modems and serial ports of the CDC abstract control model as terminals
// ttyACM (module cdc_acm).
//
// Data goes over the bulk endpoints of the data interface; the modem lines, breaks and errors come
// as notifications over the control interface's interrupt endpoint.
//
// References:
//   - [cdc-acm] Linux drivers/usb/class/cdc-acm.c
//   - [PSTN] USB CDC Subclass Specification for PSTN Devices 1.2, 2007
package cdcacm

import (
	"encoding/binary"
	"time"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/drivers/usb/usbserial"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/uapi"
)

// The terminals' numbers ([cdc-acm] ACM_TTY_MAJOR).
const (
	Major = 166
	Lines = 256
)

// Requests [PSTN] table 13, capabilities table 4, and the notification table 30.
const (
	classOut = hw.DirOut | hw.TypeClass | hw.ToInterface
)

// New builds the module cdc_acm.
func New() *kernel.Module {
	lines := &tty.Driver{Name: "ttyACM", Major: Major, Lines: Lines, Init: tty.SerialTermios()}
	lines.Init.Cflag |= tty.HUPCL
	d := &usb.Driver{Name: "cdc_acm"}
	for protocol := range uint8(7) { // no protocol, and the AT command sets
		d.IDs = append(d.IDs, usb.InterfaceID(hw.ClassComm, 2, protocol))
	}
	d.Probe = func(i *usb.Interface, _ *usb.ID) error { return probe(i, lines) }
	d.Disconnect = func(i *usb.Interface) {
		m, ok := i.Private.(*modem)
		if ok && m.port != nil {
			port := m.port
			m.port = nil // one Disconnect for each of the two interfaces
			m.notify.Free()
			port.Detach(lines)
			for _, other := range []*usb.Interface{m.control, m.data} { // acm_disconnect
				i.Release(other)
			}
		}
	}
	return &kernel.Module{
		Name: "cdc_acm", License: "GPL", Description: "USB Abstract Control Model driver for USB modems and ISDN adapters",
		Aliases: append(d.Aliases(), "char-major-166-*"), Needs: []string{usb.Symbol},
		Init: func(env *kernel.Env) error {
			if err := lines.Register(env); err != nil {
				return err
			}
			return usb.Register(env, d)
		},
	}
}

// modem is one device.
type modem struct {
	control *usb.Interface
	data    *usb.Interface
	number  uint16 // of the control interface
	caps    uint8
	port    *usbserial.Port
	notify  *usb.URB

	coding [7]byte // set last, belongs to who has the port
	many   uint    // notifications, belongs to the URB
}

func probe(i *usb.Interface, lines *tty.Driver) error {
	cdc, err := hw.ParseCDC(i.Setting().Extra)
	if err != nil {
		i.Printf(kernel.LevelErr, "%v", err)
		return kernel.EINVAL
	}
	control, data := i, i
	switch {
	case cdc.HasUnion && len(cdc.Data) > 0:
		control, data = i.Dev().Interface(cdc.Control), i.Dev().Interface(cdc.Data[0])
	case cdc.HasCallMgmt:
		data = i.Dev().Interface(cdc.CallData)
	default: // a device with one interface and three endpoints, or nothing for us
		if len(i.Setting().Endpoints) != 3 {
			return kernel.EINVAL
		}
	}
	if control == nil || data == nil {
		i.Printf(kernel.LevelDebug, "no interfaces")
		return kernel.ENODEV
	}
	if control != i { // its turn comes
		return kernel.ENODEV
	}
	interrupt := control.Endpoint(hw.Interrupt, true)
	if interrupt == nil {
		return kernel.EINVAL
	}
	if err := i.Claim(data); err != nil {
		return err
	}
	m := &modem{control: control, data: data, number: uint16(control.Number()), caps: cdc.ACM}
	m.notify = control.NewURB(interrupt, make([]byte, max(interrupt.PacketSize(), 16)), m.notified)
	if m.port, err = usbserial.NewPort(control, data, m); err == nil {
		err = m.port.Attach(lines)
	}
	if err != nil {
		i.Release(data)
		return err
	}
	i.Private, data.Private = m, m
	i.Printf(kernel.LevelInfo, "%s: USB ACM device", m.port.TTY().Name())
	return nil
}

func (m *modem) request(request uint8, value uint16, data []byte) error {
	_, err := m.control.Dev().Control(classOut, request, value, m.number, data, usb.ControlTimeout)
	return err
}

// Open begins to listen for notifications. The class has no CTS: it is always on.
func (m *modem) Open(p *usbserial.Port) error {
	bits, _ := p.ModemBits()
	p.Inputs(bits | tty.TIOCM_CTS)
	if err := m.notify.Submit(); err != nil && err != kernel.EBUSY {
		return err
	}
	return nil
}

// Close ends that.
func (m *modem) Close(*usbserial.Port) { m.notify.Unlink() }

// Adjust has nothing to correct: the device takes any rate, or stalls.
func (m *modem) Adjust(*tty.Termios) {}

// SetTermios sends the line coding when it has changed; rate 0 keeps the old one and drops DTR
// ([cdc-acm] acm_tty_set_termios).
func (m *modem) SetTermios(_ *usbserial.Port, now, _ *tty.Termios) error {
	if now.Baud() == 0 {
		return nil
	}
	var b [7]byte
	binary.LittleEndian.PutUint32(b[:], now.Baud())
	if now.Cflag&tty.CSTOPB != 0 {
		b[4] = 2
	}
	if now.Cflag&tty.PARENB != 0 {
		b[5] = 2
		if now.Cflag&tty.PARODD != 0 {
			b[5] = 1
		}
		if now.Cflag&tty.CMSPAR != 0 {
			b[5] += 2 // mark, space
		}
	}
	b[6] = 5 + byte(now.Cflag&tty.CSIZE>>4)
	if b == m.coding {
		return nil
	}
	m.coding = b
	return m.request(uapi.USB_CDC_REQ_SET_LINE_CODING, 0, b[:])
}

// SetModem drives DTR and RTS. A device without the capability may stall, which is no error of an
// open.
func (m *modem) SetModem(_ *usbserial.Port, bits uint32) error {
	v := uint16(0)
	if bits&tty.TIOCM_DTR != 0 {
		v |= 1
	}
	if bits&tty.TIOCM_RTS != 0 {
		v |= 2
	}
	if err := m.request(uapi.USB_CDC_REQ_SET_CONTROL_LINE_STATE, v, nil); err != nil && m.caps&uapi.USB_CDC_CAP_LINE != 0 {
		return err
	}
	return nil
}

// SetBreak begins or ends a break.
func (m *modem) SetBreak(_ *usbserial.Port, on bool) error {
	if m.caps&uapi.USB_CDC_CAP_BRK == 0 {
		return nil
	}
	v := uint16(0)
	if on {
		v = 0xffff
	}
	return m.request(uapi.USB_CDC_REQ_SEND_BREAK, v, nil)
}

// Decode has nothing to take apart.
func (m *modem) Decode(p *usbserial.Port, b []byte) { p.Deliver(b, nil) }

// notified is what came over the interrupt endpoint ([cdc-acm] acm_ctrl_irq,
// acm_process_notification).
func (m *modem) notified(u *usb.URB) {
	switch u.Err {
	case nil:
	case kernel.ECONNRESET, kernel.ENOENT, kernel.ESHUTDOWN, kernel.ENODEV:
		return
	default:
		time.AfterFunc(10*time.Millisecond, func() { _ = u.Submit() })
		return
	}
	b := u.Data[:u.Actual]
	if len(b) >= 10 && b[1] == uapi.USB_CDC_NOTIFY_SERIAL_STATE && binary.LittleEndian.Uint16(b[6:]) == 2 {
		m.state(binary.LittleEndian.Uint16(b[8:]))
	}
	// a device that never stops must not have the processor for itself
	if m.many++; m.many%burst == 0 {
		time.AfterFunc(10*time.Millisecond, func() { _ = u.Submit() })
		return
	}
	_ = u.Submit()
}

// burst is how many notifications are taken in without a rest.
const burst = 64

func (m *modem) state(v uint16) {
	var bits uint32 = tty.TIOCM_CTS
	for _, l := range [...]struct {
		s uint16
		b uint32
	}{{uapi.USB_CDC_SERIAL_STATE_DCD, tty.TIOCM_CAR}, {uapi.USB_CDC_SERIAL_STATE_DSR, tty.TIOCM_DSR}, {uapi.USB_CDC_SERIAL_STATE_RING_SIGNAL, tty.TIOCM_RNG}} {
		if v&l.s != 0 {
			bits |= l.b
		}
	}
	p := m.port
	if p == nil {
		return
	}
	p.Inputs(bits)
	for _, e := range [...]struct {
		s uint16
		f serial.Flags
	}{{uapi.USB_CDC_SERIAL_STATE_BREAK, serial.Break}, {uapi.USB_CDC_SERIAL_STATE_FRAMING, serial.Framing}, {uapi.USB_CDC_SERIAL_STATE_PARITY, serial.ParityError}, {uapi.USB_CDC_SERIAL_STATE_OVERRUN, serial.Overrun}} {
		if v&e.s == 0 {
			continue
		}
		p.Event(e.f)
		// Linux gives a break to the line discipline, the others it only counts
		if e.f == serial.Break {
			p.Deliver([]byte{0}, []serial.Flags{serial.Break})
		}
	}
}
