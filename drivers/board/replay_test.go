package board

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// A recorded device answers as it did, and what it was not asked is said at the end.
func TestReplay(t *testing.T) {
	for _, c := range []struct {
		name, script, uncovered string
	}{
		{"covered", "w 0 AT\nr 0 OK\n", ""},
		{"not asked for all", "w 0 AT\nr 0 OK\nw 0 ATZ\nr 0 OK\n", "ATZ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "device.script")
			require.NoError(t, os.WriteFile(file, []byte(c.script), 0o644))
			b, err := Parse("x.yaml", []byte("speed: max\nmodules: [\"8250\"]\nuarts:\n  - {io: 0x3f8, irq: 4, line: {replay: "+file+"}}\n"))
			require.NoError(t, err)
			m := b.Power(kernel.Config{Catalog: catalog.All()})
			require.NoError(t, m.LoadModules())
			conn, err := terminal.Open(m.Kernel, "/dev/ttyS0", serial.Format8N1(9600))
			require.NoError(t, err)
			_, err = conn.Write([]byte("AT"))
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
			got := ""
			for got != "OK" {
				buf := make([]byte, 8)
				n, err := conn.Read(buf)
				require.NoError(t, err, "so far %q", got)
				got += string(buf[:n])
			}
			require.NoError(t, conn.Close())
			err = m.Close()
			if c.uncovered == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "ttyS0: replay "+file)
			require.ErrorContains(t, err, c.uncovered)
		})
	}
}
