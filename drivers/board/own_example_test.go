package board_test

import (
	"bufio"
	"context"
	"fmt"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// thermometer answers every line with its temperature. Its option on a board is celsius.
type thermometer struct {
	Celsius float64 `yaml:"celsius"`
}

func (t *thermometer) Run(ctx context.Context, far serial.Conn) error {
	stop := context.AfterFunc(ctx, func() { far.Close() })
	defer stop()
	far.(*serial.Port).SetAuto(true) // the terminal's rate, whatever it is
	for lines := bufio.NewScanner(far); lines.Scan(); {
		fmt.Fprintf(far, "%.1f C\n", t.Celsius)
	}
	return nil
}

// A device in Go is a value with Run; a board knows it by the name that WithDevice gives it.
func ExampleWithDevice() {
	b, err := board.Parse("desk.yaml", []byte(`
speed: max
modules: ["8250"]
uarts:
  - {io: 0x3f8, irq: 4, line: {thermometer: {celsius: 21}}}
`), board.WithDevice("thermometer", func() board.Device { return &thermometer{} }))
	if err != nil {
		fmt.Println(err)
		return
	}
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	defer m.Close()
	if err := m.LoadModules(); err != nil {
		fmt.Println(err)
		return
	}
	c, err := terminal.Open(m.Kernel, "/dev/ttyS0", serial.Format8N1(9600))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Fprintln(c, "how warm?")
	answer, _ := bufio.NewReader(c).ReadString('\n')
	fmt.Print(answer)
	// Output: 21.0 C
}

// lamp is a whole USB device: vendor request 1 switches it, request 2 reads it.
type lamp struct{ on byte }

func (*lamp) Descriptors(s hw.Speed) *hw.Descriptors {
	if s != hw.FullSpeed {
		return nil
	}
	return &hw.Descriptors{
		Device:  hw.DeviceDescriptor{USB: 0x0200, MaxPacket0: 8, Vendor: 0x1209, Product: 1, ProductS: 1},
		Configs: []hw.Configuration{{Value: 1, MaxPower: 50, Interfaces: []hw.Interface{{Class: hw.ClassVendor}}}},
		Strings: []string{"Lamp"},
	}
}

func (l *lamp) Control(s hw.Setup, data []byte) (int, error) {
	switch {
	case s.Is(hw.TypeVendor, 1):
		l.on = byte(s.Value)
		return 0, nil
	case s.Is(hw.DirIn|hw.TypeVendor, 2):
		return copy(data, []byte{l.on}), nil
	}
	return 0, hw.Stall
}

func (*lamp) Out(uint8, []byte, bool) (int, error) { return 0, hw.Stall }
func (*lamp) In(uint8, []byte) (int, error)        { return 0, hw.Stall }

// A USB device in Go is a hw/usb.Function; it can be plugged in by the name that WithFunction gives
// it.
func ExampleWithFunction() {
	lamps := board.WithFunction("lamp", hw.FullSpeed, func(string) hw.Function { return &lamp{} })
	b, err := board.Parse("desk.yaml", []byte("modules: [usbcore]\nusb:\n  devices: [{port: \"2\", device: lamp}]\n"), lamps)
	if err != nil {
		fmt.Println(err)
		return
	}
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	defer m.Close()
	if err := m.LoadModules(); err != nil {
		fmt.Println(err)
		return
	}
	m.Settle()
	ctx, state := context.Background(), make([]byte, 1)
	dev := m.Plugged()[0]
	hw.Request(ctx, dev.Slot, hw.TypeVendor, 1, 1, 0, nil)
	hw.Request(ctx, dev.Slot, hw.DirIn|hw.TypeVendor, 2, 0, 0, state)
	fmt.Println(dev.Kind, "at", dev.Slot.Name(), state[0], m.Enumerated(dev))
	// Output: lamp at 1-2 1 true
}
