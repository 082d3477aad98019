package usbip_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/hw/serial"
)

const guest = "../../../fixtures/oracle/"

// boot runs a script of fixtures/oracle/usb in the real kernel, with the programs built beside it, and returns what it printed.
func boot(t *testing.T, script string, env []string, args ...string) string {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "root"), 0o755))
	build := exec.Command("gcc", "-O2", "-static", "-o", filepath.Join(dir, "root", "testusb"), guest+"usb/testusb.c")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	file := filepath.Join(t.TempDir(), "cmd.sh")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o644))
	cmd := exec.Command(guest+"run", append([]string{"-t", "180", "-n", "-o", dir}, append(args, "-f", file)...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err = cmd.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	return string(out)
}

func script(t *testing.T, name, port string) string {
	b, err := os.ReadFile(guest + "usb/" + name)
	require.NoError(t, err)
	return strings.ReplaceAll(string(b), "PORT", port)
}

// TestOracleAttach: the real vhci_hcd and the real drivers take our devices for real ones.
func TestOracleAttach(t *testing.T) {
	oracle.Need(t)
	r := serve(t)
	for _, p := range r.far {
		p.SetAuto(true)
		require.NoError(t, p.SetSignals(serial.DTEOutputs, serial.DTEOutputs))
		go io.Copy(p, p)
		t.Cleanup(func() { p.Close() })
	}
	_, port, _ := net.SplitHostPort(r.addr)
	out := boot(t, script(t, "attach.sh", port), nil)
	for _, want := range []string{
		"/dev/ttyUSB0\n", "/dev/ttyACM0\n", "/dev/usbtmc0\n", "Boot Keyboard",
		"echo: through /dev/ttyUSB0 at 115200", "echo: through /dev/ttyUSB0 at 9600", "echo: through /dev/ttyACM0 at 115200", "big: 20000",
		"KOBENCH,PSU1,0,1.0", "5.0000", "FTDI USB Serial Device converter now attached to ttyUSB0", "Detected FT232R",
		"ttyACM0: USB ACM device", "# end",
	} {
		require.Contains(t, out, want)
	}
	for _, bad := range []string{"vhci_hcd: cannot find", "Oops", "BUG", "no module"} {
		require.NotContains(t, out, bad)
	}
	cases := 0
	for line := range strings.SplitSeq(out, "\n") {
		if strings.HasPrefix(line, "case ") {
			require.True(t, strings.HasSuffix(line, ": ok"), line)
			cases++
		}
	}
	require.Equal(t, 31, cases)
}
