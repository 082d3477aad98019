// Package skeleton is the USB driver to learn from (module usb_skeleton): a node /dev/skelN whose
// write goes out over the device's first bulk OUT endpoint and whose read comes from its first bulk
// IN endpoint. Copy it, change the table, go on from there.
//
// It shows what every USB driver has to get right: the device can be pulled out at any moment,
// while a read sleeps or between open and write. The interface's transfers end with an error then;
// whoever has the node open keeps the file, and gets ENODEV from it.
//
//	$ modprobe usb_skeleton
//	$ echo 0525 a4a0 > /sys/bus/usb/drivers/skeleton/new_id
//	$ echo hello > /dev/skel0
//
// References:
//   - [skeleton] Linux drivers/usb/usb-skeleton.c
package skeleton

import (
	"sync"
	"time"

	"github.com/kobench/kobench/drivers/usb"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

const (
	vendor, product = 0xfff0, 0xfff0 // nobody's: see new_id
	minorBase       = 192
	inFlight        = 8    // writes that have not ended
	maxTransfer     = 4096 // bytes of one write or read
	flushTime       = 1 * time.Second
)

// New builds the module usb_skeleton.
func New() *kernel.Module {
	d := &usb.Driver{Name: "skeleton", IDs: []usb.ID{usb.DeviceID(vendor, product)}, Probe: probe, Disconnect: disconnect}
	return &kernel.Module{
		Name: "usb_skeleton", License: "GPL", Description: "the USB driver to learn from", Aliases: d.Aliases(), Needs: []string{usb.Symbol},
		Init: func(env *kernel.Env) error { return usb.Register(env, d) },
	}
}

// device is one device that the driver holds. A file points to it for as long as the file is open.
type device struct {
	iface *usb.Interface
	node  *usb.Node
	in    *hw.Endpoint
	out   *hw.Endpoint

	readers kernel.WaitQueue // wait for data
	writers kernel.WaitQueue // wait for a free URB

	mu sync.Mutex
	// Disconnect has been called
	gone bool     // +checklocks:mu
	read *usb.URB // the one read
	// it is submitted
	reading bool // +checklocks:mu
	// what it brought and nobody has taken
	data []byte // +checklocks:mu
	// of writes
	free []*usb.URB // +checklocks:mu
	// of a read or write that has ended, told to the next caller
	failed error // +checklocks:mu
}

// probe is called for every interface that the table names. What it sets up must not be seen by
// anybody before it is complete, so the node comes last.
func probe(i *usb.Interface, _ *usb.ID) error {
	d := &device{iface: i, in: i.Endpoint(hw.Bulk, true), out: i.Endpoint(hw.Bulk, false)}
	if d.in == nil || d.out == nil {
		i.Printf(kernel.LevelErr, "Could not find both bulk-in and bulk-out endpoints")
		return kernel.ENODEV
	}
	d.read = i.NewURB(d.in, make([]byte, max(d.in.PacketSize(), 512)), d.received)
	for range inFlight {
		d.free = append(d.free, i.NewURB(d.out, nil, d.written))
	}
	d.node = &usb.Node{Name: "skel%d", Base: minorBase, Ops: d.ops()}
	if err := i.AddNode(d.node); err != nil {
		i.Printf(kernel.LevelErr, "Not able to get a minor for this device.")
		return err
	}
	i.Private = d
	i.Printf(kernel.LevelInfo, "USB Skeleton device now attached to %s", d.node.DevName())
	return nil
}

// disconnect is called once, when the device has gone or the module leaves. The core has ended all
// URBs and takes no new ones; what is left is to take the node away and to wake who sleeps.
func disconnect(i *usb.Interface) {
	d := i.Private.(*device)
	i.RemoveNode(d.node)
	d.mu.Lock()
	d.gone = true
	d.mu.Unlock()
	d.readers.WakeAll(kernel.PollHup)
	d.writers.WakeAll(kernel.PollHup)
	i.Printf(kernel.LevelInfo, "USB Skeleton #%s now disconnected", d.node.DevName())
}

func (d *device) ops() *kernel.FileOperations {
	return &kernel.FileOperations{Read: d.fileRead, Write: d.fileWrite, Poll: d.poll, Release: func(t *kernel.Task, _ *kernel.File) { d.flush(t) }}
}

// fileRead gives what has arrived. It does not sleep: EAGAIN, and the kernel waits on the queues
// that poll names.
func (d *device) fileRead(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case len(d.data) > 0:
		n := copy(p, d.data)
		d.data = d.data[n:]
		return n, nil
	case d.gone:
		return 0, kernel.ENODEV
	case d.failed != nil:
		err := d.failed
		d.failed = nil
		return 0, err
	case len(p) == 0:
		return 0, nil
	case !d.reading:
		d.reading = true
		d.mu.Unlock() // the read may end before Submit returns
		err := d.read.Submit()
		d.mu.Lock()
		if err != nil {
			d.reading = false
			return 0, err
		}
		if len(d.data) > 0 {
			n := copy(p, d.data)
			d.data = d.data[n:]
			return n, nil
		}
	}
	return 0, kernel.EAGAIN
}

