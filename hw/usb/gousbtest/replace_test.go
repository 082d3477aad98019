package gousbtest_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/scpi"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/hw/usb/function/hidkbd"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/hw/usb/gousbtest"
	"github.com/kobench/kobench/hw/usb/gousbtest/gousb"
)

// TestUnchangedProgram: testdata/idn imports github.com/google/gousb; the commands of the package
// comment test it, without cgo.
func TestUnchangedProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are a Unix shell's")
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	root := filepath.Join(here, "..", "..", "..")
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/idn")))
	for _, command := range [][]string{
		{"mv", "go.mod.txt", "go.mod"},
		{"cp", filepath.Join(root, "go.sum"), "."},
		{"go", "mod", "edit", "-replace", "github.com/kobench/kobench=" + root},

		{"mkdir", "fakegousb"},
		{"cp", filepath.Join(here, "gousb", "gousb.go"), "fakegousb"},
		{"sh", "-c", "echo module github.com/google/gousb >fakegousb/go.mod"},
		{"cp", "go.mod", "fake.mod"},
		{"cp", "go.sum", "fake.sum"},
		{"go", "mod", "edit", "-replace", "github.com/google/gousb=./fakegousb", "fake.mod"},
		{"go", "test", "-mod=mod", "-modfile=fake.mod", "."},
	} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOPROXY=off", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%q: %s", command, out)
	}
}

// TestDescriptors: what a program sees of each function is what the function says of itself.
func TestDescriptors(t *testing.T) {
	line, _ := serial.NullModem(serial.Max)
	for name, f := range map[string]usb.Function{
		"ftdi": ftdi.New(line, "F1"), "cdcacm": cdcacm.New(line, ""), "usbtmc": usbtmc.New(&scpi.Supply{}), "keyboard": hidkbd.New(),
		"source and sink": sourcesink.New(sourcesink.Zeros), "loop-back": sourcesink.Loopback(), "probe": &probe{},
	} {
		for speed, want := range map[usb.Speed]gousb.Speed{
			usb.LowSpeed: gousb.SpeedLow, usb.FullSpeed: gousb.SpeedFull, usb.HighSpeed: gousb.SpeedHigh, usb.SuperSpeed: gousb.SpeedSuper,
		} {
			d := f.Descriptors(speed)
			if d == nil {
				continue
			}
			t.Run(name+" "+speed.String(), func(t *testing.T) {
				bus := usb.NewBus(1, 1)
				_, err := bus.Plug("", usb.MustNew(f, speed))
				require.NoError(t, err)
				defer bus.Unplug("1")
				ctx := gousbtest.NewMachine(bus).NewContext()
				defer ctx.Close()
				devs, err := ctx.OpenDevices(func(*gousb.DeviceDesc) bool { return true })
				require.NoError(t, err)
				require.Len(t, devs, 1)
				defer devs[0].Close()
				got := devs[0].Desc
				require.Equal(t, want, got.Speed)
				equal(t, d, got)
				product, err := devs[0].Product()
				require.NoError(t, err)
				require.Len(t, []rune(d.String(d.Device.ProductS)), len(product))
			})
		}
	}
}

func equal(t *testing.T, want *usb.Descriptors, got *gousb.DeviceDesc) {
	v := want.Device
	require.EqualValues(t, []any{v.USB, v.Release, v.Vendor, v.Product, v.Class, v.SubClass, v.Protocol, v.MaxPacket0}, []any{
		usb.BCD(got.Spec), usb.BCD(got.Device), uint16(got.Vendor), uint16(got.Product), uint8(got.Class), uint8(got.SubClass), uint8(got.Protocol),
		uint8(got.MaxControlPacketSize),
	})
	require.Len(t, got.Configs, len(want.Configs))
	for _, c := range want.Configs {
		settings := 0
		for _, f := range got.Configs[int(c.Value)].Interfaces {
			settings += len(f.AltSettings)
			for _, s := range f.AltSettings {
				w := c.Interface(uint8(s.Number), uint8(s.Alternate))
				require.NotNil(t, w)
				require.Equal(t, []uint8{w.Class, w.SubClass, w.Protocol}, []uint8{uint8(s.Class), uint8(s.SubClass), uint8(s.Protocol)})
				require.Len(t, s.Endpoints, len(w.Endpoints))
				for _, e := range w.Endpoints {
					g, ok := s.Endpoints[gousb.EndpointAddress(e.Address)]
					require.True(t, ok, slices.Collect(maps.Keys(s.Endpoints)))
					require.EqualValues(t, e.Type(), g.TransferType)
					require.Equal(t, e.In(), bool(g.Direction))
					require.EqualValues(t, e.Address&0x0f, g.Number)
					if e.Type() != usb.Isochronous {
						require.EqualValues(t, e.MaxPacket, g.MaxPacketSize)
					}
				}
			}
		}
		require.Len(t, c.Interfaces, settings)
	}
}
