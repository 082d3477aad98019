package gousbtest_test

import (
	"fmt"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/gousbtest"
	"github.com/kobench/kobench/hw/usb/gousbtest/gousb" // "github.com/google/gousb" in your program
)

// setLamp is the program: it switches a lamp and returns how warm it has become.
func setLamp(ctx *gousb.Context, on bool) (int, error) {
	dev, err := ctx.OpenDeviceWithVIDPID(0x1209, 0x0007)
	if err != nil || dev == nil {
		return 0, fmt.Errorf("no lamp: %v", err)
	}
	defer dev.Close()
	value := uint16(0)
	if on {
		value = 1
	}
	if _, err := dev.Control(gousb.ControlOut|gousb.ControlVendor, 1, value, 0, nil); err != nil {
		return 0, err
	}
	intf, done, err := dev.DefaultInterface()
	if err != nil {
		return 0, err
	}
	defer done()
	in, err := intf.InEndpoint(1)
	if err != nil {
		return 0, err
	}
	b := make([]byte, in.Desc.MaxPacketSize)
	if _, err := in.Read(b); err != nil {
		return 0, err
	}
	return int(b[0]), nil
}

// lamp is the device: a vendor request switches it, an interrupt endpoint tells its temperature.
type lamp struct{ on bool }

func (*lamp) Descriptors(usb.Speed) *usb.Descriptors {
	return &usb.Descriptors{
		Device: usb.DeviceDescriptor{USB: 0x0200, MaxPacket0: 8, Vendor: 0x1209, Product: 0x0007, ProductS: 1}, Strings: []string{"Lamp"},
		Configs: []usb.Configuration{{Value: 1, MaxPower: 50, Interfaces: []usb.Interface{{
			Class:     usb.ClassVendor,
			Endpoints: []usb.Endpoint{{Address: 0x81, Attributes: uint8(usb.Interrupt), MaxPacket: 1, Interval: 10}},
		}}}},
	}
}

func (l *lamp) Control(s usb.Setup, _ []byte) (int, error) {
	if !s.Is(usb.TypeVendor, 1) || s.Value > 1 {
		return 0, usb.Stall
	}
	l.on = s.Value == 1
	return 0, nil
}

func (l *lamp) In(_ uint8, p []byte) (int, error) {
	if l.on {
		return copy(p, []byte{60}), nil
	}
	return copy(p, []byte{20}), nil
}

func (*lamp) Out(uint8, []byte, bool) (int, error) { return 0, usb.Stall }

// A program that uses gousb meets a device that is a few lines of Go.
func Example() {
	bus := usb.NewBus(1, 4)
	slot, err := bus.Plug("", usb.MustNew(&lamp{}, usb.FullSpeed))
	if err != nil {
		fmt.Println(err)
		return
	}
	machine := gousbtest.NewMachine(bus)
	// a program that calls gousb.NewContext() itself: gousbtest.Install(t, bus)
	ctx := machine.NewContext()

	fmt.Println(setLamp(ctx, true))
	fmt.Println(setLamp(ctx, false))

	// a kernel driver was quicker, and the program does not call SetAutoDetach
	machine.Bind(slot, 0)
	_, err = setLamp(ctx, true)
	fmt.Println(err)

	bus.Unplug("1")
	_, err = setLamp(ctx, true)
	fmt.Println(err)
	fmt.Println(ctx.Close(), machine.Check())
	// Output:
	// 60 <nil>
	// 20 <nil>
	// failed to select interface #0 alternate setting 0 of config 1 of device vid=1209,pid=0007,bus=1,addr=2: failed to claim interface 0 on vid=1209,pid=0007,bus=1,addr=2,config=1: libusb: device or resource busy [code -6]
	// no lamp: <nil>
	// <nil> <nil>
}
