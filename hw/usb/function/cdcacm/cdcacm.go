// Package cdcacm is a CDC abstract control model device: the serial port that needs no vendor
// driver (Linux's cdc_acm, ttyACM). Behind it is a serial line.
//
// References: [PSTN] USB CDC Subclass Specification for PSTN Devices 1.2, 2007
package cdcacm

import (
	"encoding/binary"
	"time"

	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/internal/serialend"
	"github.com/kobench/kobench/kernel/uapi"
)

const (
	inEP, outEP, notifyEP = 0x81, 0x02, 0x83
	bufferSize            = 4096
)

// Requests and the notification [PSTN] tables 13, 30.
const (
	classOut = usb.TypeClass | usb.ToInterface
	classIn  = usb.DirIn | usb.TypeClass | usb.ToInterface
)

// Port is the device. It implements [usb.Function].
type Port struct {
	serial string
	end    *serialend.End

	link   *usb.Link
	state  uint16 // told last
	events uint16 // to be told once
	stop   *clock.Event
}

// New makes a device on its end of a line, with a serial number (empty: "0001").
func New(port *serial.Port, serialNumber string) *Port {
	if serialNumber == "" {
		serialNumber = "0001"
	}
	return &Port{serial: serialNumber, end: serialend.New(port, bufferSize, bufferSize, inEP, outEP, notifyEP)}
}

// Descriptors implements [usb.Function].
func (p *Port) Descriptors(s usb.Speed) *usb.Descriptors {
	size, interval := uint16(64), uint8(16)
	switch s {
	case usb.FullSpeed:
	case usb.HighSpeed:
		size, interval = 512, 8
	default:
		return nil
	}
	extra := usb.CDCHeader(0x0110)
	extra = append(extra, usb.CDCCallManagement(0, 1)...)
	extra = append(extra, usb.CDCACM(0x06)...)
	extra = append(extra, usb.CDCUnion(0, 1)...)
	return &usb.Descriptors{
		Device: usb.DeviceDescriptor{
			USB: 0x0200, Class: usb.ClassComm, MaxPacket0: 64, Vendor: 0x0525, Product: 0xa4a7, Release: 0x0100,
			ManufacturerS: 1, ProductS: 2, SerialS: 3, NumConfigs: 1,
		},
		Configs: []usb.Configuration{{
			Value: 1, Attributes: usb.SelfPowered, MaxPower: 50,
			Associations: []usb.Association{{First: 0, Count: 2, Class: usb.ClassComm, SubClass: 2, Protocol: 1}},
			Interfaces: []usb.Interface{
				{
					Class: usb.ClassComm, SubClass: 2, Protocol: 1, Extra: extra,
					Endpoints: []usb.Endpoint{{Address: notifyEP, Attributes: uint8(usb.Interrupt), MaxPacket: 10, Interval: interval}},
				},
				{
					Number: 1, Class: usb.ClassCDCData,
					Endpoints: []usb.Endpoint{{Address: inEP, Attributes: 2, MaxPacket: size}, {Address: outEP, Attributes: 2, MaxPacket: size}},
				},
			},
		}},
		Strings: []string{"kobench", "CDC ACM port", p.serial},
	}
}

// Attach implements [usb.Attacher].
func (p *Port) Attach(l *usb.Link) {
	p.link = l
	p.end.Attach(l)
}

// Detach implements [usb.Attacher].
func (p *Port) Detach() {
	if p.stop != nil {
		p.stop.Stop()
	}
	p.end.Detach()
}

// Configured implements [usb.Configurer].
func (p *Port) Configured(uint8) {
	p.state, p.events = 0, 0
	p.end.SetBreak(false)
	p.end.SetSignals(serial.DTEOutputs, 0)
}

// AltSetting implements [usb.Configurer].
func (p *Port) AltSetting(uint8, uint8) {}

