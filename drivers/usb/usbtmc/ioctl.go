package usbtmc

import (
	"encoding/binary"

	"github.com/kobench/kobench/drivers/usb"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/uapi"
)

// The ioctls with what their argument points to [tmc.h].
const (
	USBTMC_IOCTL_INDICATOR_PULSE = 0x5b01
	USBTMC_IOCTL_CLEAR           = 0x5b02
	USBTMC_IOCTL_ABORT_BULK_OUT  = 0x5b03
	USBTMC_IOCTL_ABORT_BULK_IN   = 0x5b04
	USBTMC_IOCTL_CLEAR_OUT_HALT  = 0x5b06
	USBTMC_IOCTL_CLEAR_IN_HALT   = 0x5b07
	// struct usbtmc_ctrlrequest: the setup packet's 8 bytes, 8 for the pointer, then data; the
	// result is how much of it moved
	USBTMC_IOCTL_CTRL_REQUEST    = 0xc0105b08
	USBTMC_IOCTL_GET_TIMEOUT     = 0x80045b09 // 32 bits, ms
	USBTMC_IOCTL_SET_TIMEOUT     = 0x40045b0a // the same; at least 100
	USBTMC_IOCTL_EOM_ENABLE      = 0x40015b0b // 1 byte, 0 or 1
	USBTMC_IOCTL_CONFIG_TERMCHAR = 0x40025b0c // struct usbtmc_termchar: the character, 1 to use it
	// struct usbtmc_message: size, transferred and flags of 32 bits, 8 bytes for the pointer, then
	// data
	USBTMC_IOCTL_WRITE        = 0xc0145b0d
	USBTMC_IOCTL_READ         = 0xc0145b0e // the same; the result is 1 after a short packet
	USBTMC_IOCTL_WRITE_RESULT = 0xc0045b0f // 32 bits, bytes
	USBTMC_IOCTL_API_VERSION  = 0x80045b10 // 32 bits
	USBTMC488_IOCTL_GET_CAPS  = 0x80015b11 // 1 byte, Cap488…
	// 1 byte; a service request adds bit 6 and is seen to
	USBTMC488_IOCTL_READ_STB      = 0x80015b12
	USBTMC488_IOCTL_REN_CONTROL   = 0x40015b13 // 1 byte
	USBTMC488_IOCTL_GOTO_LOCAL    = 0x5b14
	USBTMC488_IOCTL_LOCAL_LOCKOUT = 0x5b15
	USBTMC488_IOCTL_TRIGGER       = 0x5b16
	USBTMC488_IOCTL_WAIT_SRQ      = 0x40045b17 // 32 bits, ms
	USBTMC_IOCTL_MSG_IN_ATTR      = 0x80015b18 // 1 byte, bmTransferAttributes of the last answer
	USBTMC_IOCTL_AUTO_ABORT       = 0x40015b19 // 1 byte
	USBTMC_IOCTL_GET_STB          = 0x80015b1a // 1 byte
	USBTMC_IOCTL_GET_SRQ_STB      = 0x80015b1b // 1 byte, that came with the service request
	USBTMC_IOCTL_CANCEL_IO        = 0x5b23
	USBTMC_IOCTL_CLEANUP_IO       = 0x5b24
)

// Capabilities that USBTMC488_IOCTL_GET_CAPS tells [tmc.h].
const (
	Cap488Trigger    = 1
	Cap488RenControl = 2 // with go to local and local lock-out
	Cap488           = 4
	Cap488DT1        = 16
	Cap488RL1        = 32
	Cap488SR1        = 64
	Cap488SCPI       = 128
)

