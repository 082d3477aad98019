package usb

import (
	"fmt"
	"slices"
	"strings"

	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// nodeMajor is the major number of usbfs nodes (USB_DEVICE_MAJOR).
const nodeMajor = 189

// attrs makes read-only attributes of values that do not change.
func attrs(values map[string]string) map[string]*kernel.Attr {
	all := make(map[string]*kernel.Attr, len(values))
	for name, v := range values {
		all[name] = &kernel.Attr{Show: func(*kernel.Task) (string, error) { return v, nil }}
	}
	return all
}

// deviceAttrs are the attributes that every device has ([core] sysfs.c).
func deviceAttrs(busnum, devnum int, devpath string, speed hw.Speed, d *hw.Descriptors) map[string]string {
	dd := &d.Device
	v := map[string]string{
		"busnum":             fmt.Sprintf("%d\n", busnum),
		"devnum":             fmt.Sprintf("%d\n", devnum),
		"devpath":            devpath + "\n",
		"speed":              speed.Rate() + "\n",
		"version":            fmt.Sprintf("%2x.%02x\n", uint16(dd.USB)>>8, uint16(dd.USB)&0xff),
		"idVendor":           fmt.Sprintf("%04x\n", dd.Vendor),
		"idProduct":          fmt.Sprintf("%04x\n", dd.Product),
		"bcdDevice":          fmt.Sprintf("%04x\n", uint16(dd.Release)),
		"bDeviceClass":       fmt.Sprintf("%02x\n", dd.Class),
		"bDeviceSubClass":    fmt.Sprintf("%02x\n", dd.SubClass),
		"bDeviceProtocol":    fmt.Sprintf("%02x\n", dd.Protocol),
		"bMaxPacketSize0":    fmt.Sprintf("%d\n", dd.MaxPacket0),
		"bNumConfigurations": fmt.Sprintf("%d\n", dd.NumConfigs),
		"rx_lanes":           "1\n",
		"tx_lanes":           "1\n",
		"removable":          "unknown\n",
	}
	for name, index := range map[string]uint8{"manufacturer": dd.ManufacturerS, "product": dd.ProductS, "serial": dd.SerialS} {
		if s := d.String(index); s != "" {
			v[name] = clean(s) + "\n"
		}
	}
	raw := dd.Append(nil)
	for i := range d.Configs {
		raw = d.Configs[i].Append(raw)
	}
	v["descriptors"] = string(raw)
	return v
}

// configAttrs are those of the current configuration, empty without one.
func configAttrs(conf *hw.Configuration, super bool) map[string]string {
	if conf == nil {
		return map[string]string{"bConfigurationValue": "\n", "bNumInterfaces": "\n", "bmAttributes": "\n", "bMaxPower": "\n", "configuration": "\n"}
	}
	unit := 2
	if super {
		unit = 8
	}
	var numbers []uint8
	for i := range conf.Interfaces {
		if n := conf.Interfaces[i].Number; !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	return map[string]string{
		"bConfigurationValue": fmt.Sprintf("%d\n", conf.Value),
		"bNumInterfaces":      fmt.Sprintf("%2d\n", len(numbers)),
		"bmAttributes":        fmt.Sprintf("%2x\n", conf.Attributes|hw.BusPowered),
		"bMaxPower":           fmt.Sprintf("%dmA\n", int(conf.MaxPower)*unit),
	}
}

// newRoot makes the device of a bus's root hub, without which lsusb shows no bus.
func (c *Core) newRoot(r *root) {
	n := r.bus.Number()
	desc := rootDescriptors(n)
	v := deviceAttrs(n, 1, "0", hw.HighSpeed, desc)
	for name, text := range configAttrs(&desc.Configs[0], false) {
		v[name] = text
	}
	v["maxchild"] = fmt.Sprintf("%d\n", r.bus.Ports())
	hcd := c.device(kernel.DeviceInfo{Name: fmt.Sprintf("kobench-hcd.%d", n-1), Bus: "platform"})
	r.dev = c.device(kernel.DeviceInfo{
		Name: fmt.Sprintf("usb%d", n), Parent: hcd, Bus: "usb", Node: fmt.Sprintf("bus/usb/%03d/001", n), Mode: 0o664,
		Dev: nodeDev(n, 1), Env: deviceEnv(n, 1, &desc.Device), Attrs: attrs(v), Private: desc,
	})
	c.k.DeviceBind(r.dev, "usb")
	c.k.Log.Printf(kernel.LevelInfo, "hub %d-0:1.0: USB hub found", n)
	c.k.Log.Printf(kernel.LevelInfo, "hub %d-0:1.0: %d ports detected", n, r.bus.Ports())
}

// device makes a device of the bus. Its name holds numbers that nothing else has; should it be
// taken all the same, the log says so and the device stays out of the tree: nil.
func (c *Core) device(info kernel.DeviceInfo) *kernel.Device {
	d, _ := c.k.DeviceCreate(nil, info)
	return d
}

// rootDescriptors are a root hub's, as Linux's hcd.c gives them.
func rootDescriptors(n int) *hw.Descriptors {
	return &hw.Descriptors{
		Device: hw.DeviceDescriptor{
			USB: 0x0200, Class: hw.ClassHub, Protocol: 1, MaxPacket0: 64, Vendor: 0x1d6b, Product: 0x0002, Release: 0x0601,
			ManufacturerS: 3, ProductS: 2, SerialS: 1, NumConfigs: 1,
		},
		Configs: []hw.Configuration{{Value: 1, Attributes: hw.SelfPowered | hw.RemoteWakeup, Interfaces: []hw.Interface{{
			Class: hw.ClassHub, Endpoints: []hw.Endpoint{{Address: 0x81, Attributes: uint8(hw.Interrupt), MaxPacket: 4, Interval: 12}},
		}}}},
		Strings: []string{fmt.Sprintf("kobench-hcd.%d", n-1), "kobench USB Host Controller", "Linux " + kernel.Release + " kobench-hcd"},
	}
}

func (c *Core) endRoot(r *root) {
	r.stop()
	c.events.Settle()
	for _, d := range c.Devices() {
		if d.root == r {
			c.disconnect(d.slot)
		}
	}
	parent := r.dev.Parent
	c.k.DeviceDestroy(r.dev)
	c.k.DeviceDestroy(parent)
}

func deviceEnv(busnum, devnum int, d *hw.DeviceDescriptor) map[string]string {
	return map[string]string{
		"DEVTYPE": "usb_device", "PRODUCT": product(d), "TYPE": fmt.Sprintf("%d/%d/%d", d.Class, d.SubClass, d.Protocol),
		"BUSNUM": fmt.Sprintf("%03d", busnum), "DEVNUM": fmt.Sprintf("%03d", devnum),
	}
}

func product(d *hw.DeviceDescriptor) string {
	return fmt.Sprintf("%x/%x/%x", d.Vendor, d.Product, uint16(d.Release))
}

// nodeDev is a usbfs node's number ([core] usb_new_device: 128 devices a bus).
func nodeDev(busnum, devnum int) kernel.Dev {
	return kernel.MkDev(nodeMajor, uint32((busnum-1)*128+devnum-1))
}

// addDevice shows a new device and announces it.
func (c *Core) addDevice(d *Device) {
	bus, num, path := d.root.bus.Number(), d.slot.Address(), d.slot.Path()
	v := attrs(deviceAttrs(bus, num, path, d.Speed(), d.desc))
	if d.desc.Device.Class == hw.ClassHub {
		v["maxchild"] = &kernel.Attr{Show: func(*kernel.Task) (string, error) { return fmt.Sprintf("%d\n", hubPorts(d)), nil }}
	} else {
		v["maxchild"] = &kernel.Attr{Show: func(*kernel.Task) (string, error) { return "0\n", nil }}
	}
	for name := range configAttrs(nil, false) {
		v[name] = &kernel.Attr{Show: func(*kernel.Task) (string, error) {
			d.lock.Lock()
			defer d.lock.Unlock()
			if name == "configuration" {
				return d.desc.String(nameOf(d.config)) + "\n", nil
			}
			return configAttrs(d.config, d.Speed() >= hw.SuperSpeed)[name], nil
		}}
	}
	v["bConfigurationValue"].Store = func(_ *kernel.Task, text string) error { return d.storeConfig(text) }
	parent := d.root.dev
	if at := strings.LastIndexByte(path, '.'); at >= 0 {
		if hub := c.Find(fmt.Sprintf("%d-%s", bus, path[:at])); hub != nil {
			parent = hub.device
		}
	}
	d.device = c.device(kernel.DeviceInfo{
		Name: d.Name(), Parent: parent, Bus: "usb", Node: fmt.Sprintf("bus/usb/%03d/%03d", bus, num), Mode: 0o664,
		Dev: nodeDev(bus, num), Env: deviceEnv(bus, num, &d.desc.Device), Attrs: v, Private: d,
	})
	c.k.DeviceBind(d.device, "usb")
	c.mu.Lock()
	c.devices = append(c.devices, d)
	c.mu.Unlock()
}

func nameOf(conf *hw.Configuration) uint8 {
	if conf == nil {
		return 0
	}
	return conf.NameS
}

// storeConfig chooses a configuration by number, as writing to bConfigurationValue does; -1 is
// none.
func (d *Device) storeConfig(text string) error {
	var n int
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || n < -1 || n > 255 {
		return kernel.EINVAL
	}
	conf := d.desc.Config(uint8(max(n, 0)))
	if conf == nil && n > 0 {
		return kernel.EINVAL
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	switch {
	case d.gone.Load():
		return kernel.ENODEV
	case d.lent:
		return kernel.EBUSY
	}
	return d.configure(conf)
}

func (c *Core) removeDevice(d *Device) {
	c.mu.Lock()
	c.devices = slices.DeleteFunc(c.devices, func(o *Device) bool { return o == d })
	c.mu.Unlock()
	c.k.DeviceBind(d.device, "")
	c.k.DeviceDestroy(d.device)
}

// addInterface makes an interface's device and announces it. The device's lock is held: who wants
// to bind a driver waits until all are there.
//
// Checklocks takes show's functions for parts of this one.
// +checklocksignore
func (c *Core) addInterface(i *Interface, f *hw.Interface) {
	dd := &i.dev.desc.Device
	show := func(format string, value func(s *hw.Interface) any) *kernel.Attr {
		return &kernel.Attr{Show: func(*kernel.Task) (string, error) {
			i.dev.lock.Lock()
			defer i.dev.lock.Unlock()
			if i.dev.config == nil {
				return "", kernel.ENODEV
			}
			return fmt.Sprintf(format, value(i.Setting())), nil
		}}
	}
	alias := modalias(dd, f)
	all := map[string]*kernel.Attr{
		"bInterfaceNumber":   show("%02x\n", func(s *hw.Interface) any { return s.Number }),
		"bAlternateSetting":  show("%2d\n", func(s *hw.Interface) any { return s.Alternate }),
		"bNumEndpoints":      show("%02x\n", func(s *hw.Interface) any { return len(s.Endpoints) }),
		"bInterfaceClass":    show("%02x\n", func(s *hw.Interface) any { return s.Class }),
		"bInterfaceSubClass": show("%02x\n", func(s *hw.Interface) any { return s.SubClass }),
		"bInterfaceProtocol": show("%02x\n", func(s *hw.Interface) any { return s.Protocol }),
		"modalias":           show("%s\n", func(*hw.Interface) any { return alias }),
	}
	if text := i.dev.desc.String(f.NameS); text != "" {
		all["interface"] = show("%s\n", func(*hw.Interface) any { return clean(text) })
	}
	i.device = c.device(kernel.DeviceInfo{
		Name: fmt.Sprintf("%s:%d.%d", i.dev.Name(), i.dev.config.Value, f.Number), Parent: i.dev.device, Bus: "usb", Attrs: all, Private: i,
		Env: map[string]string{
			"DEVTYPE": "usb_interface", "PRODUCT": product(dd), "TYPE": fmt.Sprintf("%d/%d/%d", dd.Class, dd.SubClass, dd.Protocol),
			"INTERFACE": fmt.Sprintf("%d/%d/%d", f.Class, f.SubClass, f.Protocol), "MODALIAS": alias,
		},
	})
}
