//go:build libusb && cgo

package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/gousb"

	"github.com/kobench/kobench/hw/usb"
)

// Device is a real device. It implements [usb.Device].
type Device struct {
	ctx  *gousb.Context
	dev  *gousb.Device
	opt  Option
	gone chan struct{}
	wg   sync.WaitGroup

	setup sync.Mutex // one control transfer at a time, and what they change
	cfg   *gousb.Config
	ifs   map[uint8]*gousb.Interface
	over  chan struct{} // closed when the device has been given back

	mu     sync.Mutex
	queues map[uint8]*queue // by endpoint address
	closed bool
}

// Open opens the first device with this id.
//
// Errors: ENODEV if there is none; EACCES of the host without permission (a udev rule, or root).
func Open(id ID, options ...Option) (*Device, error) {
	opt := Option{}
	for _, o := range options {
		opt = o
	}
	if opt.InFlight <= 0 {
		opt.InFlight = 4
	}
	if opt.ControlTimeout == 0 {
		opt.ControlTimeout = 5 * time.Second
	}
	ctx := gousb.NewContext()
	found := false
	devs, err := ctx.OpenDevices(func(d *gousb.DeviceDesc) bool {
		ok := !found && uint16(d.Vendor) == id.Vendor && uint16(d.Product) == id.Product &&
			(id.Bus == 0 || d.Bus == id.Bus) && (id.Address == 0 || d.Address == id.Address)
		found = found || ok
		return ok
	})
	where := fmt.Sprintf("%04x:%04x", id.Vendor, id.Product)
	if len(devs) == 0 {
		ctx.Close()
		if err != nil && found {
			return nil, &usb.Error{Op: "open", Where: where, Errno: errnoOf(err), Reason: "the device is there but cannot be opened; permission comes from a udev rule or root", Err: err}
		}
		return nil, &usb.Error{Op: "open", Where: where, Errno: usb.ENODEV, Reason: "no such device on this host; see lsusb"}
	}
	d := &Device{ctx: ctx, dev: devs[0], opt: opt, gone: make(chan struct{}), over: make(chan struct{}), ifs: map[uint8]*gousb.Interface{}, queues: map[uint8]*queue{}}
	d.dev.ControlTimeout = opt.ControlTimeout
	if err := d.dev.SetAutoDetach(true); err != nil {
		d.dev.Close()
		ctx.Close()
		return nil, &usb.Error{Op: "open", Where: where, Errno: errnoOf(err), Reason: "the host's driver cannot be detached", Err: err}
	}
	d.queues[0] = d.newQueue(0, nil, nil)
	d.wg.Go(d.watch)
	return d, nil
}

// errnoOf is the Linux number of one of gousb's errors.
func errnoOf(err error) usb.Errno {
	if errors.Is(err, context.Canceled) {
		return usb.ECONNRESET
	}
	var s gousb.TransferStatus
	if errors.As(err, &s) {
		switch s {
		case gousb.TransferStall:
			return usb.EPIPE
		case gousb.TransferTimedOut:
			return usb.ETIMEDOUT
		case gousb.TransferCancelled:
			return usb.ECONNRESET
		case gousb.TransferNoDevice:
			return usb.ENODEV
		case gousb.TransferOverflow:
			return usb.EOVERFLOW
		}
		return usb.EPROTO
	}
	var e gousb.Error
	if errors.As(err, &e) {
		switch e {
		case gousb.ErrorPipe:
			return usb.EPIPE
		case gousb.ErrorNoDevice, gousb.ErrorNotFound:
			return usb.ENODEV
		case gousb.ErrorTimeout:
			return usb.ETIMEDOUT
		case gousb.ErrorBusy:
			return usb.EBUSY
		case gousb.ErrorOverflow:
			return usb.EOVERFLOW
		case gousb.ErrorAccess:
			return usb.Errno(13)
		case gousb.ErrorInvalidParam:
			return usb.EINVAL
		}
	}
	return usb.EIO
}

// Speed implements [usb.Device].
func (d *Device) Speed() usb.Speed {
	switch d.dev.Desc.Speed {
	case gousb.SpeedLow:
		return usb.LowSpeed
	case gousb.SpeedFull:
		return usb.FullSpeed
	case gousb.SpeedHigh:
		return usb.HighSpeed
	case gousb.SpeedSuper:
		return usb.SuperSpeed
	}
	return usb.UnknownSpeed
}

// Gone is closed by Unplug, and when libusb says that the device has gone.
func (d *Device) Gone() <-chan struct{} { return d.gone }

// Unplug ends what is under way and gives the device back to the host's driver. It does not wait
// for that; Close does.
func (d *Device) Unplug() {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.closed = true
	for _, q := range d.queues {
		q.stop()
	}
	d.mu.Unlock()
	close(d.gone)
	go func() {
		defer close(d.over)
		d.wg.Wait()
		d.setup.Lock()
		defer d.setup.Unlock()
		d.release()
		d.dev.Close()
		d.ctx.Close()
	}()
}

// Close is Unplug, and waits until the host's driver can have the device. A program that ends
// without it leaves the device without a driver.
//
// Errors: the host's, on giving the device back.
func (d *Device) Close() error {
	d.Unplug()
	<-d.over
	return nil
}

// release gives the interfaces back, the last one first: a driver of two (cdc_acm) looks for both
// when it gets the first.
func (d *Device) release() {
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(d.ifs))) {
		d.ifs[n].Close()
		delete(d.ifs, n)
	}
	if d.cfg != nil {
		d.cfg.Close()
		d.cfg = nil
	}
}

