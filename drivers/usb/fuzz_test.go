package usb_test

import (
	"testing"

	"github.com/kobench/kobench/drivers/usb"
	acm "github.com/kobench/kobench/drivers/usb/cdcacm"
	"github.com/kobench/kobench/drivers/usb/ftdisio"
	"github.com/kobench/kobench/drivers/usb/skeleton"
	"github.com/kobench/kobench/drivers/usb/usbserial"
	"github.com/kobench/kobench/drivers/usb/usbtest"
	"github.com/kobench/kobench/drivers/usb/usbtmc"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/kernel"
)

// FuzzEnumeration plugs in a device that says what the fuzzer likes, with every driver there.
// Whatever it says, the kernel makes no oops and nothing hangs; bulk and interrupt transfers give
// the fuzzer's bytes too.
func FuzzEnumeration(f *testing.F) {
	chip, _ := serial.NullModem(serial.Max)
	for _, fn := range []hw.Function{ftdi.New(chip, ""), cdcacm.New(chip, "")} {
		d := fn.Descriptors(hw.FullSpeed)
		f.Add(d.Configs[0].Append(d.Device.Append(nil)), []byte{0x01, 0x60, 'x'})
	}
	f.Add([]byte{18, 1, 0, 2, 0, 0, 0, 64, 0x25, 5, 0xa0, 0xa4, 0, 1, 0, 0, 0, 1, 9, 2, 9, 0, 1, 1, 0, 0x80, 0}, []byte{})
	f.Fuzz(func(t *testing.T, text, answer []byte) {
		if len(text) < 18 || len(text) > 4096 {
			t.Skip()
		}
		k := kernel.Boot(kernel.Config{})
		defer func() {
			if err := k.Shutdown(); err != nil {
				t.Error(err)
			}
		}()
		bus := hw.NewBus(1, 1)
		core := usb.New(bus)
		c := core.Exports[0].Value.(*usb.Core)
		for _, m := range []*kernel.Module{core, usbserial.New(), ftdisio.New(), acm.New(), usbtmc.New(), usbtest.New(), skeleton.New()} {
			if err := k.Init().LoadModule(m, ""); err != nil {
				t.Fatal(err)
			}
		}
		d := &rude{gone: make(chan struct{}), answer: func(x *hw.Transfer) (int, error) {
			switch {
			case x.Type != hw.Control:
				return copy(x.Data, answer), hw.EPIPE
			case !x.Setup.In():
				return 0, nil
			case x.Setup.Request == hw.GetDescriptor && x.Setup.Value>>8 == hw.DescDevice:
				return copy(x.Data, text[:18]), nil
			case x.Setup.Request == hw.GetDescriptor && x.Setup.Value>>8 == hw.DescConfig:
				return copy(x.Data, text[18:]), nil
			case x.Setup.Request == hw.GetDescriptor:
				return copy(x.Data, answer), nil
			}
			return copy(x.Data, answer), nil
		}}
		slot, err := bus.Plug("1", d)
		if err != nil {
			t.Fatal(err)
		}
		c.Settle()
		list, _ := k.Init().ReadDir("/dev")
		for _, e := range list {
			if fd, err := k.Init().Open("/dev/"+e.Name, kernel.O_RDWR|kernel.O_NONBLOCK); err == nil {
				_, _ = k.Init().Read(fd, make([]byte, 10))
				_ = k.Init().Close(fd)
			}
		}
		close(d.gone)
		<-slot.Gone()
		c.Settle()
		if k.Taint()&(1<<7) != 0 {
			t.Fatalf("an oops:\n%s", k.Log.Text())
		}
	})
}