// Control implements [usb.Function].
func (p *Port) Control(s usb.Setup, data []byte) (int, error) {
	switch {
	case s.Is(classOut, uapi.USB_CDC_REQ_SET_LINE_CODING):
		return len(data), p.setCoding(data)
	case s.Is(classIn, uapi.USB_CDC_REQ_GET_LINE_CODING):
		return copy(data, coding(p.end.Mode())), nil
	case s.Is(classOut, uapi.USB_CDC_REQ_SET_CONTROL_LINE_STATE):
		v := serial.Signals(0)
		if s.Value&1 != 0 {
			v |= serial.DTR
		}
		if s.Value&2 != 0 {
			v |= serial.RTS
		}
		p.end.SetSignals(serial.DTEOutputs, v)
		return 0, nil
	case s.Is(classOut, uapi.USB_CDC_REQ_SEND_BREAK):
		p.end.SetBreak(s.Value != 0)
		if p.stop != nil {
			p.stop.Stop()
		}
		if s.Value != 0 && s.Value != 0xffff {
			p.stop = p.end.Clock().AfterFunc(time.Duration(s.Value)*time.Millisecond, func() { p.end.SetBreak(false) })
		}
		return 0, nil
	}
	return 0, usb.Stall
}

func (p *Port) setCoding(b []byte) error {
	if len(b) < 7 || b[4] > 2 {
		return usb.Stall
	}
	m := serial.Mode{Baud: serial.Baud(binary.LittleEndian.Uint32(b)), Data: b[6], Parity: serial.Parity(b[5]), Stop: serial.StopBits(2 + b[4])}
	if m.Baud == 0 { // a host that hangs up says so
		return nil
	}
	return p.end.SetMode(m)
}

// coding is the line coding structure [PSTN] table 17.
func coding(m serial.Mode) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(m.Baud))
	return append(b, byte(m.Stop-serial.Stop1), byte(m.Parity), m.Data)
}

// Out implements [usb.Function].
func (p *Port) Out(_ uint8, b []byte, _ bool) (int, error) {
	n := p.end.Send(b)
	if n < len(b) {
		return n, usb.NAK
	}
	return n, nil
}

// In implements [usb.Function].
func (p *Port) In(ep uint8, b []byte) (int, error) {
	if ep == notifyEP {
		return p.notify(b)
	}
	n := 0
	for n < len(b) {
		all, _ := p.end.Buffered()
		if all == 0 {
			break
		}
		got, flags := p.end.Take(b[n:])
		if flags != 0 {
			p.received(flags)
		}
		if flags&serial.Break != 0 { // told by the notification; it has no character
			continue
		}
		n += got
	}
	if n == 0 {
		return 0, usb.NAK
	}
	// after whole packets alone an empty one ends the transfer, so that nothing is kept waiting
	return n, nil
}

func (p *Port) received(f serial.Flags) {
	for _, r := range [...]struct {
		f serial.Flags
		b uint16
	}{{serial.Break, uapi.USB_CDC_SERIAL_STATE_BREAK}, {serial.Framing, uapi.USB_CDC_SERIAL_STATE_FRAMING}, {serial.ParityError, uapi.USB_CDC_SERIAL_STATE_PARITY}, {serial.Overrun, uapi.USB_CDC_SERIAL_STATE_OVERRUN}} {
		if f&r.f != 0 {
			p.events |= r.b
		}
	}
	p.link.Wake(notifyEP)
}

// notify sends SERIAL_STATE when it has changed [PSTN] 6.5.4.
func (p *Port) notify(b []byte) (int, error) {
	in, state := p.end.Signals(), uint16(0)
	for _, r := range [...]struct {
		s serial.Signals
		b uint16
	}{{serial.DCD, uapi.USB_CDC_SERIAL_STATE_DCD}, {serial.DSR, uapi.USB_CDC_SERIAL_STATE_DSR}, {serial.RI, uapi.USB_CDC_SERIAL_STATE_RING_SIGNAL}} {
		if in&r.s != 0 {
			state |= r.b
		}
	}
	if state == p.state && p.events == 0 {
		return 0, usb.NAK
	}
	v := state | p.events
	msg := [10]byte{0xa1, uapi.USB_CDC_NOTIFY_SERIAL_STATE, 0, 0, 0, 0, 2, 0, byte(v), byte(v >> 8)}
	if len(b) < len(msg) {
		return 0, usb.EOVERFLOW
	}
	p.state, p.events = state, 0
	return copy(b, msg[:]), nil
}
