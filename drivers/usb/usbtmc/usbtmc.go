// Package usbtmc drives test and measurement instruments on USB: /dev/usbtmcN, where a write is a
// message to the instrument and a read is its answer (module usbtmc).
//
//	write(2), USBTMC_IOCTL_WRITE ──► bulk OUT ──► instrument ──► bulk IN ──► read(2), USBTMC_IOCTL_READ
//	ioctl(2): clear, abort, trigger, remote … ──► control       interrupt IN ──► status byte, SRQ
//	                                                            ──► poll, SIGIO, WAIT_SRQ
//
// # Ioctls
//
// Numbers and structs are those of [tmc.h]. Where a struct holds a pointer (usbtmc_ctrlrequest,
// usbtmc_message), its eight bytes are not looked at and the data is what follows the struct in the
// same buffer; nothing behind the struct is a NULL pointer. A buffer that is too short is EFAULT,
// an unknown command EBADRQC, both as on Linux.
//
// # What is left out or differs
//
// The sysfs attributes of the interface; suspend and resume; llseek; a close(2) that ends another
// task's WAIT_SRQ on the same file (flush). A transfer that is waited for is not ended by a signal
// but by its time-out, which [usbtmc] too does for read(2), write(2) and USBTMC_IOCTL_WRITE, not
// for USBTMC_IOCTL_READ.
//
// A call that waits while the instrument is pulled out gets ENODEV, like all after it; on Linux it
// is ESHUTDOWN or what the host controller says first. An answer whose header is wrong reads as 0
// bytes with a line in the log, and ABORT_BULK_IN names the tag behind that of the last read: both
// are so on Linux.
//
// # Locks
//
//	instrument.io   one operation at a time; held while a transfer is waited for
//	file.mu         what completions change: asynchronous transfers
//	instrument.mu   the open files, their SRQs, the last status byte
//
// References:
//   - [usbtmc] Linux drivers/usb/class/usbtmc.c, API version 3
//   - [tmc.h] Linux include/uapi/linux/usb/tmc.h
//   - [USBTMC] USB Test and Measurement Class Specification 1.0, 2003
//   - [USB488] USBTMC Subclass USB488 Specification 1.0, 2003
package usbtmc

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/drivers/usb"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// What the driver says of itself ([usbtmc] USBTMC_*).
const (
	MinorBase  = 176
	APIVersion = 3

	minTimeout     = 100  // ms
	defaultTimeout = 5000 // ms
	bufferSize     = 4096 // bytes of one transfer
	maxInFlight    = 16   // asynchronous transfers of a file in each direction
	maxReads       = 100  // to empty the bulk IN endpoint

	notifyPace  = time.Millisecond
	notifyBurst = 16
)

// New builds the module usbtmc.
func New() *kernel.Module {
	d := &usb.Driver{
		Name:       "usbtmc",
		IDs:        []usb.ID{usb.InterfaceID(hw.ClassApplication, 3, 0), usb.InterfaceID(hw.ClassApplication, 3, 1)},
		Probe:      func(i *usb.Interface, _ *usb.ID) error { return probe(i) },
		Disconnect: func(i *usb.Interface) { i.Private.(*instrument).disconnect() },
	}
	return &kernel.Module{
		Name: "usbtmc", License: "GPL", Description: "USB Test & Measurement class driver",
		Aliases: d.Aliases(), Needs: []string{usb.Symbol},
		Init: func(env *kernel.Env) error { return usb.Register(env, d) },
	}
}

// instrument is one device (struct usbtmc_device_data).
type instrument struct {
	iface   *usb.Interface
	dev     *usb.Device
	ctx     context.Context // the kernel's
	number  uint16          // of the interface
	in      *hw.Endpoint
	out     *hw.Endpoint
	notify  *usb.URB // nil: there is no interrupt endpoint
	node    *usb.Node
	devCaps uint8 // device capabilities [USBTMC] table 37
	caps    uint8 // those of USB488, as USBTMC488_IOCTL_GET_CAPS tells them
	gone    atomic.Bool

	notifiedAt time.Time // of notify's completions
	burst      int       // how many came faster than notifyPace

	io sync.Mutex
	// of the next message, never 0
	tag uint8 // +checklocks:io
	// tags to abort
	lastWrite uint8 // +checklocks:io
	lastRead  uint8 // +checklocks:io
	// of the next READ_STATUS_BYTE, 2…127
	stbTag uint8 // +checklocks:io

	wait  kernel.WaitQueue
	async kernel.FasyncList

	mu    sync.Mutex
	files map[*file]struct{} // +checklocks:mu
	// the last notification with a status byte
	stb      [2]byte // +checklocks:mu
	stbValid bool    // +checklocks:mu
}

