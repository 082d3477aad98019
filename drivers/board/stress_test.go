package board

import (
	"errors"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// Everything that can be done to a board's terminals, by many at once, while USB devices come and
// go and somebody tries to remove the drivers. Nothing may stand still, oops, or be left behind.
func TestStress(t *testing.T) {
	b, err := Parse("stress.yaml", []byte(`speed: max
modules: ["8250", usbcore, usbserial, ftdi_sio, cdc_acm]
uarts:
  - {io: 0x3f8, irq: 4, line: {null-modem: ttyS1}}
  - {io: 0x2f8, irq: 3}
  - {io: 0x3e8, irq: 4, line: loopback}
usb: {devices: [{port: "1", device: ftdi, line: loopback}]}
`))
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	require.NoError(t, m.LoadModules())
	m.Settle()
	var wg sync.WaitGroup
	for i, name := range []string{"ttyS0", "ttyS0", "ttyS1", "ttyS1", "ttyS2", "ttyUSB0", "ttyUSB1", "ttyACM0", "ttyACM0"} {
		wg.Go(func() { abuse(t, m, name, rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	for i, d := range []USBDevice{
		{Port: "2", Kind: "ftdi", Speed: hw.FullSpeed, Line: Loopback{}},
		{Port: "3", Kind: "cdc-acm", Speed: hw.FullSpeed, Line: Loopback{}},
	} {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			for range 25 {
				_, err := m.Plug(d)
				require.NoError(t, err)
				if r.IntN(2) == 0 {
					m.Settle()
				}
				time.Sleep(time.Duration(r.IntN(8)) * time.Millisecond)
				require.NoError(t, m.Unplug(d.Port))
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			for _, name := range []string{"8250", "ftdi_sio", "cdc_acm"} {
				if m.Kernel.Init().DeleteModule(name, kernel.O_NONBLOCK) == nil {
					if err := m.Kernel.Init().LoadByName(name, ""); kernel.ErrnoOf(err) != 0 && kernel.ErrnoOf(err) != kernel.EEXIST {
						t.Errorf("%s again: %v", name, err)
					}
				}
			}
			time.Sleep(time.Millisecond)
		}
	})
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		t.Fatal("something stands still")
	}
	require.NoError(t, m.Close())
	log := m.Kernel.Log.Text()
	for _, bad := range []string{"BUG:", "Oops", "panic", "WARNING"} {
		require.NotContains(t, log, bad)
	}
}

// abuse opens a terminal, does one thing after another to it and closes it, again and again. Any
// error of a port that comes and goes will do.
func abuse(t *testing.T, m *Machine, name string, r *rand.Rand) {
	bauds := []serial.Baud{50, 9600, 115200, 921600}
	buf := make([]byte, 5000)
	for range 40 {
		c, err := terminal.Open(m.Kernel, "/dev/"+name, serial.Format8N1(115200))
		if err != nil {
			expected(t, err)
			time.Sleep(time.Millisecond)
			continue
		}
		var wg sync.WaitGroup
		wg.Go(func() { // a reader beside it all
			b := make([]byte, 700)
			for {
				if _, err := c.Read(b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					return
				}
			}
		})
		for range r.IntN(12) {
			switch r.IntN(10) {
			case 0, 1, 2:
				_, err = c.Write(buf[:r.IntN(len(buf))])
			case 3:
				err = c.SetMode(serial.Mode{Baud: bauds[r.IntN(len(bauds))], Data: uint8(7 + r.IntN(2)), Parity: serial.ParityEven, Stop: serial.Stop1})
			case 4:
				err = c.Purge(r.IntN(2) == 0, r.IntN(2) == 0)
			case 5:
				err = c.SetSignals(serial.DTEOutputs, serial.Signals(r.IntN(2))*serial.DTEOutputs)
			case 6:
				err = errors.Join(c.SetBreak(true), c.SetBreak(false))
			case 7:
				err = c.SetReadDeadline(time.Now().Add(time.Duration(r.IntN(3)) * time.Millisecond))
			case 8:
				_, err = c.Signals()
			case 9:
				err = c.Drain()
			}
			expected(t, err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
		wg.Wait()
	}
}

// expected accepts what Linux says of a terminal that is not there, or not any more, and of a mode
// that another one has changed meanwhile.
func expected(t *testing.T, err error) {
	for _, e := range []error{nil, kernel.ENOENT, kernel.ENXIO, kernel.ENODEV, kernel.EIO, syscall.ENODEV, syscall.EOPNOTSUPP, os.ErrClosed} {
		if errors.Is(err, e) {
			return
		}
	}
	t.Errorf("%v", err)
}
