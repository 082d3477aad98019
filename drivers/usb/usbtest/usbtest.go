// Package usbtest exercises bulk, control, interrupt and isochronous transfers against a device
// made for it: gadget zero's source and sink, or loop-back (module usbtest). It answers the ioctl
// of Linux's testusb on the device's node of usbfs, with the same test numbers.
//
// References:
//   - [usbtest] Linux drivers/usb/misc/usbtest.c
//   - [testusb] Linux tools/usb/testusb.c
package usbtest

import (
	"encoding/binary"
	"time"

	"github.com/kobench/kobench/drivers/usb"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// Request is the code of the ioctl, inside USBDEVFS_IOCTL: struct usbtest_param_32, seven 32-bit
// numbers.
const Request = 0xc01c5564

// Params is what a test is asked to do (struct usbtest_param_32).
type Params struct {
	Test       uint32
	Iterations uint32
	Length     uint32 // bytes of a transfer
	Vary       uint32 // by how many bytes the length changes each time
	SGLen      uint32 // transfers queued at once
	// Duration is how long it took; the driver fills it in.
	Duration time.Duration
}

const paramsSize = 28

// Append writes the struct.
func (p *Params) Append(b []byte) []byte {
	le := binary.LittleEndian
	for _, v := range []uint32{p.Test, p.Iterations, p.Length, p.Vary, p.SGLen, uint32(p.Duration / time.Second), uint32(p.Duration % time.Second / time.Microsecond)} {
		b = le.AppendUint32(b, v)
	}
	return b
}

// Parse reads the struct.
//
// Errors: EFAULT b is shorter.
func (p *Params) Parse(b []byte) error {
	if len(b) < paramsSize {
		return kernel.EFAULT
	}
	v := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	*p = Params{v(0), v(1), v(2), v(3), v(4), time.Duration(v(5))*time.Second + time.Duration(v(6))*time.Microsecond}
	return nil
}

// Limits of what is asked for, against a test that eats the machine.
const (
	maxLength = 1 << 20
	maxSG     = 1024
)

// New builds the module usbtest.
func New() *kernel.Module {
	o := &options{}
	o.alt.Store(-1)
	d := &usb.Driver{Name: "usbtest", IDs: []usb.ID{
		{Match: usb.MatchDevice, Vendor: 0x0525, Product: 0xa4a0, Info: "Linux gadget zero"},
		{Match: usb.MatchDevice, Vendor: 0x0525, Product: 0xa4a4, Info: "Linux user mode test driver"},
	}}
	d.Probe = func(i *usb.Interface, id *usb.ID) error { return o.probe(i, id) }
	d.Disconnect = func(i *usb.Interface) { i.Printf(kernel.LevelDebug, "disconnect") }
	d.Ioctl = func(_ *kernel.Task, i *usb.Interface, code uint32, data []byte) (int, error) {
		if code != Request {
			return 0, kernel.EOPNOTSUPP
		}
		var p Params
		if err := p.Parse(data); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := i.Private.(*tester).run(&p); err != nil {
			return 0, err
		}
		p.Duration = time.Since(start)
		copy(data, p.Append(nil))
		return 0, nil
	}
	return &kernel.Module{
		Name: "usbtest", License: "GPL", Description: "USB Core/HCD Testing Driver", Aliases: d.Aliases(), Needs: []string{usb.Symbol},
		Params: []kernel.Param{
			{Name: "alt", Desc: ">= 0 to override altsetting selection", Perm: 0o644, Value: &o.alt},
			{Name: "pattern", Desc: "i/o pattern (0 == zeroes)", Perm: 0o644, Value: &o.pattern},
		},
		Init: func(env *kernel.Env) error { return usb.Register(env, d) },
	}
}

// options are the module's parameters.
type options struct{ alt, pattern kernel.Int }

// tester is one device under test.
type tester struct {
	i       *usb.Interface
	o       *options
	in, out *hw.Endpoint
	isoIn   *hw.Endpoint
	isoOut  *hw.Endpoint
	intIn   *hw.Endpoint
	intOut  *hw.Endpoint
}

// probe finds the setting to test: the first one with endpoints of use, or the one that the
// parameter names ([usbtest] get_endpoints).
func (o *options) probe(i *usb.Interface, id *usb.ID) error {
	t := &tester{i: i, o: o}
	for alt := uint8(0); ; alt++ {
		s := i.SettingAt(alt)
		if s == nil {
			i.Printf(kernel.LevelInfo, "couldn't get endpoints, -22")
			return kernel.EINVAL
		}
		if want := int(o.alt.Load()); want >= 0 && want != int(alt) {
			continue
		}
		t.endpoints(s)
		if t.in == nil && t.out == nil && t.isoIn == nil && t.isoOut == nil && t.intIn == nil && t.intOut == nil {
			continue
		}
		if alt != 0 {
			if err := i.SetInterface(alt); err != nil {
				i.Printf(kernel.LevelErr, "set altsetting to %d failed, %d", alt, -int(kernel.ErrnoOf(err)))
				return err
			}
		}
		break
	}
	i.Private = t
	i.Printf(kernel.LevelInfo, "%s", id.Info)
	i.Printf(kernel.LevelInfo, "%s-speed {control%s} tests", i.Dev().Speed(), t.list())
	return nil
}

// endpoints takes the first endpoint of each kind.
func (t *tester) endpoints(s *hw.Interface) {
	for n := range s.Endpoints {
		e := &s.Endpoints[n]
		var at **hw.Endpoint
		switch {
		case e.Type() == hw.Bulk && e.In():
			at = &t.in
		case e.Type() == hw.Bulk:
			at = &t.out
		case e.Type() == hw.Isochronous && e.In():
			at = &t.isoIn
		case e.Type() == hw.Isochronous:
			at = &t.isoOut
		case e.Type() == hw.Interrupt && e.In():
			at = &t.intIn
		case e.Type() == hw.Interrupt:
			at = &t.intOut
		}
		if *at == nil {
			*at = e
		}
	}
}

func (t *tester) list() string {
	s := ""
	for _, e := range []struct {
		name string
		e    *hw.Endpoint
	}{{" in", t.in}, {" out", t.out}, {" iso-in", t.isoIn}, {" iso-out", t.isoOut}, {" int-in", t.intIn}, {" int-out", t.intOut}} {
		if e.e != nil {
			s += " bulk" + e.name
			if e.e.Type() != hw.Bulk {
				s = s[:len(s)-len(" bulk"+e.name)] + e.name
			}
		}
	}
	return s
}

// run does one test.
//
// Errors: EOPNOTSUPP the device has no endpoint for it, or there is no such test; EINVAL parameters
// that make no sense; EIO wrong data; EREMOTEIO less data than asked for; those of the transfers.
func (t *tester) run(p *Params) error {
	if p.Iterations == 0 && p.Test != 0 || p.Iterations > 1<<30 || p.Length > maxLength || p.SGLen > maxSG {
		return kernel.EINVAL
	}
	in, out := t.in, t.out
	odd := p.Test >= 17 && p.Test <= 20
	var err error
	switch p.Test {
	case 0:
		return nil
	case 1, 3, 17, 19:
		err = t.simple(p, out, p.Test == 3, odd)
	case 2, 4, 18, 20:
		err = t.simple(p, in, p.Test == 4, odd)
	case 5, 7, 27:
		err = t.queue(p, out, p.Test == 7)
	case 6, 8, 28:
		err = t.queue(p, in, p.Test == 8)
	case 9:
		err = t.times(p, t.chapter9)
	case 10:
		err = t.controlQueue(p)
	case 11:
		err = t.unlink(p, in)
	case 12:
		err = t.unlink(p, out)
	case 13:
		err = t.times(p, t.halts)
	case 14, 21:
		err = t.controlOut(p)
	case 15, 22:
		err = t.iso(p, t.isoOut)
	case 16, 23:
		err = t.iso(p, t.isoIn)
	case 24:
		err = t.unlinkQueued(p, out)
	case 25:
		err = t.simple(p, t.intOut, false, false)
	case 26:
		err = t.simple(p, t.intIn, false, false)
	case 29:
		err = t.times(p, func() error { return t.toggles(p) })
	default:
		err = kernel.EOPNOTSUPP
	}
	if err != nil {
		t.i.Printf(kernel.LevelErr, "TEST %d: failed, error %d", p.Test, -int(kernel.ErrnoOf(err)))
	}
	return err
}

func (t *tester) times(p *Params, one func() error) error {
	for range p.Iterations {
		if err := one(); err != nil {
			return err
		}
	}
	return nil
}

// length is the next size of a test that varies it ([usbtest] simple_io).
func length(p *Params, n uint32) uint32 {
	if p.Vary == 0 || p.Length == 0 {
		return n
	}
	n = (n + p.Vary) % p.Length
	if n == 0 {
		n = min(p.Vary, p.Length)
	}
	return n
}

// fill and check are the data of the pattern.
func (t *tester) fill(e *hw.Endpoint, b []byte) {
	if t.o.pattern.Load() == 0 {
		clear(b)
		return
	}
	for i := range b {
		b[i] = byte(i % e.PacketSize() % 63)
	}
}

func (t *tester) check(e *hw.Endpoint, b []byte) error {
	for i, c := range b {
		want := byte(0)
		switch t.o.pattern.Load() {
		case 0:
		case 1:
			want = byte(i % e.PacketSize() % 63)
		default:
			return nil
		}
		if c != want {
			t.i.Printf(kernel.LevelErr, "buf[%d] = %d (not %d)", i, c, want)
			return kernel.EIO
		}
	}
	return nil
}
