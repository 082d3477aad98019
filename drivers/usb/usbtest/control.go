package usbtest

import (
	"bytes"
	"encoding/binary"

	"github.com/kobench/kobench/drivers/usb"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// Vendor requests of gadget zero: what is written is read back ([usbtest] ctrl_out).
const (
	vendorWrite = 0x5b
	vendorRead  = 0x5c
)

// get makes a standard request for n bytes and wants that many, or as many as the device has.
func (t *tester) get(recipient, request uint8, value, index uint16, n int) ([]byte, error) {
	b := make([]byte, n)
	k, err := t.i.Dev().Control(hw.DirIn|recipient, request, value, index, b, usb.ControlTimeout)
	return b[:k], err
}

// chapter9 checks the requests of [USB2] chapter 9: 9.
func (t *tester) chapter9() error {
	d := t.i.Dev()
	desc := d.Descriptors()
	b, err := t.get(hw.ToDevice, hw.GetDescriptor, hw.DescDevice<<8, 0, 18)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, desc.Device.Append(nil)) {
		return t.wrong("device descriptor")
	}
	for i := range desc.Configs {
		if b, err = t.get(hw.ToDevice, hw.GetDescriptor, hw.DescConfig<<8|uint16(i), 0, 9); err != nil {
			return err
		}
		if len(b) != 9 || b[1] != hw.DescConfig {
			return t.wrong("configuration descriptor")
		}
		total := int(binary.LittleEndian.Uint16(b[2:]))
		if b, err = t.get(hw.ToDevice, hw.GetDescriptor, hw.DescConfig<<8|uint16(i), 0, total); err != nil {
			return err
		}
		if len(b) != total {
			return t.wrong("length of the configuration descriptor")
		}
		if _, err := hw.ParseConfiguration(b); err != nil {
			return t.wrong(err.Error())
		}
	}
	// it may run at full speed too, and then says what it would be
	if d.Speed() == hw.HighSpeed && desc.Device.USB >= 0x0200 {
		if b, err = t.get(hw.ToDevice, hw.GetDescriptor, hw.DescQualifier<<8, 0, 10); err == nil && len(b) != 10 {
			return t.wrong("device qualifier")
		} else if err != nil && err != kernel.EPIPE {
			return err
		}
	}
	if b, err = t.get(hw.ToDevice, hw.GetConfiguration, 0, 0, 1); err != nil {
		return err
	}
	if len(b) != 1 || desc.Config(b[0]) == nil {
		return t.wrong("GET_CONFIGURATION")
	}
	number := uint16(t.i.Number())
	if b, err = t.get(hw.ToInterface, hw.GetInterface, 0, number, 1); err != nil || len(b) != 1 {
		return orWrong(err, t.wrong("GET_INTERFACE"))
	}
	for _, r := range []struct {
		recipient uint8
		index     uint16
	}{{hw.ToDevice, 0}, {hw.ToInterface, number}} {
		if b, err = t.get(r.recipient, hw.GetStatus, 0, r.index, 2); err != nil || len(b) != 2 {
			return orWrong(err, t.wrong("GET_STATUS"))
		}
	}
	for _, e := range []*hw.Endpoint{t.in, t.out} {
		if e == nil {
			continue
		}
		if b, err = t.get(hw.ToEndpoint, hw.GetStatus, 0, uint16(e.Address), 2); err != nil || len(b) != 2 {
			return orWrong(err, t.wrong("GET_STATUS of an endpoint"))
		}
	}
	return nil
}

func (t *tester) wrong(what string) error {
	t.i.Printf(kernel.LevelErr, "%s: not what it should be", what)
	return kernel.EIO
}

