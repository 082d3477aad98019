package usb_test

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/drivers/usb"
	acm "github.com/kobench/kobench/drivers/usb/cdcacm"
	"github.com/kobench/kobench/drivers/usb/ftdisio"
	"github.com/kobench/kobench/drivers/usb/usbserial"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/serialtest"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// rig is a kernel with a bus and the core.
type rig struct {
	*testing.T
	k    *kernel.Kernel
	bus  *hw.Bus
	core *usb.Core
}

func start(t *testing.T, modules ...*kernel.Module) *rig {
	t.Helper()
	r := &rig{T: t, k: kerneltest.Boot(t), bus: hw.NewBus(1, 4)}
	t.Cleanup(func() {
		for _, s := range r.bus.Devices() {
			_ = r.bus.Unplug(s.Path())
		}
	})
	m := usb.New(r.bus)
	r.core = m.Exports[0].Value.(*usb.Core)
	for _, m := range append([]*kernel.Module{m}, modules...) {
		require.NoError(t, r.k.Init().LoadModule(m, ""))
		t.Cleanup(func() {
			if err := r.k.Init().DeleteModule(m.Name, kernel.O_NONBLOCK); err != nil {
				require.ErrorIs(t, err, kernel.ENOENT, "the test has removed it")
			}
		})
	}
	return r
}

func (r *rig) plug(fn hw.Function, speed hw.Speed) *hw.Emulated {
	r.Helper()
	d, err := hw.New(fn, speed)
	require.NoError(r, err)
	_, err = r.bus.Plug("", d)
	require.NoError(r, err)
	r.core.Settle()
	return d
}

func (r *rig) read(path string) string {
	r.Helper()
	h, err := r.k.Init().OpenFile(path, kernel.O_RDONLY)
	require.NoError(r, err)
	defer h.Close()
	b, err := io.ReadAll(h)
	require.NoError(r, err)
	return strings.TrimSuffix(string(b), "\n")
}

// adapters are the emulated serial functions with the driver of each.
func adapters() map[string]struct {
	node    string
	modules func() []*kernel.Module
	plug    func(r *rig, line *serial.Port)
} {
	type row = struct {
		node    string
		modules func() []*kernel.Module
		plug    func(r *rig, line *serial.Port)
	}
	return map[string]row{
		"ftdi_sio": {"ttyUSB0", func() []*kernel.Module { return []*kernel.Module{usbserial.New(), ftdisio.New()} },
			func(r *rig, line *serial.Port) { r.plug(ftdi.New(line, "A1"), hw.FullSpeed) }},
		"cdc_acm": {"ttyACM0", func() []*kernel.Module { return []*kernel.Module{acm.New()} },
			func(r *rig, line *serial.Port) { r.plug(cdcacm.New(line, "B2"), hw.HighSpeed) }},
	}
}

// The loop-back suite of real ports, through driver, bus, chip and line.
func TestSerialSuite(t *testing.T) {
	for name, a := range adapters() {
		t.Run(name, func(t *testing.T) {
			r := start(t, a.modules()...)
			chip, far := serial.NullModem(serial.Max)
			a.plug(r, chip)
			skip := map[string]string{}
			if name == "cdc_acm" {
				skip["lines/RTS"] = "the class has no CTS"
				skip["flow/rtscts"] = "the class has no CTS"
			}
			rep := serialtest.TestLine(t, serialtest.Setup{Name: name, Skip: skip, Open: func(context.Context) (serial.Conn, serial.Conn, error) {
				c, err := terminal.Open(r.k, "/dev/"+a.node, serial.Format8N1(115200))
				return c, far, err
			}})
			require.Zero(t, rep.Count(serialtest.Fail))
		})
	}
}

// Unplugging in the middle of a read: the reader ends, the node goes, the module can be removed.
func TestUnplugWhileReading(t *testing.T) {
	for name, a := range adapters() {
		t.Run(name, func(t *testing.T) {
			r := start(t, a.modules()...)
			chip, far := serial.NullModem(serial.Max)
			a.plug(r, chip)
			c, err := terminal.Open(r.k, "/dev/"+a.node, serial.Format8N1(115200))
			require.NoError(t, err)
			require.NoError(t, far.SetMode(serial.Format8N1(115200)))
			_, err = far.Write([]byte("x"))
			require.NoError(t, err)
			_, err = io.ReadFull(c, make([]byte, 1))
			require.NoError(t, err)
			ended := make(chan int, 1)
			go func() {
				n, _ := c.Read(make([]byte, 1))
				ended <- n
			}()
			// the reader sleeps by now; if it does not, the result is the same
			time.Sleep(20 * time.Millisecond)
			require.NoError(t, r.bus.Unplug("1"))
			select {
			case n := <-ended:
				require.Zero(t, n, "a hung up terminal is at its end, as on Linux")
			case <-time.After(10 * time.Second):
				t.Fatal("the reader hangs")
			}
			r.core.Settle()
			_, err = c.Write([]byte("x"))
			require.Error(t, err)
			_, err = r.k.Init().Stat("/dev/" + a.node)
			require.ErrorIs(t, err, os.ErrNotExist)
			require.ErrorIs(t, r.k.Init().DeleteModule(name, kernel.O_NONBLOCK), kernel.EAGAIN, "the dead file still holds the module")
			require.NoError(t, c.Close())
			require.NoError(t, r.k.Init().DeleteModule(name, kernel.O_NONBLOCK))
		})
	}
}
