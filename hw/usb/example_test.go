package usb_test

import (
	"context"
	"fmt"

	"github.com/kobench/kobench/hw/usb"
)

// thermometer is a whole USB device: an interrupt endpoint that tells a new temperature, and a
// vendor request that reads the last one.
type thermometer struct {
	link *usb.Link
	last int8
	news bool
}

func (t *thermometer) Descriptors(s usb.Speed) *usb.Descriptors {
	if s != usb.FullSpeed {
		return nil
	}
	return &usb.Descriptors{
		Device:  usb.DeviceDescriptor{USB: 0x0200, MaxPacket0: 8, Vendor: 0x1209, Product: 0x0001, ProductS: 1},
		Strings: []string{"Thermometer"},
		Configs: []usb.Configuration{{Value: 1, MaxPower: 10, Interfaces: []usb.Interface{{
			Class:     usb.ClassVendor,
			Endpoints: []usb.Endpoint{{Address: 0x81, Attributes: uint8(usb.Interrupt), MaxPacket: 1, Interval: 10}},
		}}}},
	}
}

func (t *thermometer) Attach(l *usb.Link) { t.link = l }
func (t *thermometer) Detach()            {}

func (t *thermometer) Control(s usb.Setup, data []byte) (int, error) {
	switch {
	case s.Is(usb.DirIn|usb.TypeVendor, 1):
		return copy(data, []byte{byte(t.last)}), nil
	case s.Is(usb.TypeVendor, 2): // warm it up
		t.last, t.news = t.last+int8(s.Value), true
		t.link.Wake(0x81)
		return 0, nil
	}
	return 0, usb.Stall
}

func (t *thermometer) In(_ uint8, p []byte) (int, error) {
	if !t.news {
		return 0, usb.NAK // the host waits
	}
	t.news = false
	return copy(p, []byte{byte(t.last)}), nil
}

func (t *thermometer) Out(uint8, []byte, bool) (int, error) { return 0, usb.Stall }

// A new device is a Function; plugged into a bus, hosts see it like any other.
func ExampleFunction() {
	ctx := context.Background()
	dev, err := usb.New(&thermometer{last: 20}, usb.FullSpeed)
	if err != nil {
		fmt.Println(err)
		return
	}
	bus := usb.NewBus(1, 4)
	slot, err := bus.Plug("2", dev)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, _ := usb.ReadDescriptors(ctx, slot)
	fmt.Println(slot.Name(), d.String(d.Device.ProductS))

	usb.Request(ctx, slot, 0, usb.SetConfiguration, 1, 0, nil)
	usb.Request(ctx, slot, usb.TypeVendor, 2, 3, 0, nil)
	in, b := usb.NewPipe(slot, 0x81, usb.Interrupt), make([]byte, 1)
	in.Transfer(ctx, b)
	fmt.Println(b[0], "degrees")

	_, err = usb.Request(ctx, slot, usb.TypeVendor, 99, 0, 0, nil) // a stall
	fmt.Println(err)
	bus.Unplug("2")
	_, err = in.Transfer(ctx, b)
	fmt.Println(err)
	// Output:
	// 1-2 Thermometer
	// 23 degrees
	// Broken pipe
	// No such device
}
