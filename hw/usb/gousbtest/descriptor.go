package gousbtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/usb"
)

// DeviceDesc is what is known of a device before it is opened.
type DeviceDesc struct {
	Bus     int
	Address int
	Speed   Speed
	Port    int   // of the hub it is plugged into
	Path    []int // ports from the root hub on

	Spec   BCD // bcdUSB
	Device BCD // bcdDevice

	Vendor  ID
	Product ID

	Class                Class
	SubClass             Class
	Protocol             Protocol
	MaxControlPacketSize int // bMaxPacketSize0; an exponent of two at super speed

	Configs map[int]ConfigDesc // by bConfigurationValue

	iManufacturer, iProduct, iSerialNumber int
}

func (d *DeviceDesc) String() string {
	return fmt.Sprintf("%d.%d: %s:%s (available configs: %v)", d.Bus, d.Address, d.Vendor, d.Product, d.configNumbers())
}

func (d *DeviceDesc) configNumbers() []int { return slices.Sorted(maps.Keys(d.Configs)) }

func (d *DeviceDesc) config(number int) (*ConfigDesc, error) {
	if c, ok := d.Configs[number]; ok {
		return &c, nil
	}
	return nil, fmt.Errorf("configuration id %d not found in the descriptor of the device. Available config ids: %v", number, d.configNumbers())
}

// ConfigDesc is a configuration.
type ConfigDesc struct {
	Number       int
	SelfPowered  bool
	RemoteWakeup bool
	MaxPower     Milliamperes
	Interfaces   []InterfaceDesc

	iConfiguration int
}

func (c ConfigDesc) String() string { return fmt.Sprintf("Configuration %d", c.Number) }

// setting finds an alternate setting of an interface.
func (c *ConfigDesc) setting(number, alt int) (*InterfaceSetting, error) {
	f := c.iface(number)
	if f == nil {
		numbers := make([]int, len(c.Interfaces))
		for i := range c.Interfaces {
			numbers[i] = c.Interfaces[i].Number
		}
		return nil, fmt.Errorf("interface %d not found, available interface numbers: %v", number, numbers)
	}
	alts := make([]int, len(f.AltSettings))
	for i := range f.AltSettings {
		if alts[i] = f.AltSettings[i].Alternate; alts[i] == alt {
			return &f.AltSettings[i], nil
		}
	}
	return nil, fmt.Errorf("alternate setting %d not found for %s, available alt settings: %v", alt, f, alts)
}

func (c *ConfigDesc) iface(number int) *InterfaceDesc {
	i := slices.IndexFunc(c.Interfaces, func(f InterfaceDesc) bool { return f.Number == number })
	if i < 0 {
		return nil
	}
	return &c.Interfaces[i]
}

// InterfaceDesc is an interface with all its settings.
type InterfaceDesc struct {
	Number      int
	AltSettings []InterfaceSetting
}

func (i InterfaceDesc) String() string {
	return fmt.Sprintf("Interface %d (%d alternate settings)", i.Number, len(i.AltSettings))
}

// InterfaceSetting is one setting of an interface.
type InterfaceSetting struct {
	Number    int
	Alternate int
	Class     Class
	SubClass  Class
	Protocol  Protocol
	Endpoints map[EndpointAddress]EndpointDesc

	iInterface int
}

func (a InterfaceSetting) String() string {
	return fmt.Sprintf("Interface %d alternate setting %d (available endpoints: %v)", a.Number, a.Alternate, a.endpointNames())
}

func (a *InterfaceSetting) endpointNames() []string {
	var names []string
	for _, e := range a.Endpoints {
		names = append(names, fmt.Sprintf("%s(%d,%s)", e.Address, e.Number, e.Direction))
	}
	slices.Sort(names)
	return names
}

// EndpointAddress is a number with bit 7 for IN.
type EndpointAddress uint8

func (a EndpointAddress) String() string { return fmt.Sprintf("0x%02x", uint8(a)) }

// EndpointDesc is an endpoint.
type EndpointDesc struct {
	Address   EndpointAddress
	Number    int // without the direction
	Direction EndpointDirection
	// in bytes: of an isochronous endpoint in a whole microframe, otherwise wMaxPacketSize as it is
	MaxPacketSize int
	TransferType  TransferType
	PollInterval  time.Duration
	IsoSyncType   IsoSyncType
	UsageType     UsageType
}

