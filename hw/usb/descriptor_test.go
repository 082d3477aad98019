package usb_test

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel/uapi"
)

// Bytes that real devices sent: fixtures/oracle/transcripts/usbip-client-vs-real-usbipd.txt.
const (
	gserialDevice = "12010002020000402505a7a4010601020001"
	gserialConfig = "09024b00020204c000" + "080b000202020107" + "090400000102020105" + "0524001001" + "0524010001" + "04240202" + "0524060001" +
		"0705850" + "30a0009" + "09040100020a000006" + "07058102000200" + "07050202000200"
	ftdiConfig = "09022000010100a03209040000" + "02ffffff00070581024000000705020240" + "0000"
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestParseRealDevices(t *testing.T) {
	d, err := usb.ParseDevice(unhex(t, gserialDevice))
	require.NoError(t, err)
	require.EqualValues(t, 0x0525, d.Vendor)
	require.Equal(t, "2.00", d.USB.String())
	require.Equal(t, unhex(t, gserialDevice), d.Append(nil))

	for name, h := range map[string]string{"ftdi": ftdiConfig, "g_serial": gserialConfig} {
		t.Run(name, func(t *testing.T) {
			b := unhex(t, h)
			c, err := usb.ParseConfiguration(b)
			require.NoError(t, err)
			require.NoError(t, c.Validate(map[string]usb.Speed{"ftdi": usb.FullSpeed, "g_serial": usb.HighSpeed}[name]))
			require.Equal(t, b, c.Append(nil))
			if name == "ftdi" {
				return
			}
			require.Equal(t, []usb.Association{{0, 2, 2, 2, 1, 7}}, c.Associations)
			cdc, err := usb.ParseCDC(c.Interfaces[0].Extra)
			require.NoError(t, err)
			require.Equal(t, usb.BCD(0x0110), cdc.Version)
			require.EqualValues(t, 2, cdc.ACM)
			require.Equal(t, []uint8{1}, cdc.Data)
		})
	}
}

func TestParseHostile(t *testing.T) {
	for name, c := range map[string]struct{ hex, want string }{
		"zero length":               {"09021200010100800000" + "0000" + "000000000000", "descriptor of length 0"},
		"beyond the end":            {"0902120001010080000904000000ffffff", "wTotalLength is 18 but 17 bytes came"},
		"total that lies":           {"09020500000100800009", "wTotalLength is 5"},
		"endpoint before interface": {"09021000000100800007058102400000", "an endpoint before any interface"},
		"short endpoint":            {"090217000101008000" + "0904000001ffffff00" + "0505810240", "type 5 with 5 bytes"},
		"missing endpoints":         {"090212000101008000" + "0904000003ffffff00", "says 3 endpoints and has 0"},
		"interface count":           {"090209000401008000", "bNumInterfaces is 4 but there are 0"},
		"device inside":             {"09020b000001008000" + "0201", "type 1 inside a configuration"},
		"not one":                   {"0901", "it has 9 bytes and type 2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := usb.ParseConfiguration(unhex(t, c.hex))
			require.ErrorIs(t, err, usb.EINVAL)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestValidate(t *testing.T) {
	good := func() *usb.Descriptors { return (&echo{}).Descriptors(usb.HighSpeed) }
	ep := func(d *usb.Descriptors) *usb.Endpoint { return &d.Configs[0].Interfaces[0].Endpoints[0] }
	require.NoError(t, good().Validate(usb.HighSpeed))
	for name, c := range map[string]struct {
		speed usb.Speed
		spoil func(*usb.Descriptors)
		want  string
	}{
		"no configuration": {usb.HighSpeed, func(d *usb.Descriptors) { d.Configs = nil }, "at least one is needed"},
		"packet 0":         {usb.HighSpeed, func(d *usb.Descriptors) { d.Device.MaxPacket0 = 8 }, "bMaxPacketSize0"},
		"value 0":          {usb.HighSpeed, func(d *usb.Descriptors) { d.Configs[0].Value = 0 }, "bConfigurationValue 0"},
		"string":           {usb.HighSpeed, func(d *usb.Descriptors) { d.Device.SerialS = 9 }, "string 9"},
		"gap": {usb.HighSpeed, func(d *usb.Descriptors) {
			d.Configs[0].Interfaces = d.Configs[0].Interfaces[:1]
			d.Configs[0].Interfaces[0].Number = 2
		}, "without gaps"},
		"endpoint 0":  {usb.HighSpeed, func(d *usb.Descriptors) { ep(d).Address = 0x80 }, "1 to 15"},
		"twice":       {usb.HighSpeed, func(d *usb.Descriptors) { ep(d).Address = 0x02 }, "used twice"},
		"bulk size":   {usb.HighSpeed, func(d *usb.Descriptors) { ep(d).MaxPacket = 64 }, "exactly 512"},
		"bulk at low": {usb.LowSpeed, func(d *usb.Descriptors) { d.Device.MaxPacket0 = 8 }, "no bulk endpoints"},
		"interval":    {usb.HighSpeed, func(d *usb.Descriptors) { ep(d).Attributes = 3 }, "bInterval is 0"},
		"super":       {usb.SuperSpeed, func(d *usb.Descriptors) { d.Device.MaxPacket0 = 9 }, "BOS"},
		"several":     {usb.HighSpeed, func(d *usb.Descriptors) { ep(d).MaxPacket = 512 | 2<<11 }, "only a periodic endpoint"},
		"reserved": {usb.HighSpeed, func(d *usb.Descriptors) {
			*ep(d) = usb.Endpoint{Address: 0x81, Attributes: 3, MaxPacket: 64 | 3<<11, Interval: 4}
		}, "which is reserved"},
		"no capability": {usb.HighSpeed, func(d *usb.Descriptors) { d.BOS = &usb.BOS{} }, "without a capability"},
		"no length":     {usb.HighSpeed, func(d *usb.Descriptors) { d.Configs[0].Interfaces[0].Extra = []byte{0, 0x24} }, "no right length"},
		"interface inside": {usb.HighSpeed, func(d *usb.Descriptors) {
			d.Configs[0].Interfaces[0].Extra = []byte{9, 4, 1, 0, 0, 0, 0, 0, 0}
		}, "type 4 is among the class descriptors"},
		"association": {usb.HighSpeed, func(d *usb.Descriptors) {
			d.Configs[0].Associations = []usb.Association{{First: 0, Count: 3}}
		}, "association"},
	} {
		t.Run(name, func(t *testing.T) {
			d := good()
			c.spoil(d)
			err := d.Validate(c.speed)
			require.ErrorIs(t, err, usb.EINVAL)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestStandardRequests(t *testing.T) {
	for _, s := range []usb.Speed{usb.FullSpeed, usb.HighSpeed, usb.SuperSpeed} {
		t.Run(s.String(), func(t *testing.T) {
			d := usb.MustNew(&echo{}, s)
			defer d.Unplug()
			r, err := usb.ReadDescriptors(bg, d)
			require.NoError(t, err)
			want := (&echo{}).Descriptors(s)
			want.Device.NumConfigs = 1
			want.Configs[0].Attributes |= usb.BusPowered
			require.Equal(t, want, r)
			require.Equal(t, "Echo ✓", r.String(r.Device.ProductS))

			_, err = usb.Descriptor(bg, d, usb.DescQualifier, 0, 0, 10)
			if s == usb.SuperSpeed {
				require.ErrorIs(t, err, usb.EPIPE)
			} else {
				require.NoError(t, err)
			}
			get := func(to, request uint8, index uint16, n int) []byte {
				b := make([]byte, n)
				_, err := usb.Request(bg, d, usb.DirIn|to, request, 0, index, b)
				require.NoError(t, err)
				return b
			}
			require.Equal(t, []byte{0}, get(usb.ToDevice, usb.GetConfiguration, 0, 1))
			_, err = usb.Request(bg, d, usb.ToDevice, usb.SetConfiguration, 7, 0, nil)
			require.ErrorIs(t, err, usb.EPIPE)
			set(t, d, usb.ToDevice, usb.SetConfiguration, 1, 0)
			require.Equal(t, []byte{1}, get(usb.ToDevice, usb.GetConfiguration, 0, 1))
			set(t, d, usb.ToInterface, usb.SetInterface, 1, 0)
			require.Equal(t, []byte{1}, get(usb.ToInterface, usb.GetInterface, 0, 1))
			_, err = usb.Request(bg, d, usb.ToInterface, usb.SetInterface, 2, 0, nil)
			require.ErrorIs(t, err, usb.EPIPE)
			set(t, d, usb.ToDevice, usb.SetFeature, usb.DeviceRemoteWake, 0)
			require.Equal(t, []byte{2, 0}, get(usb.ToDevice, usb.GetStatus, 0, 2))
		})
	}
}

func TestErrors(t *testing.T) {
	require.Equal(t, "Broken pipe", usb.EPIPE.Error())
	require.Equal(t, "EREMOTEIO", usb.EREMOTEIO.Name())
	require.Equal(t, 121, usb.EREMOTEIO.Errno())
	require.Equal(t, usb.EPIPE, usb.ErrnoOf(&usb.Error{Errno: usb.EPIPE}))
	require.Equal(t, uapi.EINTR, usb.ErrnoOf(context.Canceled))
	require.Equal(t, usb.EIO, usb.ErrnoOf(errors.New("none of ours")))
	require.Zero(t, usb.ErrnoOf(nil))
}

func FuzzConfiguration(f *testing.F) {
	f.Add(unhex(f, ftdiConfig))
	f.Add(unhex(f, gserialConfig))
	f.Add((&echo{}).Descriptors(usb.SuperSpeed).Configs[0].Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := usb.ParseConfiguration(b)
		if c == nil {
			require.Error(t, err)
			return
		}
		_ = c.Validate(usb.HighSpeed)
		for i := range c.Interfaces {
			usb.ParseCDC(c.Interfaces[i].Extra)
			usb.ParseHID(c.Interfaces[i].Extra)
		}
		// what is understood is a fixed point: written and read it stays the same
		if err == nil && len(c.Append(nil)) <= 0xffff {
			once := c.Append(nil)
			c2, _ := usb.ParseConfiguration(once)
			require.Equal(t, once, c2.Append(nil))
		}
		usb.ParseDevice(b)
		usb.ParseString(b)
		usb.ParseBOS(b)
	})
}
