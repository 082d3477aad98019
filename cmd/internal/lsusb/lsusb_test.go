package lsusb

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kobench/kobench/fixtures/oracle"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/stretchr/testify/require"
)

// machine is /sys/bus/usb/devices by path below it, and what devices answer, by node and by setup
// packet without its length.
type machine struct {
	files   map[string]string
	answers map[string]map[hw.Setup][]byte
}

func (m *machine) ReadFile(path string) ([]byte, error) {
	text, ok := m.files[strings.TrimPrefix(path, devices)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func (m *machine) ReadDir(path string) ([]string, error) {
	seen := map[string]bool{}
	var names []string
	path = strings.TrimSuffix(path, "/")
	for name := range m.files {
		rest, ok := strings.CutPrefix(devices+name, path+"/")
		if first, _, _ := strings.Cut(rest, "/"); ok && !seen[first] {
			seen[first] = true
			names = append(names, first)
		}
	}
	if len(names) == 0 {
		return nil, fs.ErrNotExist
	}
	return names, nil
}

func (m *machine) ControlTransfer(node string, s hw.Setup) ([]byte, error) {
	n := int(s.Length)
	s.Length = 0
	b, ok := m.answers[node][s]
	if !ok {
		return nil, hw.EPIPE
	}
	return b[:min(n, len(b))], nil
}

// script shows each device of a real machine: its files, its answers, and what the real lsusb makes
// of it.
const script = `modprobe xhci_pci; modprobe usbhid; modprobe dummy_hcd num=2 is_super_speed=1; modprobe g_serial; modprobe libcomposite; modprobe usb_f_acm
modprobe ftdi_sio; modprobe cdc_acm
mount -t configfs none /sys/kernel/config 2>/dev/null
g=/sys/kernel/config/usb_gadget/g; mkdir $g; echo 0x1d6b >$g/idVendor; echo 0x0104 >$g/idProduct; echo high-speed >$g/max_speed
mkdir $g/configs/c.1 $g/functions/acm.0 $g/functions/acm.1 $g/strings/0x409 $g/configs/c.1/strings/0x409
echo Two ports >$g/strings/0x409/product; echo both >$g/configs/c.1/strings/0x409/configuration
for i in 0 1; do ln -s $g/functions/acm.$i $g/configs/c.1/; done
for udc in /sys/class/udc/*; do echo ${udc##*/} >$g/UDC 2>/dev/null && break; done
i=0; until [ $(lsusb | grep -c -v 1d6b:000) -ge 6 ] || [ $i -ge 80 ]; do sleep 0.1; i=$((i+1)); done; sleep 1
ask="80 0 0 0 2 80 6 600 0 a 80 6 f00 0 ff a0 6 2900 0 47"
for i in 1 2 3 4 5 6 7 8 9 a b; do ask="$ask a3 0 0 $i 4 80 6 30$i 409 ff"; done
for d in /sys/bus/usb/devices/*; do
  echo "@@ ${d##*/}"
  for a in busnum devnum idVendor idProduct manufacturer product serial configuration speed maxchild bInterfaceNumber bInterfaceClass interface; do
    [ -f $d/$a ] && echo "@ $a $(cat $d/$a)"
  done
  sed -n 's/^DRIVER=/@ uevent &/p' $d/uevent
  [ -f $d/descriptors ] || continue
  echo "@ descriptors $(od -An -v -tx1 $d/descriptors | tr -d ' \n')"
  case ${d##*/} in usb*) continue;; esac
  ./control $(printf /dev/bus/usb/%03d/%03d $(cat $d/busnum) $(cat $d/devnum)) $ask | sed 's/^/@ /'
  lsusb -v -s $(cat $d/busnum):$(cat $d/devnum)
done
echo "@@ tree"; lsusb -t
`

// hardware is what the script finds, beside the gadgets.
const hardware = "-device qemu-xhci,id=x -device usb-serial,bus=x.0,chardev=a,always-plugged=on -chardev null,id=a -device usb-kbd,bus=x.0 " +
	"-device usb-hub,bus=x.0,port=3 -device usb-mouse,bus=x.0,port=3.2"

const transcript = "testdata/lsusb.txt"

// compare renders each device of a transcript and wants what the real lsusb printed.
func compare(t *testing.T, text string) {
	m := &machine{files: map[string]string{}, answers: map[string]map[hw.Setup][]byte{}}
	said := map[string]string{} // what lsusb printed, by device
	for _, part := range strings.Split(text, "@@ ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		above, _, isInterface := strings.Cut(name, ":")
		for strings.HasPrefix(rest, "@ ") {
			var line string
			line, rest, _ = strings.Cut(rest, "\n")
			key, value, _ := strings.Cut(line[2:], " ")
			switch key {
			case "descriptors":
				b, err := hex.DecodeString(value)
				require.NoError(t, err)
				m.files[name+"/descriptors"] = string(b)
			case "control":
				m.answer(t, name, value)
			default:
				m.files[name+"/"+key] = value + "\n"
				if isInterface {
					m.files[above+"/"+name+"/"+key] = value + "\n"
				}
			}
		}
		if rest = strings.TrimSpace(rest); rest != "" {
			said[name] = rest
		}
	}
	require.Len(t, said, 7)
	for name, want := range said {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if name == "tree" { // usbutils 014 begins with the last bus and names the chip's driver
				require.NoError(t, Run(m, Options{Tree: true}, &out))
				want = regexp.MustCompile(`(root_hub, Driver=)\w+`).ReplaceAllString(want, "${1}kobench-hcd")
				buses := strings.SplitAfter("\n"+want, "\n/:")
				slices.Reverse(buses)
				require.Equal(t, lines("/:"+strings.Join(buses, "\n/:")), lines(out.String()))
				return
			}
			bus, dev := m.address(name)
			require.NoError(t, Run(m, Options{Verbose: true, Bus: bus, Dev: dev}, &out))
			// QEMU's hub answers one byte less than its masks have: usbutils prints what its buffer
			// held before.
			want = regexp.MustCompile(`(PortPwrCtrlMask    0xff) 0x..\n`).ReplaceAllString(want, "$1\n")
			require.Equal(t, lines(want), lines(out.String()))
		})
	}
}

