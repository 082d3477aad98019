package usbtmc

import (
	"time"

	"github.com/kobench/kobench/drivers/usb"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/uapi"
)

// Recipients of the class requests, all of which have an answer.
const (
	ofInterface = hw.DirIn | hw.TypeClass | hw.ToInterface
	ofEndpoint  = hw.DirIn | hw.TypeClass | hw.ToEndpoint
)

// pause is how long a device that is not ready is left alone.
const pause = 50 * time.Millisecond

// drainTimeout is for data that is there already.
const drainTimeout = 300 * time.Millisecond

// request makes a class request with an answer; what did not come of it is zero, which is no
// status.
//
// Errors: those of the transfer.
func (d *instrument) request(recipient, request uint8, value, index uint16, answer []byte) (int, error) {
	n, err := d.dev.Control(recipient, request, value, index, answer, usb.ControlTimeout)
	if err != nil {
		err = status(err)
		d.iface.Printf(kernel.LevelErr, "usb_control_msg returned %d", -int(kernel.ErrnoOf(err)))
	}
	return n, err
}

// wrong logs a status that ends an operation. Its error is EPERM.
func (d *instrument) wrong(request string, status uint8) error {
	d.iface.Printf(kernel.LevelErr, "%s returned %x", request, status)
	return kernel.EPERM
}

// capabilities asks for those of the interface, device and subclass [USBTMC] 4.2.1.8, [USB488]
// 4.2.2.
func (d *instrument) capabilities() error {
	var b [0x18]byte
	if _, err := d.request(ofInterface, uapi.USBTMC_REQUEST_GET_CAPABILITIES, 0, 0, b[:]); err != nil {
		return err
	}
	if b[0] != uapi.USBTMC_STATUS_SUCCESS {
		return d.wrong("GET_CAPABILITIES", b[0])
	}
	d.devCaps, d.caps = b[5], b[14]&0x07|b[15]&0x0f<<4
	return nil
}

// pulse lets the instrument show itself [USBTMC] 4.2.1.9.
//
// Errors: EPERM it answered with another status than success; those of the transfer.
func (d *instrument) pulse() error {
	var b [1]byte
	if _, err := d.request(ofInterface, uapi.USBTMC_REQUEST_INDICATOR_PULSE, 0, 0, b[:]); err != nil {
		return err
	}
	if b[0] != uapi.USBTMC_STATUS_SUCCESS {
		return d.wrong("INDICATOR_PULSE", b[0])
	}
	return nil
}

// clear empties both directions of the instrument [USBTMC] 4.2.1.6, 4.2.1.7.
//
// Errors: EPERM it failed, or is not done after 100 looks; those of the transfers.
//
// +checklocks:d.io
func (d *instrument) clear() error {
	b := make([]byte, bufferSize)
	if _, err := d.request(ofInterface, uapi.USBTMC_REQUEST_INITIATE_CLEAR, 0, 0, b[:1]); err != nil {
		return err
	}
	if b[0] != uapi.USBTMC_STATUS_SUCCESS {
		return d.wrong("INITIATE_CLEAR", b[0])
	}
	for n := 0; n < maxReads && !d.gone.Load(); {
		clear(b[:2])
		if _, err := d.request(ofInterface, uapi.USBTMC_REQUEST_CHECK_CLEAR_STATUS, 0, 0, b[:2]); err != nil {
			return err
		}
		switch {
		case b[0] == uapi.USBTMC_STATUS_SUCCESS:
			return d.clearHalt(d.out)
		case b[0] != uapi.USBTMC_STATUS_PENDING:
			return d.wrong("CHECK_CLEAR_STATUS", b[0])
		case b[1]&1 == 0: // nothing to fetch
			time.Sleep(pause)
			n++
			continue
		}
		for got := bufferSize; got == bufferSize && n < maxReads; n++ {
			var err error
			if got, err = d.bulk(d.in, b, usb.ControlTimeout); err != nil {
				return err
			}
		}
	}
	return d.endless()
}

// endless is the end of a loop that a device could keep up for ever.
func (d *instrument) endless() error {
	if d.gone.Load() {
		return kernel.ENODEV
	}
	d.iface.Printf(kernel.LevelErr, "Couldn't clear device buffer within %d cycles", maxReads)
	return kernel.EPERM
}

// clearHalt takes a bulk endpoint out of its halt.
func (d *instrument) clearHalt(e *hw.Endpoint) error {
	err := status(d.dev.ClearHalt(e))
	if err != nil {
		d.iface.Printf(kernel.LevelErr, "usb_clear_halt returned %d", -int(kernel.ErrnoOf(err)))
	}
	return err
}

// abortOut ends the last bulk OUT message [USBTMC] 4.2.1.2, 4.2.1.3.
//
// Errors: EPERM it failed, or there was none; those of the transfers.
//
// +checklocks:d.io
func (d *instrument) abortOut() error {
	var b [8]byte
	if _, err := d.request(ofEndpoint, uapi.USBTMC_REQUEST_INITIATE_ABORT_BULK_OUT, uint16(d.lastWrite), uint16(d.out.Address), b[:2]); err != nil {
		return err
	}
	if b[0] != uapi.USBTMC_STATUS_SUCCESS {
		return d.wrong("INITIATE_ABORT_BULK_OUT", b[0])
	}
	for n := 0; n < maxReads; n++ {
		time.Sleep(pause)
		clear(b[:])
		if _, err := d.request(ofEndpoint, uapi.USBTMC_REQUEST_CHECK_ABORT_BULK_OUT_STATUS, 0, uint16(d.out.Address), b[:]); err != nil {
			return err
		}
		switch b[0] {
		case uapi.USBTMC_STATUS_SUCCESS:
			return d.clearHalt(d.out)
		case uapi.USBTMC_STATUS_PENDING:
			continue
		}
		return d.wrong("CHECK_ABORT_BULK_OUT", b[0])
	}
	return d.endless()
}