func orWrong(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// controlQueue has many control requests in flight, some of which must stall: 10 ([usbtest]
// test_ctrl_queue).
func (t *tester) controlQueue(p *Params) error {
	if p.SGLen == 0 {
		return kernel.EINVAL
	}
	requests := []struct {
		setup hw.Setup
		stall bool
	}{
		{hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescDevice << 8, Length: 18}, false},
		{hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescConfig << 8, Length: 9}, false},
		{hw.Setup{RequestType: hw.DirIn | hw.ToInterface, Request: hw.GetInterface, Index: uint16(t.i.Number()), Length: 1}, false},
		{hw.Setup{RequestType: hw.DirIn, Request: hw.GetStatus, Length: 2}, false},
		{hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescString << 8, Length: 255}, false},
		{hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescDevice << 8, Length: 1024}, false},
		{hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescInterface << 8, Length: 9}, true},
		{hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescEndpoint << 8, Length: 7}, true},
		{hw.Setup{RequestType: hw.DirIn | hw.ToEndpoint, Request: hw.GetStatus, Index: 0, Length: 2}, false},
		{hw.Setup{RequestType: hw.DirOut, Request: hw.SetFeature, Value: 0xff}, true},
	}
	var all parallel
	next := int(p.Iterations) * len(requests)
	again := func(u *usb.URB) (more bool) {
		r := requests[u.Context.(int)%len(requests)]
		switch {
		case r.stall && u.Err != kernel.EPIPE:
			all.note(t.wrong("a request that must stall: " + r.setup.String()))
		case !r.stall && u.Err != nil:
			all.note(u.Err)
		}
		all.mu.Lock()
		defer all.mu.Unlock()
		if next <= 0 || all.err != nil {
			return false
		}
		next--
		u.Context = next
		return true
	}
	var urbs []*usb.URB
	start := func(u *usb.URB) error {
		r := requests[u.Context.(int)%len(requests)]
		u.Setup, u.Data = r.setup, make([]byte, r.setup.Length)
		return u.Submit()
	}
	for n := range min(int(p.SGLen), next) {
		u := t.i.NewURB(nil, nil, func(u *usb.URB) {
			if again(u) {
				err := start(u)
				if err == nil {
					return
				}
				all.note(err)
			}
			all.left.Done()
		})
		u.Context = n
		urbs = append(urbs, u)
	}
	all.mu.Lock()
	next -= len(urbs)
	all.mu.Unlock()
	for _, u := range urbs {
		all.left.Add(1)
		if err := start(u); err != nil {
			all.note(err)
			all.left.Done()
		}
	}
	all.left.Wait()
	for _, u := range urbs {
		u.Free()
	}
	return all.err
}

// halts sets and clears the halt of both bulk endpoints: 13 ([usbtest] halt_simple).
func (t *tester) halts() error {
	if t.in == nil && t.out == nil {
		return kernel.EOPNOTSUPP
	}
	for _, e := range []*hw.Endpoint{t.in, t.out} {
		if e == nil {
			continue
		}
		b := make([]byte, e.PacketSize())
		if err := t.halted(e, 0); err != nil {
			return err
		}
		if _, err := t.i.Dev().Control(hw.ToEndpoint, hw.SetFeature, hw.EndpointHalt, uint16(e.Address), nil, usb.ControlTimeout); err != nil {
			return err
		}
		if err := t.halted(e, 1); err != nil {
			return err
		}
		for range 2 { // a halt lasts
			if _, err := t.i.Dev().Bulk(e, b, timeout); err != kernel.EPIPE {
				return orWrong(err, t.wrong("a transfer on a halted endpoint"))
			}
		}
		if err := t.i.Dev().ClearHalt(e); err != nil {
			return err
		}
		if err := t.halted(e, 0); err != nil {
			return err
		}
		if err := t.one(e, b); err != nil {
			return err
		}
	}
	return nil
}

func (t *tester) halted(e *hw.Endpoint, want uint16) error {
	b, err := t.get(hw.ToEndpoint, hw.GetStatus, 0, uint16(e.Address), 2)
	if err != nil {
		return err
	}
	if len(b) != 2 || binary.LittleEndian.Uint16(b) != want {
		return t.wrong("the halt in GET_STATUS")
	}
	return nil
}

// controlOut writes with a vendor request and reads it back: 14, 21.
func (t *tester) controlOut(p *Params) error {
	if p.Length == 0 || p.Length > 0xffff || p.Vary >= p.Length {
		return kernel.EINVAL
	}
	n := uint32(1)
	if p.Test == 14 {
		n = p.Length
	}
	d := t.i.Dev()
	for i := range p.Iterations {
		b := make([]byte, n)
		for k := range b {
			b[k] = byte(uint32(k) + i)
		}
		want := bytes.Clone(b)
		if k, err := d.Control(hw.TypeVendor, vendorWrite, 0, 0, b, usb.ControlTimeout); err != nil || k != len(b) {
			return orWrong(err, kernel.EREMOTEIO)
		}
		clear(b)
		if k, err := d.Control(hw.DirIn|hw.TypeVendor, vendorRead, 0, 0, b, usb.ControlTimeout); err != nil || k != len(b) {
			return orWrong(err, kernel.EREMOTEIO)
		}
		if !bytes.Equal(b, want) {
			return t.wrong("what was written and read back")
		}
		n = length(p, n)
	}
	return nil
}