// lines are the lines of a text that say something.
func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" || l == "/:" })
}

func (m *machine) address(name string) (bus, dev int) {
	bus, _ = strconv.Atoi(strings.TrimSpace(m.files[name+"/busnum"]))
	dev, _ = strconv.Atoi(strings.TrimSpace(m.files[name+"/devnum"]))
	return bus, dev
}

// answer notes a line of fixtures/oracle/usb/control.c.
func (m *machine) answer(t *testing.T, name, line string) {
	var s hw.Setup
	setup, data := line[:strings.LastIndexByte(line, ' ')], line[strings.LastIndexByte(line, ' ')+1:]
	_, err := fmt.Sscanf(setup, "%x %x %x %x", &s.RequestType, &s.Request, &s.Value, &s.Index)
	require.NoError(t, err, line)
	b, err := hex.DecodeString(data)
	require.NoError(t, err, line)
	bus, dev := m.address(name)
	node := fmt.Sprintf("/dev/bus/usb/%03d/%03d", bus, dev)
	if m.answers[node] == nil {
		m.answers[node] = map[hw.Setup][]byte{}
	}
	m.answers[node][s] = b
}

// Our dump of a device is the real lsusb's, byte for byte: QEMU's FTDI adapter, keyboard, mouse and
// hub, and CDC-ACM gadgets at high speed and at super speed. So is the tree.
func TestLikeLsusb(t *testing.T) {
	text, err := os.ReadFile(transcript)
	require.NoError(t, err)
	compare(t, string(text))
}

// TestOracleLsusb asks the real one again.
func TestOracleLsusb(t *testing.T) {
	oracle.Need(t)
	layer := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(layer, "root"), 0o755))
	text, err := exec.Command("gcc", "-O2", "-static", "-o", filepath.Join(layer, "root", "control"), "../../../fixtures/oracle/usb/control.c").CombinedOutput()
	require.NoError(t, err, "%s", text)
	file := filepath.Join(t.TempDir(), "cmd.sh")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o644))
	out, err := exec.CommandContext(t.Context(), "../../../fixtures/oracle/run", "-t", "90", "-o", layer, "-q", hardware, "-f", file).Output()
	require.NoError(t, err, "%s", out)
	said := strings.ReplaceAll(string(out), "\r", "")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(transcript, []byte(said), 0o644))
	}
	compare(t, said)
}

