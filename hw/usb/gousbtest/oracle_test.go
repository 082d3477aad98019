package gousbtest_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/gousbtest"
	"github.com/kobench/kobench/hw/usb/usbip"
)

// answered is what gousb 1.1.3 with libusb 1.0.26 said on Linux 6.1; TestOracleConform asks them
// again.
const answered = "testdata/answered.txt"

// plug plugs a probe in.
func plug(t testing.TB, bus *usb.Bus) *usb.Slot {
	p := &probe{}
	d := usb.MustNew(p, usb.HighSpeed)
	p.unplug = d.Unplug
	s, err := bus.Plug("", d)
	require.NoError(t, err)
	return s
}

// TestConform: this package says word for word what the real gousb said.
func TestConform(t *testing.T) {
	var got bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		bus := usb.NewBus(1, 4)
		plug(t, bus)
		gousbtest.Install(t, bus)
		conform(&got)
	})
	want, err := os.ReadFile(answered)
	require.NoError(t, err)
	require.Equal(t, strings.Split(string(want), "\n"), strings.Split(got.String(), "\n"))
}

// TestOracleConform: conform, compiled with the real gousb, with a probe that the real vhci_hcd has
// attached.
func TestOracleConform(t *testing.T) {
	oracle.Need(t)
	if out, err := exec.Command("pkg-config", "--exists", "--print-errors", "libusb-1.0").CombinedOutput(); err != nil {
		t.Skipf("the real gousb cannot be built here: apt install libusb-1.0-0-dev pkg-config (%v: %s)", err, out)
	}
	layer := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(layer, "root"), 0o755))
	program := filepath.Join(t.TempDir(), "main.go")
	text, err := os.ReadFile("conform_test.go")
	require.NoError(t, err)
	main := strings.NewReplacer("package gousbtest_test", "package main", "github.com/kobench/kobench/hw/usb/gousbtest/gousb", "github.com/google/gousb",
		"conform(w io.Writer) {\n\tc := &conformer{w: w}", "main() {\n\tc := &conformer{w: os.Stdout}", "\t\"maps\"\n", "\t\"maps\"\n\t\"os\"\n").Replace(string(text))
	require.NoError(t, os.WriteFile(program, []byte(main), 0o644))
	build := exec.Command("go", "build", "-o", filepath.Join(layer, "root", "conform"), program)
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	bus := usb.NewBus(1, 4)
	plug(t, bus)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- usbip.NewServer(nil, bus).Serve(ctx, l) }()
	defer func() { stop(); require.NoError(t, <-done) }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	script := filepath.Join(t.TempDir(), "cmd.sh")
	require.NoError(t, os.WriteFile(script, []byte(`modprobe vhci_hcd
attach() { usbip --tcp-port `+port+` attach -r 10.0.2.2 -b 1-1; }
attach || { sleep 0.5; attach; }
i=0; until lsusb | grep -q 1209:0042 || [ $i -ge 80 ]; do sleep 0.1; i=$((i+1)); done
sleep 0.5; echo "# conform"; ./conform; echo "# end"; dmesg | tail -20
`), 0o644))
	got, err := exec.Command("../../../fixtures/oracle/run", "-t", "180", "-n", "-o", layer, "-f", script).CombinedOutput()
	t.Logf("%s", got)
	require.NoError(t, err)
	_, said, _ := strings.Cut(strings.ReplaceAll(string(got), "\r", ""), "# conform\n")
	said, _, ended := strings.Cut(said, "# end\n")
	require.True(t, ended)
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(answered, []byte(said), 0o644))
	}
	want, err := os.ReadFile(answered)
	require.NoError(t, err)
	require.Equal(t, strings.Split(string(want), "\n"), strings.Split(said, "\n"))
}