func probe(i *usb.Interface) error {
	d := &instrument{
		iface: i, dev: i.Dev(), ctx: i.Dev().Kernel().Context(), number: uint16(i.Number()), tag: 1, stbTag: 2, files: make(map[*file]struct{}),
		in: i.Endpoint(hw.Bulk, true), out: i.Endpoint(hw.Bulk, false),
	}
	switch {
	case d.in == nil || d.out == nil:
		i.Printf(kernel.LevelErr, "bulk endpoints not found")
		return kernel.ENXIO
	case d.in.PacketSize() == 0:
		return kernel.EINVAL
	}
	if err := d.capabilities(); err != nil {
		i.Printf(kernel.LevelErr, "can't read capabilities")
	}
	if e := i.Endpoint(hw.Interrupt, true); e != nil {
		d.notify = i.NewURB(e, make([]byte, max(e.PacketSize(), 2)), d.notified)
		if err := d.notify.Submit(); err != nil {
			i.Printf(kernel.LevelErr, "Failed to submit iin_urb")
			return err
		}
	}
	d.node = &usb.Node{Name: "usbtmc%d", Base: MinorBase, Ops: d.ops()}
	i.Private = d
	if err := i.AddNode(d.node); err != nil {
		i.Printf(kernel.LevelErr, "Not able to get a minor (base %d, slice default): %d", MinorBase, -int(kernel.ErrnoOf(err)))
		return err
	}
	return nil
}

// disconnect waits for the operation that runs; its transfers have ended. Whoever comes after sees
// that the instrument has gone.
func (d *instrument) disconnect() {
	d.iface.RemoveNode(d.node)
	d.gone.Store(true)
	d.wait.WakeAll(kernel.PollHup | kernel.PollErr | kernel.PollPri)
	d.io.Lock()
	defer d.io.Unlock()
}

// enterLocked begins an operation: only one runs at a time, which holds io.
//
// Errors: ENODEV the instrument has gone.
//
// +checklocks:d.io
func (d *instrument) enterLocked() error {
	if d.gone.Load() {
		return kernel.ENODEV
	}
	return nil
}

// bulk makes one bulk transfer and waits for it; it ends with the interface too (usb_bulk_msg). The
// count is right also with an error.
//
// Errors: ETIMEDOUT; ENODEV; EINTR the kernel ends; those of the transfer.
func (d *instrument) bulk(e *hw.Endpoint, b []byte, timeout time.Duration) (int, error) {
	done := make(chan struct{})
	u := d.iface.NewURB(e, b, func(*usb.URB) { close(done) })
	defer u.Free()
	if err := u.Submit(); err != nil {
		return 0, status(err)
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	over := kernel.ENODEV // nobody else unlinks it but the core
	select {
	case <-done:
	case <-timer.C:
		u.Kill()
		over = kernel.ETIMEDOUT
	case <-d.ctx.Done():
		u.Kill()
		over = kernel.EINTR
	}
	if unlinked(u.Err) {
		return u.Actual, over
	}
	return u.Actual, status(u.Err)
}

// unlinked reports whether a transfer was ended by Kill or Unlink.
func unlinked(err error) bool { return err == kernel.ECONNRESET || err == kernel.ENOENT }

// status is what an operation returns for a transfer's error: a device that was pulled out is
// ENODEV.
func status(err error) error {
	// EPERM: it was just being ended
	if unlinked(err) || err == kernel.ESHUTDOWN || err == kernel.EPERM {
		return kernel.ENODEV
	}
	return err
}

// takeTag gives the next message's tag, for its header.
//
// +checklocks:d.io
func (d *instrument) takeTag() uint8 {
	d.lastWrite = d.tag
	if d.tag++; d.tag == 0 {
		d.tag = 1
	}
	return d.lastWrite
}

// notified takes what came over the interrupt endpoint [USB488] 3.4 ([usbtmc] usbtmc_interrupt).
func (d *instrument) notified(u *usb.URB) {
	if u.Err != nil {
		return
	}
	b := u.Data[:u.Actual]
	switch {
	case len(b) >= 2 && b[0] > 0x81: // an answer to READ_STATUS_BYTE
		d.mu.Lock()
		d.stb, d.stbValid = [2]byte(b), true
		d.mu.Unlock()
		d.wait.WakeAll(0)
	case len(b) >= 2 && b[0] == 0x81: // a service request
		d.mu.Lock()
		for f := range d.files {
			f.srqByte, f.srq = b[1], true // +checklocksignore
		}
		d.mu.Unlock()
		d.async.Kill()
		d.wait.WakeAll(kernel.PollPri)
	default:
		d.iface.Printf(kernel.LevelWarning, "invalid notification: %x", b)
	}
	d.listen(time.Now())
}

// listen asks for the next notification. A real bus asks no more often than the endpoint's
// interval; an emulated instrument that never stops to notify is slowed down here.
func (d *instrument) listen(now time.Time) {
	again := func() {
		if err := d.notify.Submit(); err != nil && status(err) != kernel.ENODEV {
			d.dev.Kernel().Log.Printf(kernel.LevelErr, "usbtmc: usb_submit_urb failed: %d", -int(kernel.ErrnoOf(err)))
		}
	}
	if now.Sub(d.notifiedAt) > notifyPace {
		d.burst = 0
	}
	d.notifiedAt = now
	if d.burst++; d.burst <= notifyBurst {
		again()
		return
	}
	time.AfterFunc(notifyPace, func() {
		if !d.gone.Load() {
			again()
		}
	})
}
