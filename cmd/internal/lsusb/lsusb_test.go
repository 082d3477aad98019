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
	"strconv"
	"strings"
	"testing"

	"github.com/kobench/kobench/fixtures/oracle"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/stretchr/testify/require"
)

// machine is /sys/bus/usb/devices by path below it, and what devices answer.
type machine struct {
	files   map[string]string
	answers map[hw.Setup][]byte
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

func (m *machine) ControlTransfer(_ string, s hw.Setup) ([]byte, error) {
	b, ok := m.answers[s]
	if !ok {
		return nil, hw.EPIPE
	}
	return b, nil
}

// script shows each device of a real machine: its files, and what the real lsusb makes of it.
const script = `modprobe xhci_pci; modprobe usbhid; modprobe dummy_hcd; modprobe g_serial; modprobe ftdi_sio; modprobe cdc_acm
i=0; until [ $(lsusb | grep -c -v 1d6b:000) -ge 4 ] || [ $i -ge 80 ]; do sleep 0.1; i=$((i+1)); done; sleep 1
for d in /sys/bus/usb/devices/[0-9]*-[0-9]*; do
  case $d in *:*) continue;; esac
  echo "@@ ${d##*/}"
  for a in busnum devnum idVendor idProduct manufacturer product serial configuration; do echo "@ $a $(cat $d/$a 2>/dev/null)"; done
  echo "@ descriptors $(od -An -v -tx1 $d/descriptors | tr -d ' \n')"
  for i in $d/*:*; do [ -f $i/interface ] && echo "@ ${i##*/}/interface $(cat $i/interface)"; done
  lsusb -v -s $(cat $d/busnum):$(cat $d/devnum)
done
`

// hardware is what the script finds.
const hardware = "-device qemu-xhci,id=x -device usb-serial,bus=x.0,chardev=a,always-plugged=on -chardev null,id=a -device usb-kbd,bus=x.0 -device usb-hub,bus=x.0"

const transcript = "testdata/lsusb.txt"

// hubText is what only a hub's own answers tell.
var hubText = regexp.MustCompile(`(?s)Hub Descriptor:\n.*?(Device Status:|$)`)

// compare renders each device of a transcript and wants what the real lsusb printed.
func compare(t *testing.T, text string) {
	parts := strings.Split(text, "@@ ")[1:]
	require.GreaterOrEqual(t, len(parts), 4)
	for _, part := range parts {
		name, rest, _ := strings.Cut(part, "\n")
		t.Run(name, func(t *testing.T) {
			m := &machine{files: map[string]string{}, answers: map[hw.Setup][]byte{}}
			for strings.HasPrefix(rest, "@ ") {
				var line string
				line, rest, _ = strings.Cut(rest, "\n")
				key, value, _ := strings.Cut(line[2:], " ")
				if key == "descriptors" {
					b, err := hex.DecodeString(value)
					require.NoError(t, err)
					m.files[name+"/"+key] = string(b)
					continue
				}
				path := name + "/" + key
				if strings.Contains(key, ":") {
					path = key
				}
				m.files[path] = value + "\n"
			}
			if at := strings.Index(rest, "Device Status:     0x"); at >= 0 {
				v, err := strconv.ParseUint(rest[at+21:at+25], 16, 16)
				require.NoError(t, err)
				m.answers[hw.Setup{RequestType: hw.DirIn, Request: hw.GetStatus, Length: 2}] = []byte{byte(v), byte(v >> 8)}
			}
			if at := strings.Index(rest, "Device Qualifier"); at >= 0 {
				m.answers[hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescQualifier << 8, Length: 10}] = qualifier(t, rest[at:])
			}
			for _, s := range regexp.MustCompile(`iFunction +(\d+) (.+)\n`).FindAllStringSubmatch(rest, -1) { // no file of /sys has it
				n, err := strconv.Atoi(s[1])
				require.NoError(t, err)
				m.answers[hw.Setup{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescString<<8 | uint16(n), Index: hw.USEnglish, Length: 255}] = hw.AppendString(nil, s[2])
			}
			var out bytes.Buffer
			bus, _ := strconv.Atoi(strings.TrimSpace(m.files[name+"/busnum"]))
			dev, _ := strconv.Atoi(strings.TrimSpace(m.files[name+"/devnum"]))
			require.NoError(t, Run(m, Options{Verbose: true, Bus: bus, Dev: dev}, &out))
			require.Equal(t, strings.Split(hubText.ReplaceAllString(strings.TrimSpace(rest), "$1"), "\n"), strings.Split(strings.TrimSpace(out.String()), "\n"))
		})
	}
}

// qualifier is the descriptor that lsusb printed.
func qualifier(t *testing.T, text string) []byte {
	field := func(name string) byte {
		m := regexp.MustCompile(name + ` +(\d+)`).FindStringSubmatch(text)
		require.NotNil(t, m, name)
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		return byte(n)
	}
	return []byte{10, hw.DescQualifier, 0, field("bcdUSB"), field("bDeviceClass"), field("bDeviceSubClass"), field("bDeviceProtocol"), field("bMaxPacketSize0"), field("bNumConfigurations"), 0}
}

// Our dump of a device is the real lsusb's, byte for byte: QEMU's FTDI adapter, keyboard and hub, and a CDC-ACM gadget.
func TestLikeLsusb(t *testing.T) {
	text, err := os.ReadFile(transcript)
	require.NoError(t, err)
	compare(t, string(text))
}

// TestOracleLsusb asks the real one again.
func TestOracleLsusb(t *testing.T) {
	oracle.Need(t)
	file := filepath.Join(t.TempDir(), "cmd.sh")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o644))
	out, err := exec.CommandContext(t.Context(), "../../../fixtures/oracle/run", "-t", "90", "-q", hardware, "-f", file).Output()
	require.NoError(t, err, "%s", out)
	text := strings.ReplaceAll(string(out), "\r", "")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(transcript, []byte(text), 0o644))
	}
	compare(t, text)
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
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &machine{files: map[string]string{"1-1/busnum": "1\n", "1-1/devnum": "2\n", "1-1/descriptors": string(b)}, answers: map[hw.Setup][]byte{
			{RequestType: hw.DirIn, Request: hw.GetStatus, Length: 2}:                                             b[:min(len(b), 2)],
			{RequestType: hw.DirIn | hw.TypeClass, Request: hw.GetDescriptor, Value: hw.DescHub << 8, Length: 71}: b[:min(len(b), 71)],
			{RequestType: hw.DirIn | hw.TypeClass | hw.ToOther, Request: hw.GetStatus, Index: 1, Length: 4}:       b[:min(len(b), 4)],
			{RequestType: hw.DirIn, Request: hw.GetDescriptor, Value: hw.DescQualifier << 8, Length: 10}:          b[:min(len(b), 10)],
		}}
		if err := Run(m, Options{Verbose: true, Names: true}, &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	})
}
