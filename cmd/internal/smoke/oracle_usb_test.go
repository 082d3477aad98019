package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/usbip"
	"github.com/stretchr/testify/require"
)

const adapter = "-device qemu-xhci,id=x -device usb-serial,bus=x.0,chardev=a,always-plugged=on -chardev "

// functions of the guest's shell: smoke tests a device, wait_for waits for a file, through says
// what goes into one port and comes out of another.
const functions = `smoke() { /root/kobench smoke --usb "$@" --max-size 1024 --skip lines,break,flow,errors 2>/tmp/err; echo "$1 rc $?"; tail -3 /tmp/err; }
wait_for() { i=0; while [ ! -e $1 ] && [ $i -lt 80 ]; do sleep 0.1; i=$((i+1)); done; ls $1; }
through() {
  stty -F $1 115200 raw -echo; stty -F $2 115200 raw -echo
  exec 3<>$1 4<>$2; (sleep 15; echo "nothing came"; kill $$) & guard=$!
  echo "$1 speaks" >&3; read line <&4; kill $guard; exec 3>&- 4>&-
  echo "$2: $line"
}
`

func gadgets(t *testing.T) string {
	b, err := os.ReadFile("../../../fixtures/oracle/usb/gadgets.sh")
	require.NoError(t, err)
	return string(b)
}

// withLibusb runs a script in a real kernel, with kobench built for libusb as /root/kobench, and
// wants what it printed to hold these texts.
func withLibusb(t *testing.T, hardware, script string, want ...string) {
	oracle.Need(t)
	if out, err := exec.Command("pkg-config", "--exists", "--print-errors", "libusb-1.0").CombinedOutput(); err != nil {
		t.Skipf("kobench cannot be built with libusb here: apt install libusb-1.0-0-dev pkg-config (%v: %s)", err, out)
	}
	layer := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(layer, "root"), 0o755))
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "libusb", "-o", filepath.Join(layer, "root", "kobench"), "github.com/kobench/kobench/cmd/kobench")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)
	file := filepath.Join(t.TempDir(), "cmd.sh")
	require.NoError(t, os.WriteFile(file, []byte(functions+script), 0o644))
	run := exec.CommandContext(t.Context(), "../../../fixtures/oracle/run", "-t", "150", "-o", layer, "-q", hardware, "-f", file)
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	for _, w := range want {
		require.Contains(t, string(out), w)
	}
}

// TestOracleLibusbAdapter: through libusb our ftdi_sio drives QEMU's adapter, whose line is a null
// modem to the guest's third serial port. The kernel's ftdi_sio has it back afterwards, and works.
func TestOracleLibusbAdapter(t *testing.T) {
	oracle.Need(t)
	a, b, stop, err := oracle.NullModem(t.TempDir())
	require.NoError(t, err)
	defer stop()
	withLibusb(t, adapter+"socket,id=a,path="+a+" -chardev socket,id=b,path="+b+" -serial chardev:b", `modprobe xhci_pci; modprobe ftdi_sio; wait_for /dev/ttyUSB0
smoke 0403:6001 --far /dev/ttyS2
wait_for /dev/ttyUSB0; dmesg | grep -o 'FTDI.* ttyUSB0'
through /dev/ttyUSB0 /dev/ttyS2; through /dev/ttyS2 /dev/ttyUSB0`,
		"ttyUSB0: host 0403:6001 to /dev/ttyS2\n", " passed, 0 failed", "0403:6001 rc 0\n",
		"converter now attached to ttyUSB0\nFTDI USB Serial Device converter now disconnected from ttyUSB0\nFTDI USB Serial Device converter now attached to ttyUSB0\n",
		"/dev/ttyS2: /dev/ttyUSB0 speaks\n", "/dev/ttyUSB0: /dev/ttyS2 speaks\n")
}

// TestOracleLibusbGadgets: the same on a CDC-ACM gadget, whose two interfaces the kernel's driver
// must get back in order, and on a source and sink.
func TestOracleLibusbGadgets(t *testing.T) {
	withLibusb(t, adapter+"null,id=a", gadgets(t)+`modprobe cdc_acm; modprobe usbtest; wait_for /dev/ttyACM0
for id in 0525:a4a7 0525:a4a0; do smoke $id --echo; done
wait_for /dev/ttyACM0; through /dev/ttyACM0 /dev/ttyACM0`,
		"ttyACM0: host 0525:a4a7\n", "0525:a4a7 rc 0\n", "usbtest  12 checks\n", "0525:a4a0 rc 0\n", "/dev/ttyACM0: /dev/ttyACM0 speaks\n")
}