// known reports whether there is such a command: 1 to 4, 6 to 27, 35 and 36, each with one size.
func known(cmd uint32) bool {
	switch cmd {
	case USBTMC_IOCTL_INDICATOR_PULSE, USBTMC_IOCTL_CLEAR, USBTMC_IOCTL_ABORT_BULK_OUT, USBTMC_IOCTL_ABORT_BULK_IN, USBTMC_IOCTL_CLEAR_OUT_HALT,
		USBTMC_IOCTL_CLEAR_IN_HALT, USBTMC_IOCTL_CTRL_REQUEST, USBTMC_IOCTL_GET_TIMEOUT, USBTMC_IOCTL_SET_TIMEOUT, USBTMC_IOCTL_EOM_ENABLE,
		USBTMC_IOCTL_CONFIG_TERMCHAR, USBTMC_IOCTL_WRITE, USBTMC_IOCTL_READ, USBTMC_IOCTL_WRITE_RESULT, USBTMC_IOCTL_API_VERSION,
		USBTMC488_IOCTL_GET_CAPS, USBTMC488_IOCTL_READ_STB, USBTMC488_IOCTL_REN_CONTROL, USBTMC488_IOCTL_GOTO_LOCAL, USBTMC488_IOCTL_LOCAL_LOCKOUT,
		USBTMC488_IOCTL_TRIGGER, USBTMC488_IOCTL_WAIT_SRQ, USBTMC_IOCTL_MSG_IN_ATTR, USBTMC_IOCTL_AUTO_ABORT, USBTMC_IOCTL_GET_STB,
		USBTMC_IOCTL_GET_SRQ_STB, USBTMC_IOCTL_CANCEL_IO, USBTMC_IOCTL_CLEANUP_IO:
		return true
	}
	return false
}

// ioctl is usbtmc_ioctl of [usbtmc].
//
// Errors: ENODEV; EBADRQC there is no such command; EFAULT a buffer that is too short; those of the
// command.
func (f *file) ioctl(t *kernel.Task, cmd uint32, arg kernel.Arg) (int, error) {
	d := f.d
	d.io.Lock()
	defer d.io.Unlock()
	if err := d.enterLocked(); err != nil {
		return 0, err
	}
	switch size := int(cmd >> 16 & 0x3fff); { // as the number has it
	case !known(cmd):
		return 0, kernel.EBADRQC
	case len(arg.Buf) < size:
		return 0, kernel.EFAULT
	}
	switch cmd {
	case USBTMC_IOCTL_CLEAR_OUT_HALT:
		return 0, d.clearHalt(d.out)
	case USBTMC_IOCTL_CLEAR_IN_HALT:
		return 0, d.clearHalt(d.in)
	case USBTMC_IOCTL_INDICATOR_PULSE:
		return 0, d.pulse()
	case USBTMC_IOCTL_CLEAR:
		return 0, d.clear()
	case USBTMC_IOCTL_ABORT_BULK_OUT:
		return 0, d.abortOut()
	case USBTMC_IOCTL_ABORT_BULK_IN:
		return 0, d.abortIn()
	case USBTMC_IOCTL_CTRL_REQUEST:
		return d.controlRequest(arg.Buf)
	case USBTMC_IOCTL_WRITE, USBTMC_IOCTL_READ:
		return f.message(cmd, arg.Buf)
	case USBTMC_IOCTL_WRITE_RESULT:
		f.mu.Lock()
		defer f.mu.Unlock()
		binary.LittleEndian.PutUint32(arg.Buf, f.outSize)
		return 0, f.outErr
	case USBTMC488_IOCTL_READ_STB, USBTMC_IOCTL_GET_STB:
		stb, err := f.statusByte(t)
		if err != nil {
			return 0, err
		}
		if cmd == USBTMC488_IOCTL_READ_STB {
			if _, ok := f.takeSRQ(); ok {
				stb |= 0x40
			}
		}
		arg.Buf[0] = stb
	case USBTMC_IOCTL_GET_SRQ_STB:
		stb, ok := f.takeSRQ()
		if !ok {
			return 0, kernel.ENOMSG
		}
		arg.Buf[0] = stb
	case USBTMC488_IOCTL_REN_CONTROL:
		return 0, d.simple(uapi.USBTMC488_REQUEST_REN_CONTROL, uint16(min(arg.Buf[0], 1)))
	case USBTMC488_IOCTL_GOTO_LOCAL:
		return 0, d.simple(uapi.USBTMC488_REQUEST_GOTO_LOCAL, 0)
	case USBTMC488_IOCTL_LOCAL_LOCKOUT:
		return 0, d.simple(uapi.USBTMC488_REQUEST_LOCAL_LOCKOUT, 0)
	case USBTMC488_IOCTL_TRIGGER:
		var b [uapi.USBTMC_HEADER_SIZE]byte
		f.header(b[:], uapi.USBTMC488_MSGID_TRIGGER, 0, 0, 0)
		_, err := d.bulk(d.out, b[:], f.limit())
		return 0, err
	case USBTMC488_IOCTL_WAIT_SRQ:
		return 0, f.waitSRQ(t, binary.LittleEndian.Uint32(arg.Buf))
	case USBTMC_IOCTL_CANCEL_IO:
		f.mu.Lock()
		f.inErr, f.outErr = kernel.ECANCELED, kernel.ECANCELED
		f.mu.Unlock()
		f.submitted.KillAll()
	case USBTMC_IOCTL_CLEANUP_IO:
		f.drop(true)
	default:
		return 0, f.setting(cmd, arg)
	}
	return 0, nil
}

