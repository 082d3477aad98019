package usbip

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/kobench/kobench/hw/usb"
)

// The operations before a connection carries URBs [usbip]. All numbers are big-endian.
const (
	version      = 0x0111
	opReqDevlist = 0x8005
	opRepDevlist = 0x0005
	opReqImport  = 0x8003
	opRepImport  = 0x0003

	busIDSize  = 32
	pathSize   = 256
	deviceSize = pathSize + busIDSize + 24
	opSize     = 8
)

// Status of an operation's reply, tools/usb/usbip/libsrc/usbip_common.h.
const (
	stOK      = 0
	stBusy    = 2
	stNoDev   = 4
	stError   = 5
	devlistOf = 1024 // more devices in a list are not believed
)

// The messages of an imported device.
const (
	cmdSubmit = 1
	cmdUnlink = 2
	retSubmit = 3
	retUnlink = 4

	headerSize = 48
	isoSize    = 16

	maxTransfer = 16 << 20 // bytes of one transfer
	maxPackets  = 1024     // USBIP_MAX_ISO_PACKETS, drivers/usb/usbip/usbip_common.h
)

// Transfer flags on the wire, include/uapi and linux/usb.h.
const (
	urbShortNotOK = 0x01
	urbZeroPacket = 0x40
	urbDirIn      = 0x200
)

// Info is a device in a server's list.
type Info struct {
	Path          string // sysfs path on the server
	BusID         string
	Bus, Dev      uint32
	Speed         usb.Speed
	Device        usb.DeviceDescriptor
	Configuration uint8
	Interfaces    []usb.Interface // class, subclass and protocol alone; only in a list
}

// append writes the device as both replies have it.
func (i *Info) append(b []byte, interfaces int) []byte {
	be := binary.BigEndian
	b = append(b, fixed(i.Path, pathSize)...)
	b = append(b, fixed(i.BusID, busIDSize)...)
	b = be.AppendUint32(b, i.Bus)
	b = be.AppendUint32(b, i.Dev)
	b = be.AppendUint32(b, uint32(i.Speed))
	b = be.AppendUint16(b, i.Device.Vendor)
	b = be.AppendUint16(b, i.Device.Product)
	b = be.AppendUint16(b, uint16(i.Device.Release))
	return append(b, i.Device.Class, i.Device.SubClass, i.Device.Protocol, i.Configuration, i.Device.NumConfigs, byte(interfaces))
}

func parseInfo(b []byte) (i Info, interfaces int) {
	be := binary.BigEndian
	i.Path, i.BusID = text(b[:pathSize]), text(b[pathSize:pathSize+busIDSize])
	b = b[pathSize+busIDSize:]
	i.Bus, i.Dev, i.Speed = be.Uint32(b), be.Uint32(b[4:]), usb.Speed(min(be.Uint32(b[8:]), 255))
	i.Device.Vendor, i.Device.Product, i.Device.Release = be.Uint16(b[12:]), be.Uint16(b[14:]), usb.BCD(be.Uint16(b[16:]))
	i.Device.Class, i.Device.SubClass, i.Device.Protocol = b[18], b[19], b[20]
	i.Configuration, i.Device.NumConfigs = b[21], b[22]
	return i, int(b[23])
}

func fixed(s string, n int) []byte {
	b := make([]byte, n)
	copy(b[:n-1], s)
	return b
}

func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

func op(code uint16, status uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, version)
	b = binary.BigEndian.AppendUint16(b, code)
	return binary.BigEndian.AppendUint32(b, status)
}

// readOp reads an operation's header.
func readOp(r io.Reader) (code uint16, status uint32, err error) {
	var b [opSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, 0, err
	}
	be := binary.BigEndian
	if v := be.Uint16(b[:]); v != version {
		return 0, 0, protocol("version %x.%02x; this end speaks 1.11 (USB/IP 1.1.1)", v>>8, v&0xff)
	}
	return be.Uint16(b[2:]), be.Uint32(b[4:]), nil
}

func protocol(format string, args ...any) error {
	return &usb.Error{Op: "usbip", Errno: usb.EPROTO, Reason: fmt.Sprintf(format, args...)}
}

// header is the 48 bytes of every message, with the union of what the four carry.
type header struct {
	command, seq, dev uint32
	in                bool
	ep                uint8
	flags             uint32 // submit
	status            int32  // ret
	length            int32  // asked for, or moved
	start             int32
	packets           int32
	interval          int32 // submit; error count in ret
	setup             usb.Setup
	unlink            uint32
}

func (h *header) append(b []byte) []byte {
	be := binary.BigEndian
	dir := uint32(0)
	if h.in {
		dir = 1
	}
	b = be.AppendUint32(b, h.command)
	b = be.AppendUint32(b, h.seq)
	b = be.AppendUint32(b, h.dev)
	b = be.AppendUint32(b, dir)
	b = be.AppendUint32(b, uint32(h.ep))
	n := len(b)
	switch h.command {
	case cmdSubmit:
		b = be.AppendUint32(b, h.flags)
	case retSubmit, retUnlink:
		b = be.AppendUint32(b, uint32(h.status))
	case cmdUnlink:
		b = be.AppendUint32(b, h.unlink)
	}
	if h.command == cmdSubmit || h.command == retSubmit {
		b = be.AppendUint32(b, uint32(h.length))
		b = be.AppendUint32(b, uint32(h.start))
		b = be.AppendUint32(b, uint32(h.packets))
		b = be.AppendUint32(b, uint32(h.interval))
	}
	if h.command == cmdSubmit {
		b = h.setup.Append(b)
	}
	for len(b) < n+headerSize-20 {
		b = append(b, 0)
	}
	return b
}

// parse reads a header. Every 48 bytes are one; what the numbers mean is checked by who uses them.
func (h *header) parse(b *[headerSize]byte) {
	be := binary.BigEndian
	*h = header{
		command: be.Uint32(b[0:]), seq: be.Uint32(b[4:]), dev: be.Uint32(b[8:]), in: be.Uint32(b[12:]) == 1, ep: uint8(min(be.Uint32(b[16:]), 255)),
		flags: be.Uint32(b[20:]), status: int32(be.Uint32(b[20:])), unlink: be.Uint32(b[20:]),
		length: int32(be.Uint32(b[24:])), start: int32(be.Uint32(b[28:])), packets: int32(be.Uint32(b[32:])), interval: int32(be.Uint32(b[36:])),
	}
	h.setup, _ = usb.ParseSetup(b[40:])
}

// appendIso writes the packet descriptors that follow an isochronous transfer's data.
func appendIso(b []byte, ps []usb.IsoPacket) []byte {
	for i := range ps {
		p := &ps[i]
		for _, v := range [4]uint32{uint32(p.Offset), uint32(p.Length), uint32(p.Actual), uint32(-int32(usb.ErrnoOf(p.Err)))} {
			b = binary.BigEndian.AppendUint32(b, v)
		}
	}
	return b
}

func parseIso(b []byte, ps []usb.IsoPacket) {
	be := binary.BigEndian
	for i := range ps {
		d := b[i*isoSize:]
		ps[i] = usb.IsoPacket{Offset: int(int32(be.Uint32(d))), Length: int(int32(be.Uint32(d[4:]))), Actual: int(int32(be.Uint32(d[8:]))), Err: statusError(int32(be.Uint32(d[12:])))}
	}
}

// statusError is the error of a negative status.
func statusError(s int32) error {
	if s == 0 {
		return nil
	}
	if s < 0 && s > -4096 {
		return usb.Errno(-s)
	}
	return usb.EPROTO
}
