package usb_test

import (
	"fmt"
	"testing"

	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	usbfault "github.com/kobench/kobench/hw/usb/fault"
	"github.com/kobench/kobench/hw/usb/function/cdcacm"
	"github.com/kobench/kobench/hw/usb/function/ftdi"
	"github.com/kobench/kobench/hw/usb/function/sourcesink"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// What a device shows in /sys and /dev, and what is announced, as on Linux.
func TestEnumeration(t *testing.T) {
	r := start(t)
	var seen []string
	stop := r.k.OnUevent(func(u kernel.Uevent) {
		seen = append(seen, fmt.Sprintf("%s %s %s %s", u.Action, u.Subsystem, u.Devpath, u.Var("MODALIAS")))
	})
	chip, _ := serial.NullModem(serial.Max)
	r.plug(cdcacm.New(chip, "C3"), hw.HighSpeed)
	stop()
	const at, dev = "/devices/kobench-hcd.0/usb1/1-1", "/sys/bus/usb/devices/1-1"
	const data, control = "usb:v0525pA4A7d0100dc02dsc00dp00ic0Aisc00ip00in01", "usb:v0525pA4A7d0100dc02dsc00dp00ic02isc02ip01in00"
	require.Equal(t, []string{
		"add usb " + at + " ", "bind usb " + at + " ", "add usb " + at + "/1-1:1.0 " + control, "add usb " + at + "/1-1:1.1 " + data,
	}, seen)
	for name, want := range map[string]string{
		"idVendor": "0525", "idProduct": "a4a7", "bcdDevice": "0100", "speed": "480", "version": " 2.00", "product": "CDC ACM port", "serial": "C3",
		"bNumInterfaces": " 2", "bConfigurationValue": "1", "bMaxPower": "100mA", "bmAttributes": "c0", "devnum": "2", "busnum": "1", "devpath": "1",
		"bDeviceClass": "02", "maxchild": "0", "1-1:1.0/modalias": control, "1-1:1.0/bInterfaceProtocol": "01", "1-1:1.1/bNumEndpoints": "02",
		"1-1:1.1/bAlternateSetting": " 0",
		"uevent": "MAJOR=189\nMINOR=1\nDEVNAME=bus/usb/001/002\nDEVMODE=0664\nDRIVER=usb\nBUSNUM=001\nDEVNUM=002\n" +
			"DEVTYPE=usb_device\nPRODUCT=525/a4a7/100\nTYPE=2/0/0",
	} {
		require.Equal(t, want, r.read(dev+"/"+name), name)
	}
	raw := r.read("/dev/bus/usb/001/002")
	require.Equal(t, raw, r.read(dev+"/descriptors"))
	d, err := hw.ParseDevice([]byte(raw))
	require.NoError(t, err)
	require.Equal(t, uint16(0x0525), d.Vendor)
	c, err := hw.ParseConfiguration([]byte(raw[18:]))
	require.NoError(t, err)
	require.Len(t, c.Interfaces, 2)
	require.Equal(t, "1d6b", r.read("/sys/bus/usb/devices/usb1/idVendor"))
}

// A device behind a hub, and what happens when the hub is pulled out.
func TestHub(t *testing.T) {
	r := start(t)
	r.plug(hw.NewHub(4), hw.HighSpeed)
	_, err := r.bus.Plug("1.3", hw.MustNew(sourcesink.Loopback(), hw.HighSpeed))
	require.NoError(t, err)
	r.core.Settle()
	require.Equal(t, "1.3", r.read("/sys/bus/usb/devices/1-1.3/devpath"))
	require.Equal(t, "4", r.read("/sys/bus/usb/devices/1-1/maxchild"))
	require.Contains(t, r.read("/sys/bus/usb/devices/1-1/1-1:1.0/uevent"), "DRIVER=hub")
	require.NoError(t, r.bus.Unplug("1"))
	r.core.Settle()
	require.Empty(t, r.core.Devices())
}

// rude is a Device whose control transfers are answered by a function of the test.
type rude struct {
	answer func(t *hw.Transfer) (int, error)
	gone   chan struct{}
}

func (d *rude) Speed() hw.Speed       { return hw.HighSpeed }
func (d *rude) Gone() <-chan struct{} { return d.gone }
func (d *rude) Reset() error          { return nil }
func (d *rude) Cancel(*hw.Transfer)   {}
func (d *rude) Submit(t *hw.Transfer) error {
	if err := t.Begin(); err != nil {
		return err
	}
	t.Complete(d.answer(t))
	return nil
}

// A device that cannot be understood is refused with a line in the log, and the port goes on.
func TestHostileDevices(t *testing.T) {
	good := (&hw.DeviceDescriptor{USB: 0x0200, MaxPacket0: 64, Vendor: 1, Product: 2, NumConfigs: 1}).Append(nil)
	for name, c := range map[string]struct {
		answer func(t *hw.Transfer) (int, error)
		log    string
	}{
		"no answer": {func(*hw.Transfer) (int, error) { return 0, hw.ETIMEDOUT }, "device descriptor read/all, error -110"},
		"stall":     {func(*hw.Transfer) (int, error) { return 0, hw.EPIPE }, "device descriptor read/all, error -32"},
		"one byte":  {func(t *hw.Transfer) (int, error) { return min(1, len(t.Data)), nil }, "descriptors are not usable"},
		"all zeros": {func(t *hw.Transfer) (int, error) { clear(t.Data); return len(t.Data), nil }, "descriptors are not usable"},
		"zero config": {func(t *hw.Transfer) (int, error) {
			clear(t.Data)
			if t.Setup.Value>>8 == hw.DescDevice {
				return copy(t.Data, good), nil
			}
			return len(t.Data), nil
		}, "descriptors are not usable"},
		"configuration refused": {func(t *hw.Transfer) (int, error) {
			conf := (&hw.Configuration{Value: 1, Interfaces: []hw.Interface{{Class: 0xff}}}).Append(nil)
			switch t.Setup.Value >> 8 {
			case hw.DescDevice:
				return copy(t.Data, good), nil
			case hw.DescConfig:
				return copy(t.Data, conf), nil
			}
			return 0, hw.EPIPE
		}, "can't set config #1, error -32"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			_, err := r.bus.Plug("1", &rude{answer: c.answer, gone: make(chan struct{})})
			require.NoError(t, err)
			r.core.Settle()
			require.Contains(t, r.k.Log.Text(), c.log)
			chip, _ := serial.NullModem(serial.Max)
			_, err = r.bus.Plug("2", hw.MustNew(ftdi.New(chip, ""), hw.FullSpeed))
			require.NoError(t, err)
			r.core.Settle()
			require.NotNil(t, r.core.Find("1-2"))
		})
	}
}