// TestOracleUSBIP drives what a real usbipd exports with our drivers.
func TestOracleUSBIP(t *testing.T) {
	oracle.Need(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port for the guest's
	require.NoError(t, err)
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	echo, stopEcho, err := oracle.Echo(t.TempDir())
	require.NoError(t, err)
	defer stopEcho()
	share := t.TempDir()
	script := filepath.Join(t.TempDir(), "cmd.sh")
	require.NoError(t, os.WriteFile(script, []byte(gadgets(t)+`modprobe usbip_host
cp /usr/sbin/usbipd /tmp/; /tmp/usbipd -4 & sleep 1
for d in /sys/bus/usb/devices/*-*; do
  case $d in *:*) continue;; esac
  id=${d##*/}
  usbip bind -b $id >/dev/null 2>&1 && echo "$(cat $d/idVendor):$(cat $d/idProduct) $id" >>/host/list
done
mv /host/list /host/up
i=0; while [ $i -lt 1200 ] && [ ! -f /host/stop ]; do sleep 0.1; i=$((i+1)); done
`), 0o644))
	run := exec.CommandContext(t.Context(), "../../../fixtures/oracle/run", "-t", "150", "-n", "-S", share, "-q", adapter+"socket,id=a,path="+echo, "-f", script)
	run.Env = append(os.Environ(), "HOSTFWD=tcp:127.0.0.1:"+port+"-:3240")
	var guest bytes.Buffer
	run.Stdout, run.Stderr = &guest, &guest
	require.NoError(t, run.Start())
	defer func() {
		_ = os.WriteFile(filepath.Join(share, "stop"), nil, 0o644)
		if err := run.Wait(); err != nil {
			t.Errorf("the guest: %v\n%s", err, &guest)
		}
	}()
	var list []byte
	require.Eventually(t, func() bool {
		list, err = os.ReadFile(filepath.Join(share, "up"))
		return err == nil
	}, 90*time.Second, 50*time.Millisecond)
	found := 0
	for line := range strings.Lines(string(list)) {
		id, bus, _ := strings.Cut(strings.TrimSpace(line), " ")
		want := map[string]int{"0403:6001": 40, "0525:a4a7": 40, "0525:a4a0": 12}[id]
		if id == "0525:a4a4" {
			found++
			t.Run(id, func(t *testing.T) { loopback(t, addr, bus) })
		}
		if want == 0 {
			continue
		}
		found++
		t.Run(id, func(t *testing.T) {
			var out bytes.Buffer
			o := Options{USB: addr + "/" + bus, Echo: true, MaxSize: 1024, JSON: "-",
				Skip: map[string]string{"lines": "the far end is an echo", "break": "the far end is an echo", "flow": "the far end is an echo", "errors": "the far end is an echo"}}
			require.NoError(t, Run(t.Context(), o, &out, &out), "%s", &out)
			var rep Report
			require.NoError(t, json.Unmarshal(out.Bytes(), &rep))
			require.GreaterOrEqual(t, rep.Ports[0].Count(serialtest.Pass), want)
			t.Logf("%s: %d passed", rep.Ports[0].Line, rep.Ports[0].Count(serialtest.Pass))
		})
	}
	require.Equal(t, 4, found, "%s", list)
}

// loopback drives a real loop-back: with usbtest, which has no case for its data, and with
// transfers that come back.
func loopback(t *testing.T, addr, bus string) {
	m, err := sim.Start(sim.Options{Board: "usb"})
	require.NoError(t, err)
	closed := false
	defer func() {
		if !closed {
			require.NoError(t, m.Close())
		}
	}()
	m.AutoModprobe()
	p, err := m.Plug(board.USBDevice{Kind: "usbip", From: addr + "/" + bus})
	require.NoError(t, err)
	m.Settle()
	require.True(t, boundTo(m, p, "usbtest"))
	for _, n := range []uint32{0, 9, 10} {
		require.NoError(t, testusb(m, p, n), "case %d", n)
	}
	closed = true
	require.NoError(t, m.Close())

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	d, err := usbip.Import(ctx, addr, bus)
	require.NoError(t, err)
	defer d.Unplug()
	desc, err := usb.ReadDescriptors(ctx, d)
	require.NoError(t, err)
	_, err = usb.Request(ctx, d, 0, usb.SetConfiguration, uint16(desc.Configs[0].Value), 0, nil)
	require.NoError(t, err)
	var in, out *usb.Pipe
	for _, e := range desc.Configs[0].Interfaces[0].Endpoints {
		if pipe := usb.NewPipe(d, e.Address, usb.Bulk); e.In() {
			in = pipe
		} else {
			out = pipe
		}
	}
	data := make([]byte, 10000)
	for i := range data {
		data[i] = byte(i * i >> 5)
	}
	for _, n := range []int{1, 511, 513, 4095, 10000} {
		_, err := out.Transfer(ctx, data[:n])
		require.NoError(t, err)
		var got []byte
		for buf := make([]byte, 4096); len(got) < n; {
			k, err := in.Transfer(ctx, buf)
			require.NoError(t, err)
			got = append(got, buf[:k]...)
		}
		require.Equal(t, data[:n], got)
	}
}