// abortIn ends the last bulk IN message and throws away what comes of it [USBTMC] 4.2.1.4, 4.2.1.5.
//
// Errors: ENOMSG there is a message with another tag; EAGAIN the instrument needs more time; EPERM
// it failed, or does not stop sending; those of the transfers.
//
// +checklocks:d.io
func (d *instrument) abortIn() error {
	b := make([]byte, bufferSize)
	if _, err := d.request(ofEndpoint, uapi.USBTMC_REQUEST_INITIATE_ABORT_BULK_IN, uint16(d.lastRead), uint16(d.in.Address), b[:2]); err != nil {
		return err
	}
	switch b[0] {
	case uapi.USBTMC_STATUS_SUCCESS:
	case uapi.USBTMC_STATUS_FAILED: // nothing was under way
		return nil
	case uapi.USBTMC_STATUS_TRANSFER_NOT_IN_PROGRESS:
		return kernel.ENOMSG
	default:
		return d.wrong("INITIATE_ABORT_BULK_IN", b[0])
	}
	for n := 0; n < maxReads-1 && !d.gone.Load(); n++ {
		got, err := d.bulk(d.in, b, drainTimeout)
		if err != nil && err != kernel.ETIMEDOUT {
			d.iface.Printf(kernel.LevelErr, "usb_bulk_msg returned %d", -int(kernel.ErrnoOf(err)))
			return err
		}
		if got == bufferSize {
			continue
		}
		clear(b[:8])
		if _, err := d.request(ofEndpoint, uapi.USBTMC_REQUEST_CHECK_ABORT_BULK_IN_STATUS, 0, uint16(d.in.Address), b[:8]); err != nil {
			return err
		}
		switch {
		case b[0] == uapi.USBTMC_STATUS_SUCCESS:
			return nil
		case b[0] != uapi.USBTMC_STATUS_PENDING:
			return d.wrong("CHECK_ABORT_BULK_IN", b[0])
		case b[1]&1 == 0:
			return kernel.EAGAIN
		}
	}
	return d.endless()
}

// simple makes a request of the remote/local group [USB488] 4.3.2 to 4.3.4.
//
// Errors: EINVAL the instrument has none of them; EIO it answered with nothing or another status
// than success; those of the transfer.
func (d *instrument) simple(request uint8, value uint16) error {
	if d.caps&Cap488RenControl == 0 {
		return kernel.EINVAL
	}
	var b [1]byte
	n, err := d.request(ofInterface, request, value, d.number, b[:])
	switch {
	case err != nil:
		return err
	case n != 1:
		d.iface.Printf(kernel.LevelWarning, "simple usb_control_msg returned %d", n)
		return kernel.EIO
	case b[0] != uapi.USBTMC_STATUS_SUCCESS:
		d.iface.Printf(kernel.LevelErr, "simple control status returned %x", b[0])
		return kernel.EIO
	}
	return nil
}

// statusByte reads it, by way of the interrupt endpoint where there is one [USB488] 4.3.1 ([usbtmc]
// usbtmc_get_stb).
//
// Errors: EIO the instrument refused; ETIMEDOUT no notification came; ERESTARTSYS; those of the
// transfer.
//
// +checklocks:f.d.io
func (f *file) statusByte(t *kernel.Task) (uint8, error) {
	d := f.d
	d.mu.Lock()
	d.stbValid = false
	d.mu.Unlock()
	tag := d.stbTag
	if d.stbTag++; d.stbTag > 127 {
		d.stbTag = 2
	}
	var b [3]byte
	if _, err := d.request(ofInterface, uapi.USBTMC488_REQUEST_READ_STATUS_BYTE, uint16(tag), d.number, b[:]); err != nil {
		return 0, err
	}
	if b[0] != uapi.USBTMC_STATUS_SUCCESS {
		d.iface.Printf(kernel.LevelErr, "control status returned %x", b[0])
		return 0, kernel.EIO
	}
	if d.notify == nil {
		return b[2], nil
	}
	var got [2]byte
	come := func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		got = d.stb
		return d.stbValid
	}
	if err := t.WaitEventTimeout(&d.wait, f.limit(), func() bool { return come() || d.gone.Load() }); err != nil {
		return 0, err
	}
	if d.gone.Load() {
		return 0, kernel.ENODEV
	}
	if got[0]&0x7f != tag {
		d.iface.Printf(kernel.LevelErr, "expected bTag %x got %x", tag, got[0]&0x7f)
	}
	return got[1], nil
}

// takeSRQ gives the status byte of a service request and forgets it.
func (f *file) takeSRQ() (stb uint8, ok bool) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	stb, ok = f.srqByte, f.srq
	f.srq = false
	return stb, ok
}

// waitSRQ waits for a service request without keeping others from the instrument.
//
// Errors: EFAULT there is no interrupt endpoint; ETIMEDOUT; ENODEV; ERESTARTSYS.
//
// +checklocks:f.d.io
func (f *file) waitSRQ(t *kernel.Task, ms uint32) error {
	d := f.d
	if d.notify == nil {
		return kernel.EFAULT
	}
	d.io.Unlock()
	err := t.WaitEventTimeout(&d.wait, time.Duration(ms)*time.Millisecond, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return f.srq || d.gone.Load() // +checklocksignore
	})
	d.io.Lock()
	if d.gone.Load() {
		return kernel.ENODEV
	}
	return err
}
