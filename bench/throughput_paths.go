package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/hw/usb/usbip"
	"github.com/kobench/kobench/kernel"
)

// ownPaths are the ways through this program.
func ownPaths() []path {
	return []path{
		{"copy", "copy", openCopy},
		{"zero", "null", openMemory},
		{"loopback", "loopback", openLoopback},
		{"c", "c", openC},
		{"c-pipe", "c-pipe", openCPipe},
		{"uart", "uart", openUART},
		{"usb", "usb", openUSB},
		{"usbip", "usbip", openUSBIP},
		{"pty", "pty", openDoor},
	}
}

// halves joins two ends into one.
type halves struct {
	io.Reader
	io.Writer
}

// copier is Go's copy as a file.
type copier struct{ memory []byte }

func (c *copier) Read(p []byte) (int, error)  { return copy(p, c.memory), nil }
func (c *copier) Write(p []byte) (int, error) { return copy(c.memory, p), nil }

func openCopy() (*ends, error) {
	return &ends{near: &copier{make([]byte, sizes()[len(sizes())-1])}, close: func() error { return nil }}, nil
}

// handle opens a device in a task of its own.
func handle(k *kernel.Kernel, path string) (*kernel.Handle, error) {
	h, err := k.NewTask().OpenFile(path, kernel.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("bench: open %s: %w", path, err)
	}
	return h, nil
}

// device opens a device twice over, for a reader and for a writer. The kernel goes when the ends
// are closed, and the files with it: only then do calls that wait come back.
func device(k *kernel.Kernel, shutdown func() error, read, write string) (h halves, err error) {
	r, err := handle(k, read)
	if err == nil {
		var w *kernel.Handle
		if w, err = handle(k, write); err == nil {
			return halves{r, w}, nil
		}
	}
	return h, errors.Join(err, shutdown())
}

func openMemory() (*ends, error) {
	k, shutdown, err := bootGo()
	if err != nil {
		return nil, err
	}
	h, err := device(k, shutdown, "/dev/zero", "/dev/null")
	return &ends{near: h, close: shutdown}, err
}

func openLoopback() (*ends, error) {
	k, shutdown, err := bootGo()
	if err != nil {
		return nil, err
	}
	h, err := device(k, shutdown, "/dev/loop0", "/dev/loop0")
	return &ends{near: h, far: h, close: shutdown}, err
}

func openC() (*ends, error) {
	k, shutdown, err := bootC()
	if err != nil {
		return nil, err
	}
	h, err := device(k, shutdown, "/dev/chrb", "/dev/chrb")
	return &ends{near: h, close: shutdown}, err
}

// openCPipe is a pipe in C of 1 MiB: what is written is copied in, waits, and is copied out.
func openCPipe() (*ends, error) {
	k, shutdown := bootKO()
	if err := k.Init().InitModule(fixtures.MustModule("pipe"), "capacity=1048576", 0); err != nil {
		return nil, errors.Join(fmt.Errorf("bench: load pipe.ko: %w", err), shutdown())
	}
	h, err := device(k, shutdown, "/dev/kpipe", "/dev/kpipe")
	return &ends{near: h, far: h, close: shutdown}, err
}

// machine boots a board with a loop-back plug on ttyS0 and a null modem between ttyS1 and ttyS2.
// Speed is max or paced.
func machine(speed string) (*board.Machine, error) {
	b, err := board.Parse("bench.yaml", []byte("speed: "+speed+"\nmodules: [\"8250\"]\nuarts:\n  - {io: 0x3f8, irq: 4, line: loopback}\n"+
		"  - {io: 0x2f8, irq: 3, line: {null-modem: ttyS2}}\n  - {io: 0x3e8, irq: 5}\n"))
	if err != nil {
		return nil, err
	}
	m := b.Power(kernel.Config{})
	if err := m.LoadModules(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// openTerminal opens a terminal of the machine as a program does, raw.
func openTerminal(m *board.Machine, name string) (*terminal.Conn, error) {
	return terminal.Open(m.Kernel, "/dev/"+name, serial.Format8N1(115200))
}

// openUART is a terminal, its driver, a UART and its line, and all the way back from the plug at
// its end.
func openUART() (*ends, error) {
	m, err := machine("max")
	if err != nil {
		return nil, err
	}
	c, err := openTerminal(m, "ttyS0")
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &ends{near: c, far: c, close: func() error { return errors.Join(c.Close(), m.Close()) }}, nil
}

// bulk is a source and a sink behind two bulk endpoints.
type bulk struct{ in, out *usb.Pipe }

func (b bulk) Read(p []byte) (int, error)  { return b.in.Transfer(context.Background(), p) }
func (b bulk) Write(p []byte) (int, error) { return b.out.Transfer(context.Background(), p) }

func openBulk(d usb.Device) (bulk, error) {
	const configuration, in, out = 3, 0x81, 0x02 // of gadget zero
	if _, err := usb.Request(context.Background(), d, 0, usb.SetConfiguration, configuration, 0, nil); err != nil {
		return bulk{}, fmt.Errorf("bench: configure the source and sink: %w", err)
	}
	return bulk{usb.NewPipe(d, in, usb.Bulk), usb.NewPipe(d, out, usb.Bulk)}, nil
}

// plugged is a bus with a high-speed source and sink that accepts all.
func plugged() (*usb.Bus, *usb.Slot, error) {
	d, err := usb.New(sourcesink.New(sourcesink.Any), usb.HighSpeed)
	if err != nil {
		return nil, nil, err
	}
	bus := usb.NewBus(1, 1)
	slot, err := bus.Plug("", d)
	return bus, slot, err
}

func openUSB() (*ends, error) {
	bus, slot, err := plugged()
	if err != nil {
		return nil, err
	}
	unplug := func() error { return bus.Unplug(slot.Path()) }
	pipes, err := openBulk(slot)
	if err != nil {
		return nil, errors.Join(err, unplug())
	}
	return &ends{near: pipes, close: unplug}, nil
}

// openUSBIP is the same device over TCP.
func openUSBIP() (*ends, error) {
	d, leave, err := importedDevice()
	if err != nil {
		return nil, err
	}
	pipes, err := openBulk(d)
	if err != nil {
		return nil, errors.Join(err, leave())
	}
	return &ends{near: pipes, close: leave}, nil
}

// importedDevice is a source and sink that a USB/IP server of this process exports, imported again.
func importedDevice() (usb.Device, func() error, error) {
	bus, slot, err := plugged()
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("bench: %w: listen on loopback: %w", ErrSkip, err), bus.Unplug(slot.Path()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- usbip.NewServer(nil, bus).Serve(ctx, l) }()
	stop := func() error {
		cancel()
		return errors.Join(<-done, bus.Unplug(slot.Path()))
	}
	d, err := usbip.Import(ctx, l.Addr().String(), slot.Name())
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return d, func() error {
		d.Unplug()
		<-d.Gone()
		return stop()
	}, nil
}
