package smoke

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/stretchr/testify/require"
)

// TestOracleSmoke runs kobench smoke --device in a real kernel: on its ttyS, and on QEMU's FTDI
// adapter. QEMU's sockets carry bytes alone, no modem lines, breaks or parity, so those checks are
// left out.
func TestOracleSmoke(t *testing.T) {
	oracle.Need(t)
	layer := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(layer, "root"), 0o755))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(layer, "root", "kobench"), "github.com/kobench/kobench/cmd/kobench")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)
	const smoke = "/root/kobench smoke --max-size 1024 --skip lines,break,flow,errors --device "
	for _, c := range []struct{ name, hardware, command string }{
		{"ttyS", "-serial chardev:a -serial chardev:b", "sleep 2; " + smoke + "/dev/ttyS2 --far /dev/ttyS3"},
		{"ttyUSB", "-device qemu-xhci,id=x -device usb-serial,bus=x.0,chardev=a,always-plugged=on -serial chardev:b",
			"modprobe xhci_pci; modprobe ftdi_sio; sleep 3; " + smoke + "/dev/ttyUSB0 --far /dev/ttyS2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b, stop, err := oracle.NullModem(t.TempDir())
			require.NoError(t, err)
			defer stop()
			hardware := "-chardev socket,id=a,path=" + a + " -chardev socket,id=b,path=" + b + " " + c.hardware
			run := exec.CommandContext(t.Context(), "../../../fixtures/oracle/run", "-t", "150", "-o", layer, "-q", hardware, "--", c.command+" 2>/dev/null")
			out, err := run.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), " passed, 0 failed")
			t.Logf("%s", out)
		})
	}
}