// Submit implements [usb.Device].
func (d *Device) Submit(t *usb.Transfer) error {
	if t.Type == usb.Isochronous {
		return usb.EOPNOTSUPP
	}
	if err := t.Begin(); err != nil {
		return err
	}
	addr := t.Endpoint
	if t.Type == usb.Control {
		addr = 0
	}
	d.mu.Lock()
	q := d.queues[addr]
	switch {
	case d.closed:
		d.mu.Unlock()
		return t.Abort(usb.ENODEV)
	case q == nil || addr == 0 && t.Type != usb.Control:
		d.mu.Unlock()
		return t.Abort(usb.ENOENT)
	}
	q.mu.Lock()
	q.todo = append(q.todo, t)
	q.mu.Unlock()
	d.mu.Unlock()
	q.poke()
	return nil
}

// Cancel implements [usb.Device].
func (d *Device) Cancel(t *usb.Transfer) {
	d.mu.Lock()
	queues := make([]*queue, 0, len(d.queues))
	for _, q := range d.queues {
		queues = append(queues, q)
	}
	d.mu.Unlock()
	for _, q := range queues {
		if q.drop(t) {
			return
		}
	}
}

// Reset implements [usb.Device].
func (d *Device) Reset() error {
	d.setup.Lock()
	defer d.setup.Unlock()
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return usb.ENODEV
	}
	d.mu.Unlock()
	d.dropQueues(func(*queue) bool { return true })
	d.release()
	if err := d.dev.Reset(); err != nil {
		return errnoOf(err)
	}
	return nil
}

// dropQueues ends the endpoints that match, and returns when nothing is under way on them.
func (d *Device) dropQueues(match func(*queue) bool) {
	var gone []*queue
	d.mu.Lock()
	for a, q := range d.queues {
		if a != 0 && match(q) {
			q.stop()
			delete(d.queues, a)
			gone = append(gone, q)
		}
	}
	d.mu.Unlock()
	for _, q := range gone {
		<-q.done
	}
}

// watch notices that the device was pulled out while nothing is under way. Linux's libusb looks at
// /sys for that and leaves the device alone.
func (d *Device) watch() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-d.gone:
			return
		case <-tick.C:
		}
		if _, err := d.dev.ActiveConfigNum(); errors.Is(err, gousb.ErrorNoDevice) {
			d.Unplug()
			return
		}
	}
}

// control does a control transfer; what changes the device's configuration goes the way that lets
// libusb know.
func (d *Device) control(t *usb.Transfer) (int, error) {
	d.setup.Lock()
	defer d.setup.Unlock()
	s := t.Setup
	switch {
	case s.Is(usb.ToDevice, usb.SetConfiguration):
		if _, ok := d.dev.Desc.Configs[int(s.Value)]; !ok && s.Value != 0 {
			return 0, usb.EPIPE // as a device answers that is asked for it, [USB2] 9.4.7
		}
		d.dropQueues(func(*queue) bool { return true })
		d.release()
		if s.Value == 0 {
			return 0, nil
		}
		return 0, d.configure(int(s.Value))
	case s.Is(usb.ToInterface, usb.SetInterface):
		return 0, d.claim(int(s.Index), int(s.Value))
	}
	return d.dev.Control(s.RequestType, s.Request, s.Value, s.Index, t.Data)
}

func (d *Device) configure(value int) error {
	cfg, err := d.dev.Config(value)
	if err != nil {
		return err
	}
	d.cfg = cfg
	for _, f := range cfg.Desc.Interfaces {
		if err := d.claim(f.Number, 0); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the configuration has this setting of an interface.
func (d *Device) has(number, alt int) bool {
	return d.cfg != nil && slices.ContainsFunc(d.cfg.Desc.Interfaces, func(f gousb.InterfaceDesc) bool {
		return f.Number == number && slices.ContainsFunc(f.AltSettings, func(s gousb.InterfaceSetting) bool { return s.Alternate == alt })
	})
}

// claim takes an interface in one of its settings and opens its endpoints.
func (d *Device) claim(number, alt int) error {
	if !d.has(number, alt) {
		return usb.EPIPE // [USB2] 9.4.10
	}
	if old := d.ifs[uint8(number)]; old != nil {
		d.dropQueues(func(q *queue) bool {
			_, mine := old.Setting.Endpoints[gousb.EndpointAddress(q.addr)]
			return mine
		})
		old.Close()
		delete(d.ifs, uint8(number))
	}
	f, err := d.cfg.Interface(number, alt)
	if err != nil {
		return err
	}
	d.ifs[uint8(number)] = f
	for addr, e := range f.Setting.Endpoints {
		if e.TransferType == gousb.TransferTypeIsochronous {
			continue
		}
		var q *queue
		if e.Direction == gousb.EndpointDirectionIn {
			in, err := f.InEndpoint(e.Number)
			if err != nil {
				return err
			}
			q = d.newQueue(uint8(addr), in, nil)
		} else {
			out, err := f.OutEndpoint(e.Number)
			if err != nil {
				return err
			}
			q = d.newQueue(uint8(addr), nil, out)
		}
		d.mu.Lock()
		d.queues[uint8(addr)] = q
		if d.closed {
			q.stop()
		}
		d.mu.Unlock()
	}
	return nil
}
