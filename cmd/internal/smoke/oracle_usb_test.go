package smoke

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/hw/hwtest"
	"github.com/stretchr/testify/require"
)

const adapter = "-device qemu-xhci,id=x -device usb-serial,bus=x.0,chardev=a,always-plugged=on -chardev socket,id=a,path="

// gadgets makes two real gadgets, a serial port with an echo behind it and a source and sink, beside QEMU's FTDI adapter.
const gadgets = `modprobe xhci_pci; modprobe dummy_hcd num=2; modprobe g_serial; modprobe libcomposite; modprobe usb_f_ss_lb
mount -t configfs none /sys/kernel/config 2>/dev/null
g=/sys/kernel/config/usb_gadget/g1; mkdir $g; echo 0x0525 >$g/idVendor; echo 0xa4a0 >$g/idProduct
mkdir $g/configs/c.3 $g/functions/SourceSink.0; ln -s $g/functions/SourceSink.0 $g/configs/c.3/
for udc in /sys/class/udc/*; do echo ${udc##*/} >$g/UDC 2>/dev/null && break; done
i=0; while [ ! -c /dev/ttyGS0 ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done
(while :; do stty -F /dev/ttyGS0 raw -echo; cat /dev/ttyGS0 >/dev/ttyGS0; sleep .1; done) 2>/dev/null &
i=0; until lsusb | grep -q 0403:6001 && lsusb | grep -q 0525:a4a0 || [ $i -ge 80 ]; do sleep 0.1; i=$((i+1)); done
`

// TestOracleUSB runs kobench smoke --usb in a real kernel, through libusb, on QEMU's FTDI adapter and on gadgets: ours are the drivers then, and the
// kernel's have the devices back afterwards.
func TestOracleUSB(t *testing.T) {
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
	echo, stop, err := oracle.Echo(t.TempDir())
	require.NoError(t, err)
	defer stop()
	script := filepath.Join(t.TempDir(), "cmd.sh")
	require.NoError(t, os.WriteFile(script, []byte(gadgets+`modprobe ftdi_sio; modprobe cdc_acm; modprobe usbtest; sleep 1
for id in 0403:6001 0525:a4a7 0525:a4a0; do
  /root/kobench smoke --usb $id --echo --max-size 1024 --skip lines,break,flow,errors 2>/tmp/err; echo "$id rc $?"; cat /tmp/err | tail -3
done
sleep 1; ls -1 /dev/ttyUSB0 /dev/ttyACM0
`), 0o644))
	run := exec.CommandContext(t.Context(), "../../../fixtures/oracle/run", "-t", "150", "-o", layer, "-q", adapter+echo, "-f", script)
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	for _, want := range []string{"0403:6001 rc 0", "0525:a4a7 rc 0", "0525:a4a0 rc 0", "ttyUSB0: host 0403:6001", "ttyACM0: host 0525:a4a7", "usbtest  12 checks",
		"/dev/ttyUSB0\n", "/dev/ttyACM0\n"} {
		require.Contains(t, string(out), want)
	}
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
	require.NoError(t, os.WriteFile(script, []byte(gadgets+`modprobe usbip_host
cp /usr/sbin/usbipd /tmp/; /tmp/usbipd -4 & sleep 1
for d in /sys/bus/usb/devices/*-*; do
  case $d in *:*) continue;; esac
  id=${d##*/}
  usbip bind -b $id >/dev/null 2>&1 && echo "$(cat $d/idVendor):$(cat $d/idProduct) $id" >>/host/list
done
mv /host/list /host/up
i=0; while [ $i -lt 1200 ] && [ ! -f /host/stop ]; do sleep 0.1; i=$((i+1)); done
`), 0o644))
	run := exec.CommandContext(t.Context(), "../../../fixtures/oracle/run", "-t", "150", "-n", "-S", share, "-q", adapter+echo, "-f", script)
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
		if want == 0 {
			continue
		}
		found++
		t.Run(id, func(t *testing.T) {
			var out bytes.Buffer
			o := Options{USB: addr + "/" + bus, Echo: true, MaxSize: 1024, JSON: true,
				Skip: map[string]string{"lines": "the far end is an echo", "break": "the far end is an echo", "flow": "the far end is an echo", "errors": "the far end is an echo"}}
			require.NoError(t, Run(t.Context(), o, &out, &out), "%s", &out)
			var rep Report
			require.NoError(t, json.Unmarshal(out.Bytes(), &rep))
			require.GreaterOrEqual(t, rep.Ports[0].Count(hwtest.Pass), want)
			t.Logf("%s: %d passed", rep.Ports[0].Line, rep.Ports[0].Count(hwtest.Pass))
		})
	}
	require.Equal(t, 3, found, "%s", list)
}