// received is the end of the read, in whatever goroutine found it done.
func (d *device) received(u *usb.URB) {
	d.mu.Lock()
	d.reading = false
	d.data = u.Data[:u.Actual]
	d.note(u.Err)
	d.mu.Unlock()
	d.readers.Wake(kernel.PollIn | kernel.PollRdnorm)
}

// note keeps an error for the next caller: EPIPE as it is, so that user space knows of the stall,
// all others as EIO.
//
// +checklocks:d.mu
func (d *device) note(err error) {
	switch err {
	case nil, kernel.ENOENT, kernel.ECONNRESET, kernel.ESHUTDOWN: // the device or the driver goes
	case kernel.EPIPE:
		d.failed = err
	default:
		d.failed = kernel.EIO
	}
}

// fileWrite sends at most one transfer and does not wait for its end: an error is the next
// caller's.
func (d *device) fileWrite(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
	d.mu.Lock()
	switch {
	case d.gone:
		d.mu.Unlock()
		return 0, kernel.ENODEV
	case d.failed != nil:
		err := d.failed
		d.failed = nil
		d.mu.Unlock()
		return 0, err
	case len(p) == 0:
		d.mu.Unlock()
		return 0, nil
	case len(d.free) == 0:
		d.mu.Unlock()
		return 0, kernel.EAGAIN
	}
	u := d.free[len(d.free)-1]
	d.free = d.free[:len(d.free)-1]
	d.mu.Unlock()
	u.Data = append(u.Data[:0], p[:min(len(p), maxTransfer)]...)
	if err := u.Submit(); err != nil {
		d.give(u, nil)
		return 0, err
	}
	return min(len(p), maxTransfer), nil
}

func (d *device) written(u *usb.URB) { d.give(u, u.Err) }

// give puts a URB back.
func (d *device) give(u *usb.URB, err error) {
	d.mu.Lock()
	d.free = append(d.free, u)
	d.note(err)
	d.mu.Unlock()
	d.writers.Wake(kernel.PollOut | kernel.PollWrnorm)
}

// poll tells what is possible now, after it has registered the queues. A read has to be under way
// before anything can arrive.
func (d *device) poll(_ *kernel.Task, _ *kernel.File, w *kernel.PollTable) kernel.Events {
	w.Wait(&d.readers)
	w.Wait(&d.writers)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return kernel.PollErr | kernel.PollHup
	}
	var ev kernel.Events
	if len(d.data) > 0 || d.failed != nil {
		ev |= kernel.PollIn | kernel.PollRdnorm
	} else if !d.reading {
		d.reading = true
		d.mu.Unlock()
		err := d.read.Submit()
		d.mu.Lock()
		if err != nil {
			d.reading = false
			ev |= kernel.PollErr
		} else if len(d.data) > 0 {
			ev |= kernel.PollIn | kernel.PollRdnorm
		}
	}
	if len(d.free) > 0 {
		ev |= kernel.PollOut | kernel.PollWrnorm
	}
	return ev
}

// flush waits for the writes, for a while, when the file is closed ([skeleton] skel_draw_down).
func (d *device) flush(t *kernel.Task) {
	_ = t.WaitEventTimeout(&d.writers, flushTime, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.free) == inFlight || d.gone
	})
}
