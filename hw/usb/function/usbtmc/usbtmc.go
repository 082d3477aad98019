// Package usbtmc is a test instrument on USB: the USBTMC class with the USB488 subclass, and
// whatever answers SCPI behind it.
//
//	dev, err := usb.New(usbtmc.New(&scpi.Supply{}), usb.HighSpeed)
//
// References:
//
//	[USBTMC] USB Test and Measurement Class Specification 1.0, 2003
//	[USB488] USBTMC Subclass USB488 Specification 1.0, 2003
package usbtmc

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel/uapi"
)

// Instrument answers one program message, a line without its end; "" is no answer. hw/scpi.Supply
// is one. It must not block.
type Instrument interface{ Execute(line string) string }

const (
	bulkIn, bulkOut, notifyEP = 0x81, 0x02, 0x83
	maxMessage                = 1 << 20
	maxNotify                 = 16 // interrupt messages that nobody has fetched
)

// Requests [USBTMC] table 15, [USB488] table 9, and their status values.
const (
	classIn         = usb.DirIn | usb.TypeClass
	capTermChar     = 1
	cap488, capSCPI = 0x06, 0x0e
)

// Device is the instrument's USB side. It implements [usb.Function].
type Device struct {
	inst   Instrument
	link   *usb.Link
	packet int

	out     []byte   // a bulk-OUT message being received, header first
	message []byte   // program message so far, until EOM
	answer  []byte   // what the instrument said and nobody has read
	pending []byte   // bulk-IN packets of the request being answered
	tag     byte     // of that
	empty   bool     // the answer's last packet was full: an empty one ends the transfer
	srq     [][]byte // interrupt messages, oldest first
	remote  bool
}

// New puts inst on USB.
func New(inst Instrument) *Device { return &Device{inst: inst} }

// Descriptors implements [usb.Function].
func (d *Device) Descriptors(s usb.Speed) *usb.Descriptors {
	size, interval := uint16(64), uint8(16)
	switch s {
	case usb.FullSpeed:
	case usb.HighSpeed:
		size, interval = 512, 8
	default:
		return nil
	}
	return &usb.Descriptors{
		Device: usb.DeviceDescriptor{USB: 0x0200, MaxPacket0: 64, Vendor: 0x1209, Product: 0x488a, Release: 0x0100, ManufacturerS: 1, ProductS: 2, SerialS: 3, NumConfigs: 1},
		Configs: []usb.Configuration{{Value: 1, Attributes: usb.SelfPowered, MaxPower: 1, Interfaces: []usb.Interface{{
			Class: usb.ClassApplication, SubClass: 3, Protocol: 1,
			Endpoints: []usb.Endpoint{
				{Address: bulkIn, Attributes: 2, MaxPacket: size},
				{Address: bulkOut, Attributes: 2, MaxPacket: size},
				{Address: notifyEP, Attributes: uint8(usb.Interrupt), MaxPacket: 2, Interval: interval},
			},
		}}}},
		Strings: []string{"kobench", "SCPI instrument", "KB488"},
	}
}

// Attach implements [usb.Attacher].
func (d *Device) Attach(l *usb.Link) {
	d.link = l
	d.packet = 64
	if l.Speed() == usb.HighSpeed {
		d.packet = 512
	}
}

// Detach implements [usb.Attacher].
func (d *Device) Detach() {}

// Configured implements [usb.Configurer].
func (d *Device) Configured(uint8) { d.clear() }

// AltSetting implements [usb.Configurer].
func (d *Device) AltSetting(uint8, uint8) {}

func (d *Device) clear() {
	d.out, d.message, d.answer, d.pending, d.srq, d.empty = nil, nil, nil, nil, nil, false
}