// A device whose answers get lost on the way, wherever in the enumeration, is tried again.
func TestLostAnswers(t *testing.T) {
	for _, rules := range []string{"crc@1 on control", "crc@2 on control", "crc@3 on control", "timeout@2/1ms on control", "timeout@4/1ms on control", "crc=0.3 on control"} {
		r := start(t)
		chip, _ := serial.NullModem(serial.Max)
		faults, err := usbfault.Parse(rules)
		require.NoError(t, err)
		d, err := usbfault.New(hw.MustNew(ftdi.New(chip, ""), hw.FullSpeed), 3, faults...)
		require.NoError(t, err)
		_, err = r.bus.Plug("1", d)
		require.NoError(t, err)
		r.core.Settle()
		require.NotNil(t, r.core.Find("1-1"), "%s: %s", rules, r.k.Log.Text())
		require.NotEmpty(t, d.Report())
	}
}

// A name that a device gives itself cannot write lines of the log.
func TestForgedStrings(t *testing.T) {
	r := start(t)
	chip, _ := serial.NullModem(serial.Max)
	r.plug(ftdi.New(chip, "A\n<0>[ 1.0] usb 1-9: forged"), hw.FullSpeed)
	require.Contains(t, r.k.Log.Text(), "SerialNumber: A?<0>[ 1.0] usb 1-9: forged")
}

// driver is a module whose Probe is the test's.
func driver(name string, probe func(i *usb.Interface) error, ids ...usb.ID) *kernel.Module {
	d := &usb.Driver{Name: name, IDs: ids, Probe: func(i *usb.Interface, _ *usb.ID) error { return probe(i) }}
	return &kernel.Module{
		Name: name, License: "GPL", Aliases: d.Aliases(), Needs: []string{usb.Symbol},
		Init: func(env *kernel.Env) error { return usb.Register(env, d) },
	}
}

// The first driver that takes an interface has it; one that declines leaves it to the next; a
// failed probe is told.
func TestBinding(t *testing.T) {
	id := usb.DeviceID(0x0403, 0x6001)
	took := 0
	r := start(t,
		driver("declines", func(*usb.Interface) error { return kernel.ENODEV }, id),
		driver("fails", func(*usb.Interface) error { return kernel.ENOMEM }, id),
		driver("takes", func(*usb.Interface) error { took++; return nil }, id),
		driver("late", func(*usb.Interface) error { took += 100; return nil }, id),
		driver("other", func(*usb.Interface) error { took += 1000; return nil }, usb.DeviceID(0x0403, 0x6002), usb.InterfaceID(0xff, 0xff, 0xfe)),
	)
	chip, _ := serial.NullModem(serial.Max)
	r.plug(ftdi.New(chip, ""), hw.FullSpeed)
	require.Equal(t, 1, took)
	require.Contains(t, r.read("/sys/bus/usb/devices/1-1:1.0/uevent"), "DRIVER=takes")
	require.Contains(t, r.k.Log.Text(), "fails: probe of 1-1:1.0 failed with error -12")
	require.NotContains(t, r.k.Log.Text(), "declines: probe")
	require.NoError(t, r.k.Init().DeleteModule("takes", kernel.O_NONBLOCK))
	require.NotContains(t, r.read("/sys/bus/usb/devices/1-1:1.0/uevent"), "DRIVER")
}

// The patterns for modules.alias are the ones that file2alias writes.
func TestAliases(t *testing.T) {
	d := usb.Driver{IDs: []usb.ID{usb.DeviceID(0x0403, 0x6001), usb.InterfaceID(2, 2, 1), {Match: usb.MatchDevice | usb.MatchNumber, Vendor: 0xabc, Product: 0xd, Number: 2}}}
	require.Equal(t, []string{
		"usb:v0403p6001d*dc*dsc*dp*ic*isc*ip*in*", "usb:v*p*d*dc*dsc*dp*ic02isc02ip01in*", "usb:v0ABCp000Dd*dc*dsc*dp*ic*isc*ip*in02*",
	}, d.Aliases())
}
