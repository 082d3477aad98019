package host_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures/oracle"
)

// TestOracleHost runs TestDevice, built with libusb, in a real kernel with real gadgets.
func TestOracleHost(t *testing.T) {
	oracle.Need(t)
	if out, err := exec.Command("pkg-config", "--exists", "--print-errors", "libusb-1.0").CombinedOutput(); err != nil {
		t.Skipf("this cannot be built with libusb here: apt install libusb-1.0-0-dev pkg-config (%v: %s)", err, out)
	}
	layer := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(layer, "root"), 0o755))
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "libusb", "-o", filepath.Join(layer, "root", "host.test"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)
	gadgets, err := os.ReadFile("../../../fixtures/oracle/usb/gadgets.sh")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "cmd.sh")
	script := string(gadgets) + "modprobe usbtest; sleep 1; KOBENCH_USBHOST=1 ./host.test -test.v -test.run '^TestDevice$' -test.timeout 60s\n"
	require.NoError(t, os.WriteFile(file, []byte(script), 0o644))
	const adapter = "-device qemu-xhci,id=x -device usb-serial,bus=x.0,chardev=a,always-plugged=on -chardev null,id=a"
	out, err := exec.CommandContext(t.Context(), "../../../fixtures/oracle/run", "-t", "120", "-o", layer, "-q", adapter, "-f", file).CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	require.Contains(t, string(out), "--- PASS: TestDevice ")
}