// Out implements [usb.Function]: one transfer is one message [USBTMC] 3.2.
func (d *Device) Out(_ uint8, p []byte, end bool) (int, error) {
	if len(d.out)+len(p) > uapi.USBTMC_HEADER_SIZE+maxMessage+3 {
		d.out = nil
		return 0, usb.Stall
	}
	d.out = append(d.out, p...)
	if len(d.out) < uapi.USBTMC_HEADER_SIZE {
		if end { // half a header
			d.out = nil
			return 0, usb.Stall
		}
		return len(p), nil
	}
	h := d.out[:uapi.USBTMC_HEADER_SIZE]
	size := int(binary.LittleEndian.Uint32(h[4:]))
	if h[1] != ^h[2] || h[1] == 0 || h[0] == uapi.USBTMC_MSGID_DEV_DEP_MSG_OUT && size > maxMessage {
		d.out = nil
		return 0, usb.Stall // [USBTMC] 3.2.2.1
	}
	var err error
	switch h[0] {
	case uapi.USBTMC_MSGID_DEV_DEP_MSG_OUT:
		if len(d.out) < uapi.USBTMC_HEADER_SIZE+size {
			if !end {
				return len(p), nil // more of it in the next transfer or packet
			}
			err = usb.Stall
			break
		}
		d.message = append(d.message, d.out[uapi.USBTMC_HEADER_SIZE:uapi.USBTMC_HEADER_SIZE+size]...)
		if len(d.message) > maxMessage {
			d.message, err = nil, usb.Stall
		} else if h[8]&1 != 0 {
			d.execute()
		}
	case uapi.USBTMC_MSGID_REQUEST_DEV_DEP_MSG_IN:
		d.request(h[1], size, h[8]&2 != 0, h[9])
	case uapi.USBTMC488_MSGID_TRIGGER:
		d.inst.Execute("*TRG")
	default:
		err = usb.Stall
	}
	d.out = d.out[:0]
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// execute gives the message to the instrument, line by line.
func (d *Device) execute() {
	for line := range strings.SplitSeq(strings.TrimRight(string(d.message), "\r\n"), "\n") {
		if a := d.inst.Execute(strings.TrimRight(line, "\r")); a != "" {
			d.answer = append(append(d.answer, a...), '\n')
		}
	}
	d.message = d.message[:0]
	d.link.Wake(bulkIn)
}

// request prepares a DEV_DEP_MSG_IN of at most n bytes [USBTMC] 3.3.1.1; without an answer it waits
// for one.
func (d *Device) request(tag byte, n int, useTerm bool, term byte) {
	d.tag, d.empty = tag, false
	n = min(n, len(d.answer))
	attributes := byte(0)
	if useTerm {
		if i := strings.IndexByte(string(d.answer[:n]), term); i >= 0 {
			n = i + 1
			attributes |= 2
		}
	}
	if n == len(d.answer) {
		attributes |= 1
	}
	if n == 0 { // nothing to say: the transfer waits, and the host's time-out aborts it
		d.pending = nil
		return
	}
	b := make([]byte, uapi.USBTMC_HEADER_SIZE, uapi.USBTMC_HEADER_SIZE+n+3)
	b[0], b[1], b[2], b[8] = uapi.USBTMC_MSGID_REQUEST_DEV_DEP_MSG_IN, tag, ^tag, attributes
	binary.LittleEndian.PutUint32(b[4:], uint32(n))
	b = append(b, d.answer[:n]...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	d.answer = d.answer[:copy(d.answer, d.answer[n:])]
	d.pending = b
	d.link.Wake(bulkIn)
}

// In implements [usb.Function]. An answer ends with a short packet, an empty one if need be
// [USBTMC] 3.3.
func (d *Device) In(ep uint8, p []byte) (int, error) {
	if ep == notifyEP {
		if len(d.srq) == 0 {
			return 0, usb.NAK
		}
		n := copy(p, d.srq[0])
		d.srq = d.srq[1:]
		return n, nil
	}
	if d.empty {
		d.empty = false
		return 0, nil
	}
	if len(d.pending) == 0 {
		return 0, usb.NAK
	}
	n := copy(p, d.pending)
	if n == len(p) && n%d.packet != 0 && n < len(d.pending) {
		d.pending = nil
		return 0, usb.EOVERFLOW
	}
	d.pending = d.pending[n:]
	d.empty = len(d.pending) == 0 && n == len(p) && n%d.packet == 0
	return n, nil
}

// notify queues an interrupt message. A host that does not listen loses the oldest ones.
func (d *Device) notify(b ...byte) {
	if len(d.srq) >= maxNotify {
		d.srq = d.srq[1:]
	}
	d.srq = append(d.srq, b)
	d.link.Wake(notifyEP)
}

// Control implements [usb.Function].
func (d *Device) Control(s usb.Setup, data []byte) (int, error) {
	if s.RequestType&^usb.RecipientMask != classIn {
		return 0, usb.Stall
	}
	answer := func(b ...byte) (int, error) { return copy(data, b), nil }
	switch s.Request {
	case uapi.USBTMC_REQUEST_GET_CAPABILITIES:
		b := [0x18]byte{0: uapi.USBTMC_STATUS_SUCCESS, 3: 1, 5: capTermChar, 13: 1, 14: cap488, 15: capSCPI}
		return answer(b[:]...)
	case uapi.USBTMC_REQUEST_INITIATE_CLEAR:
		d.clear()
		return answer(uapi.USBTMC_STATUS_SUCCESS)
	case uapi.USBTMC_REQUEST_CHECK_CLEAR_STATUS:
		return answer(uapi.USBTMC_STATUS_SUCCESS, 0)
	case uapi.USBTMC_REQUEST_INITIATE_ABORT_BULK_OUT, uapi.USBTMC_REQUEST_INITIATE_ABORT_BULK_IN:
		busy := len(d.out) > 0
		if s.Request == uapi.USBTMC_REQUEST_INITIATE_ABORT_BULK_IN {
			busy = d.tag == byte(s.Value)
			d.pending, d.empty = nil, false
		}
		d.out = d.out[:0]
		if !busy {
			return answer(uapi.USBTMC_STATUS_TRANSFER_NOT_IN_PROGRESS, d.tag)
		}
		return answer(uapi.USBTMC_STATUS_SUCCESS, byte(s.Value))
	case uapi.USBTMC_REQUEST_CHECK_ABORT_BULK_OUT_STATUS, uapi.USBTMC_REQUEST_CHECK_ABORT_BULK_IN_STATUS:
		return answer(uapi.USBTMC_STATUS_SUCCESS, 0, 0, 0, 0, 0, 0, 0)
	case uapi.USBTMC_REQUEST_INDICATOR_PULSE:
		return answer(uapi.USBTMC_STATUS_SUCCESS)
	case uapi.USBTMC488_REQUEST_READ_STATUS_BYTE: // [USB488] 4.3.1.2: by interrupt
		stb := d.statusByte()
		d.notify(0x80|byte(s.Value), stb)
		return answer(uapi.USBTMC_STATUS_SUCCESS, byte(s.Value), 0)
	case uapi.USBTMC488_REQUEST_REN_CONTROL:
		d.remote = s.Value != 0
		return answer(uapi.USBTMC_STATUS_SUCCESS)
	case uapi.USBTMC488_REQUEST_GOTO_LOCAL, uapi.USBTMC488_REQUEST_LOCAL_LOCKOUT:
		return answer(uapi.USBTMC_STATUS_SUCCESS)
	}
	return 0, usb.Stall
}

// statusByte is the instrument's, with MAV as this side knows it [USB488] 4.3.1.
func (d *Device) statusByte() byte {
	v, _ := strconv.Atoi(strings.TrimSpace(d.inst.Execute("*STB?")))
	stb := byte(v) &^ 0x10
	if len(d.answer) > 0 || len(d.pending) > 0 {
		stb |= 0x10
	}
	return stb
}

// ServiceRequest raises SRQ with this status byte. It may be called from the instrument, within
// Execute.
func (d *Device) ServiceRequest(stb byte) {
	d.notify(0x81, stb|0x40)
}