// setting gets or sets one of the file's.
//
// Errors: EINVAL a value that cannot be; EBADRQC there is no such setting.
//
// +checklocks:f.d.io
func (f *file) setting(cmd uint32, arg kernel.Arg) error {
	b := arg.Buf
	switch cmd {
	case USBTMC_IOCTL_GET_TIMEOUT:
		return arg.PutUint32(f.timeout)
	case USBTMC_IOCTL_SET_TIMEOUT:
		ms := binary.LittleEndian.Uint32(b)
		if ms < minTimeout {
			return kernel.EINVAL
		}
		f.timeout = ms
	case USBTMC_IOCTL_EOM_ENABLE:
		if b[0] > 1 {
			return kernel.EINVAL
		}
		f.eom = b[0]
	case USBTMC_IOCTL_CONFIG_TERMCHAR:
		if b[1] > 1 || b[1] == 1 && f.d.devCaps&1 == 0 {
			return kernel.EINVAL
		}
		f.termChar, f.useTerm = b[0], b[1] == 1
	case USBTMC_IOCTL_AUTO_ABORT:
		f.autoAbort = b[0] != 0
	case USBTMC_IOCTL_MSG_IN_ATTR:
		b[0] = f.attributes
	case USBTMC488_IOCTL_GET_CAPS:
		b[0] = f.d.caps
	case USBTMC_IOCTL_API_VERSION:
		return arg.PutUint32(APIVersion)
	default:
		return kernel.EBADRQC
	}
	return nil
}

// Sizes of the structs before the data.
const (
	ctrlRequestSize = 16
	messageSize     = 20
)

// controlRequest makes any control transfer ([usbtmc] usbtmc_ioctl_request).
//
// Errors: EMSGSIZE more than 4096 bytes; EFAULT the data is shorter than that; those of the
// transfer.
func (d *instrument) controlRequest(b []byte) (int, error) {
	length := int(binary.LittleEndian.Uint16(b[6:]))
	data, recipient := b[ctrlRequestSize:], b[0]
	switch {
	case length > bufferSize:
		return 0, kernel.EMSGSIZE
	case length == 0:
		recipient &^= hw.DirIn
	case length > len(data):
		return 0, kernel.EFAULT
	}
	n, err := d.dev.Control(recipient, b[1], binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint16(b[4:]), data[:length], usb.ControlTimeout)
	if err != nil {
		err = status(err)
		d.iface.Printf(kernel.LevelErr, "usbtmc_ioctl_request failed %d", -int(kernel.ErrnoOf(err)))
		return 0, err
	}
	return n, nil
}

// message is USBTMC_IOCTL_WRITE and USBTMC_IOCTL_READ. The count is stored also with an error.
//
// +checklocks:f.d.io
func (f *file) message(cmd uint32, b []byte) (more int, err error) {
	size, flags := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[8:])
	data := b[messageSize:]
	if len(data) == 0 {
		data = nil
	}
	var n uint32
	if cmd == USBTMC_IOCTL_WRITE {
		n, err = f.send(data, size, flags)
	} else {
		n, more, err = f.receive(data, size, flags)
	}
	binary.LittleEndian.PutUint32(b[4:], n)
	return more, err
}
