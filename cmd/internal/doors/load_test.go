//go:build linux

package doors

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
	tarm "github.com/tarm/serial"
)

const paced = `
modules: ["8250", usbcore, usbserial, ftdi_sio, cdc_acm]
uarts:
  - {io: 0x3f8, irq: 4, line: loopback}
  - {io: 0x2f8, irq: 3, line: {null-modem: ttyS2}}
  - {io: 0x3e8, irq: 5}
  - {io: 0x2e8, irq: 6, chip: "16450", line: loopback}
usb: {devices: [{port: "1", device: ftdi, line: loopback}, {port: "2", device: cdc-acm, line: loopback}]}
`

// Nothing is lost on paced lines while four other programs keep the processors busy. It takes as
// long as the lines do: KOBENCH_LOAD says for how long each line works at each rate, such as 10s.
func TestLoad(t *testing.T) {
	each, err := time.ParseDuration(os.Getenv("KOBENCH_LOAD"))
	if err != nil {
		t.Skip("a load test takes minutes: KOBENCH_LOAD=10s runs it")
	}
	for range 4 {
		busy := exec.Command("sh", "-c", "while :; do :; done")
		require.NoError(t, busy.Start())
		t.Cleanup(func() { _ = busy.Process.Kill(); _ = busy.Wait() })
	}
	b, err := board.Parse("paced.yaml", []byte(paced))
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.NoError(t, m.LoadModules())
	m.Settle()
	d, err := Open(t.Context(), m, t.TempDir(), 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	path := make(map[string]string)
	for _, door := range d.List {
		path[door.TTY] = door.Path
	}
	for _, line := range []struct {
		from, to string
		fastest  int
	}{{"ttyS0", "ttyS0", 115200}, {"ttyS1", "ttyS2", 115200}, {"ttyS3", "ttyS3", 115200}, {"ttyUSB0", "ttyUSB0", 3_000_000}, {"ttyACM0", "ttyACM0", 4_000_000}} {
		for _, baud := range []int{300, 9600, 115200, 921600, 3_000_000, 4_000_000} {
			if baud > line.fastest {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", line.from, baud), func(t *testing.T) {
				from := loaded(t, path[line.from], baud)
				to := from
				if line.to != line.from {
					to = loaded(t, path[line.to], baud)
				}
				msg := make([]byte, max(64, int(each.Seconds()*float64(baud)/10)))
				for i := range msg {
					msg[i] = byte(i % 251)
				}
				go from.Write(msg)
				got := make([]byte, len(msg))
				n, err := io.ReadFull(to, got)
				if n < len(msg) || !bytes.Equal(msg, got) {
					for _, p := range m.Plugged() {
						t.Logf("%s: %+v", p.Slot.Name(), p.Near.Counters())
					}
				}
				for i := range n {
					require.Equal(t, msg[i], got[i], "at %d of %d", i, len(msg))
				}
				require.NoError(t, err, "%d of %d", n, len(msg))
			})
		}
	}
}

func loaded(t *testing.T, path string, baud int) *tarm.Port {
	t.Helper()
	require.NotEmpty(t, path)
	p, err := tarm.OpenPort(&tarm.Config{Name: path, Baud: baud, ReadTimeout: 20 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}