func (e EndpointDesc) String() string {
	s := fmt.Sprintf("ep #%d %s (address %s) %s ", e.Number, e.Direction, e.Address, e.TransferType)
	switch e.TransferType {
	case TransferTypeIsochronous:
		s += fmt.Sprintf("- %s %s ", e.IsoSyncType, e.UsageType)
	case TransferTypeInterrupt:
		s += fmt.Sprintf("- %s ", e.UsageType)
	}
	return s + fmt.Sprintf("[%d bytes]", e.MaxPacketSize)
}

// describe is a device as gousb shows it.
func describe(s *usb.Slot, d *usb.Descriptors) *DeviceDesc {
	v := &d.Device
	r := &DeviceDesc{
		Bus: s.Bus().Number(), Address: s.Address(), Speed: speedOf(s.Speed()),
		Spec: BCD(v.USB), Device: BCD(v.Release), Vendor: ID(v.Vendor), Product: ID(v.Product),
		Class: Class(v.Class), SubClass: Class(v.SubClass), Protocol: Protocol(v.Protocol), MaxControlPacketSize: int(v.MaxPacket0),
		Configs:       map[int]ConfigDesc{},
		iManufacturer: int(v.ManufacturerS), iProduct: int(v.ProductS), iSerialNumber: int(v.SerialS),
	}
	for part := range strings.SplitSeq(s.Path(), ".") {
		n, _ := strconv.Atoi(part)
		r.Port, r.Path = n, append(r.Path, n)
	}
	for i := range d.Configs {
		c := r.describeConfig(&d.Configs[i])
		r.Configs[c.Number] = c
	}
	return r
}

func speedOf(s usb.Speed) Speed {
	switch {
	case s >= usb.SuperSpeed:
		return Speed(s - usb.SuperSpeed + usb.Speed(SpeedSuper))
	case s == usb.WirelessSpeed:
		return SpeedUnknown
	}
	return Speed(s)
}

func (d *DeviceDesc) describeConfig(c *usb.Configuration) ConfigDesc {
	unit := Milliamperes(2)
	if d.Speed == SpeedSuper {
		unit = 8
	}
	r := ConfigDesc{
		Number: int(c.Value), SelfPowered: c.Attributes&usb.SelfPowered != 0, RemoteWakeup: c.Attributes&usb.RemoteWakeup != 0,
		MaxPower: unit * Milliamperes(c.MaxPower), Interfaces: []InterfaceDesc{}, iConfiguration: int(c.NameS),
	}
	for i := range c.Interfaces {
		f := &c.Interfaces[i]
		if _, err := r.setting(int(f.Number), int(f.Alternate)); err == nil {
			continue // gousb keeps the first of two with the same numbers
		}
		s := InterfaceSetting{
			Number: int(f.Number), Alternate: int(f.Alternate), Class: Class(f.Class), SubClass: Class(f.SubClass), Protocol: Protocol(f.Protocol),
			Endpoints: map[EndpointAddress]EndpointDesc{}, iInterface: int(f.NameS),
		}
		for k := range f.Endpoints {
			e := d.describeEndpoint(&f.Endpoints[k])
			s.Endpoints[e.Address] = e
		}
		at := r.iface(s.Number)
		if at == nil {
			r.Interfaces = append(r.Interfaces, InterfaceDesc{Number: s.Number})
			at = &r.Interfaces[len(r.Interfaces)-1]
		}
		at.AltSettings = append(at.AltSettings, s)
	}
	return r
}

func (d *DeviceDesc) describeEndpoint(e *usb.Endpoint) EndpointDesc {
	r := EndpointDesc{
		Address: EndpointAddress(e.Address), Number: int(e.Address & 0x0f), Direction: EndpointDirection(e.In()),
		TransferType: TransferType(e.Type()), MaxPacketSize: int(e.MaxPacket),
	}
	if e.Type() == usb.Isochronous {
		r.MaxPacketSize = e.PacketSize() * (int(e.MaxPacket>>11&3) + 1)
		r.IsoSyncType = IsoSyncType(e.Attributes & 0x0c)
		if e.Attributes&0x30 == 0 { // gousb 1.1.3 does not recognize the others
			r.UsageType = IsoUsageTypeData
		}
	}
	const microframe = 125 * time.Microsecond
	switch n := e.Interval; {
	case d.Spec < Version(2, 0) || d.Speed <= SpeedFull:
		r.PollInterval = time.Duration(n) * time.Millisecond
	case d.Speed == SpeedHigh && e.Type() == usb.Bulk:
		r.PollInterval = time.Duration(n) * microframe
	case d.Speed <= SpeedSuper:
		r.PollInterval = microframe << (n - 1) // of 0 it is 0
	}
	return r
}