// What is listed, and what is asked for wrongly.
func TestSelect(t *testing.T) {
	m := &machine{files: map[string]string{}}
	for i, id := range []string{"0403:6001", "0525:a4a7"} {
		v, p, _ := strings.Cut(id, ":")
		dir := fmt.Sprintf("1-%d", i+1)
		for name, text := range map[string]string{"busnum": "1", "devnum": strconv.Itoa(i + 2), "idVendor": v, "idProduct": p, "manufacturer": "Maker", "product": "Thing " + dir} {
			m.files[dir+"/"+name] = text + "\n"
		}
	}
	list := func(o Options) (string, error) {
		var out bytes.Buffer
		err := Run(m, o, &out)
		return out.String(), err
	}
	const first, second = "Bus 001 Device 002: ID 0403:6001 Maker Thing 1-1\n", "Bus 001 Device 003: ID 0525:a4a7 Maker Thing 1-2\n"
	for _, c := range []struct {
		o    Options
		want string
	}{{Options{}, first + second}, {Options{ID: "0403:"}, first}, {Options{ID: ":a4a7"}, second}, {Options{ID: "525:A4A7"}, second}, {Options{Dev: 3}, second}, {Options{Bus: 1, Dev: 2}, first}} {
		got, err := list(c.o)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	_, err := list(Options{Bus: 2})
	require.ErrorIs(t, err, ErrNone)
	for _, bad := range []string{"0403", "xyz:", "12345:", ":-1"} {
		_, err := list(Options{ID: bad})
		require.ErrorContains(t, err, "want VENDOR:PRODUCT", bad)
	}
	for text, want := range map[string][2]int{"": {}, "3": {0, 3}, ":3": {0, 3}, "1:": {1, 0}, "1:3": {1, 3}} {
		bus, dev, err := ParseSelect(text)
		require.NoError(t, err, text)
		require.Equal(t, want, [2]int{bus, dev}, text)
	}
	for _, bad := range []string{"x", "1:x", "-1:2"} {
		_, _, err := ParseSelect(bad)
		require.ErrorContains(t, err, "want BUS:DEVICE", bad)
	}
}

// FuzzDump: whatever a device says, the dump ends.
func FuzzDump(f *testing.F) {
	f.Add([]byte{18, 1, 0, 2, 0, 0, 0, 8, 3, 4, 1, 0x60, 0, 4, 1, 2, 4, 1, 9, 2, 32, 0, 1, 1, 0, 0xa0, 50, 9, 4, 0, 0, 2, 255, 255, 255, 0, 7, 5, 0x81, 2, 64, 0, 0})
	f.Add([]byte{18, 1, 0, 2, 9, 0, 0, 8, 3, 4, 1, 0x60, 0, 4, 1, 2, 4, 1, 9, 2, 9, 0, 1, 1, 0, 0xa0, 50, 0, 0, 5, 36})
	f.Add([]byte{18, 1, 0, 3, 0, 0, 0, 9, 3, 4, 1, 0x60, 0, 4, 1, 2, 4, 0, 5, 15, 22, 0, 2, 7, 16, 2, 0x1e, 0, 0, 0, 10, 16, 3, 2, 15, 0, 9, 1, 244, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &machine{files: map[string]string{"1-1/busnum": "1\n", "1-1/devnum": "2\n", "1-1/descriptors": string(b)}, answers: map[string]map[hw.Setup][]byte{
			"/dev/bus/usb/001/002": {
				{RequestType: hw.DirIn, Request: hw.GetStatus}:                                                       b,
				{RequestType: hw.DirIn | hw.TypeClass, Request: hw.GetDescriptor, Value: hw.DescHub << 8}:            b[min(len(b), 18):],
				{RequestType: hw.DirIn | hw.TypeClass | hw.ToOther, Request: hw.GetStatus, Index: 1}:                 b,
				{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescQualifier << 8}:                     b,
				{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescBOS << 8}:                           b[min(len(b), 18):],
				{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescString<<8 | 1, Index: hw.USEnglish}: b,
			},
		}}
		if err := Run(m, Options{Verbose: true, Names: true}, &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	})
}

// What no device of the transcript says: flags of a status, of a port and of a configuration, and
// descriptors that lie.
func TestSays(t *testing.T) {
	device := func(usb uint16, class byte) string {
		return string([]byte{18, 1, byte(usb), byte(usb >> 8), class, 0, 1, 64, 3, 4, 1, 0x60, 0, 4, 0, 0, 0, 1})
	}
	status := hw.Setup{RequestType: hw.DirIn, Request: hw.GetStatus}
	bos := hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescBOS << 8}
	hub := hw.Setup{RequestType: hw.DirIn | hw.TypeClass, Request: hw.GetDescriptor, Value: hw.DescHub << 8}
	port := hw.Setup{RequestType: hw.DirIn | hw.TypeClass | hw.ToOther, Request: hw.GetStatus, Index: 1}
	for _, c := range []struct {
		name, descriptors string
		answers           map[hw.Setup][]byte
		want              string // the end of it
	}{
		{"no descriptors", "", nil, "Couldn't read the descriptors: "},
		{"half a descriptor", "\x12\x01\x00", nil, "Couldn't read the descriptors: "},
		{"silent", device(0x200, 0), nil, "bNumConfigurations      1\n"},
		{"status 2.0", device(0x200, 0), map[hw.Setup][]byte{status: {0x5f, 0}}, "0x005f\n  Self Powered\n  Remote Wakeup Enabled\n  Test Mode\n  Debug Mode\n"},
		{"status 3.0", device(0x300, 0), map[hw.Setup][]byte{status: {0x1c, 0}}, "0x001c\n  (Bus Powered)\n  U1 Enabled\n  U2 Enabled\n  Latency Tolerance Messaging (LTM) Enabled\n"},
		{"half a status", device(0x200, 0), map[hw.Setup][]byte{status: {1}}, "bNumConfigurations      1\n"},
		{"port", device(0x200, 9), map[hw.Setup][]byte{hub: {9, 41, 1, 0, 0, 50, 100, 0, 0xff}, port: {0x13, 0x05, 0x11, 0}},
			"Port 1: 0011.0513 C_RESET C_CONNECT highspeed power RESET enable connect\n"},
		{"hub without its ports", device(0x200, 9), map[hw.Setup][]byte{hub: {9, 41, 255, 0, 0, 50, 100, 0, 0xff}, port: {1}}, " Hub Port Status:\n"},
		{"configuration", device(0x200, 0) + "\x09\x02\x09\x00\x00\x01\x00\x70\x32", nil,
			"      (Missing must-be-set bit!)\n      Self Powered\n      Remote Wakeup\n      Battery Powered\n    MaxPower              100mA\n"},
		{"configuration of nothing", device(0x200, 0) + "\x09\x02\x00\x00\x00\x01\x00\x80\x32", nil, "    MaxPower              100mA\n"},
		{"configuration too long", device(0x200, 0) + "\x09\x02\xff\xff\x00\x01\x00\x80\x32\x09\x04\x00", nil, "junk at descriptor end: 09 04 00\n"},
		{"descriptor of nothing", device(0x200, 0) + "\x09\x02\x0c\x00\x00\x01\x00\x80\x32\x00\x04\x00", nil, "junk at descriptor end: 00 04 00\n"},
		{"interface too short", device(0x200, 0) + "\x09\x02\x0c\x00\x00\x01\x00\x80\x32\x03\x04\x00", nil, "** UNRECOGNIZED:  03 04 00\n"},
		{"power management", device(0x201, 0), map[hw.Setup][]byte{bos: {5, 15, 12, 0, 1, 7, 16, 2, 0x1e, 3, 0, 0}},
			"      BESL Link Power Management (LPM) Supported\n    BESL value      768 us \n    Deep BESL value        0 us \n"},
		{"capability of the future", device(0x300, 0), map[hw.Setup][]byte{bos: {5, 15, 9, 0, 1, 4, 16, 99, 7}}, "bNumDeviceCaps          1\n  ** UNRECOGNIZED:  04 10 63 07\n"},
		{"capability of nothing", device(0x300, 0), map[hw.Setup][]byte{bos: {5, 15, 0xff, 0xff, 9, 0, 16, 2}}, "bNumDeviceCaps          9\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &machine{files: map[string]string{"1-1/busnum": "1\n", "1-1/devnum": "2\n", "1-1/descriptors": c.descriptors},
				answers: map[string]map[hw.Setup][]byte{"/dev/bus/usb/001/002": c.answers}}
			var out bytes.Buffer
			require.NoError(t, Run(m, Options{Verbose: true}, &out))
			if strings.HasSuffix(c.want, "\n") {
				require.True(t, strings.HasSuffix(out.String(), c.want), "want %q at the end of\n%s", c.want, &out)
			} else {
				require.Contains(t, out.String(), c.want)
			}
		})
	}
	require.ErrorContains(t, Run(&bare{}, Options{}, &bytes.Buffer{}), "modprobe usbcore")
}

// bare is a machine without usbcore: it has a /sys, without USB in it.
type bare struct{ machine }

func (*bare) ReadDir(path string) ([]string, error) {
	if path == "/sys" {
		return nil, nil
	}
	return nil, fs.ErrNotExist
}
