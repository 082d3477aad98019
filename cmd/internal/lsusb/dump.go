package lsusb

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	hw "github.com/kobench/kobench/hw/usb"
)

// dump writes all that a device says about itself ([lsusb] dumpdev).
func (d *device) dump(w io.Writer) {
	raw := []byte(d.raw())
	dd, err := hw.ParseDevice(raw)
	if err != nil {
		fmt.Fprintf(w, "Couldn't read the descriptors: %v\n", err)
		return
	}
	fmt.Fprintf(w, "Device Descriptor:\n  bLength             %5d\n  bDescriptorType     %5d\n  bcdUSB              %s\n", raw[0], raw[1], bcd(dd.USB))
	fmt.Fprintf(w, "  bDeviceClass        %5d %s\n  bDeviceSubClass     %5d \n  bDeviceProtocol     %5d \n  bMaxPacketSize0     %5d\n",
		dd.Class, d.class(dd.Class), dd.SubClass, dd.Protocol, dd.MaxPacket0)
	fmt.Fprintf(w, "  idVendor           0x%04x \n  idProduct          0x%04x \n  bcdDevice           %s\n", dd.Vendor, dd.Product, bcd(dd.Release))
	fmt.Fprintf(w, "  iManufacturer       %5d %s\n  iProduct            %5d %s\n  iSerial             %5d %s\n  bNumConfigurations  %5d\n",
		dd.ManufacturerS, d.attr("manufacturer"), dd.ProductS, d.attr("product"), dd.SerialS, d.attr("serial"), dd.NumConfigs)
	rest := raw[min(max(int(raw[0]), 18), len(raw)):]
	for len(rest) >= 9 && rest[1] == hw.DescConfig {
		n := min(max(int(binary.LittleEndian.Uint16(rest[2:])), 9), len(rest))
		d.config(w, rest[:n], dd.USB >= 0x0300)
		rest = rest[n:]
	}
	if dd.Class == hw.ClassHub {
		d.hub(w, dd.Protocol)
	}
	root := strings.HasPrefix(d.dir, "usb") // a root hub has no device behind its node
	if dd.USB >= 0x0201 {
		d.bos(w)
	}
	if dd.USB == 0x0200 && !root {
		d.qualifier(w)
	}
	status, err := d.control(hw.DirIn, hw.GetStatus, 0, 0, 2)
	if err != nil || len(status) < 2 {
		if !root {
			return
		}
		status = []byte{1, 0}
	}
	fmt.Fprintf(w, "Device Status:     0x%02x%02x\n", status[1], status[0])
	power, third, more := "(Bus Powered)", "Test Mode", 0
	if status[0]&1 != 0 {
		power = "Self Powered"
	}
	if dd.USB >= 0x0300 {
		third, more = "U1 Enabled", 0xff
	}
	fmt.Fprintf(w, "  %s\n", power)
	for i, name := range []string{1: "Remote Wakeup Enabled", 2: third, 3: "U2 Enabled", 4: "Latency Tolerance Messaging (LTM) Enabled", 6: "Debug Mode"} {
		if status[0]&(1<<i)&uint8(more|0x46) != 0 && name != "" {
			fmt.Fprintf(w, "  %s\n", name)
		}
	}
}

func (d *device) raw() string {
	b, err := d.sys.ReadFile(devices + d.dir + "/descriptors")
	if err != nil {
		return ""
	}
	return string(b)
}

func (d *device) control(requestType, request uint8, value, index uint16, n uint16) ([]byte, error) {
	node := fmt.Sprintf("/dev/bus/usb/%03d/%03d", d.bus, d.dev)
	return d.sys.ControlTransfer(node, hw.Setup{RequestType: requestType, Request: request, Value: value, Index: index, Length: n})
}

// text asks the device for a string, "" if it does not answer.
func (d *device) text(index byte) string {
	if index == 0 {
		return ""
	}
	b, err := d.control(hw.DirIn, hw.GetDescriptor, hw.DescString<<8|uint16(index), hw.USEnglish, 255)
	if err != nil {
		return ""
	}
	s, _ := hw.ParseString(b)
	return s
}

func bcd(v hw.BCD) string { return fmt.Sprintf("%2x.%02x", uint16(v)>>8, uint16(v)&0xff) }

func (d *device) class(c uint8) string {
	if !d.names {
		return ""
	}
	return className(c)
}

// config writes a configuration with all that belongs to it.
func (d *device) config(w io.Writer, b []byte, super bool) {
	le := binary.LittleEndian
	unit := 2
	if super {
		unit = 8
	}
	name := ""
	if b[6] != 0 {
		name = d.attr("configuration")
	}
	fmt.Fprintf(w, "  Configuration Descriptor:\n    bLength             %5d\n    bDescriptorType     %5d\n    wTotalLength       0x%04x\n    bNumInterfaces      %5d\n", b[0], b[1], le.Uint16(b[2:]), b[4])
	fmt.Fprintf(w, "    bConfigurationValue %5d\n    iConfiguration      %5d %s\n    bmAttributes         0x%02x\n", b[5], b[6], name, b[7])
	if b[7]&0x80 == 0 {
		fmt.Fprintln(w, "      (Missing must-be-set bit!)")
	}
	if b[7]&hw.SelfPowered != 0 {
		fmt.Fprintln(w, "      Self Powered")
	} else {
		fmt.Fprintln(w, "      (Bus Powered)")
	}
	if b[7]&hw.RemoteWakeup != 0 {
		fmt.Fprintln(w, "      Remote Wakeup")
	}
	if b[7]&0x10 != 0 {
		fmt.Fprintln(w, "      Battery Powered")
	}
	fmt.Fprintf(w, "    MaxPower            %5dmA\n", int(b[8])*unit)
	var iface []byte // the interface that class descriptors belong to
	for rest := b[min(max(int(b[0]), 9), len(b)):]; len(rest) >= 2; {
		n := int(rest[0])
		if n < 2 || n > len(rest) {
			fmt.Fprintf(w, "    junk at descriptor end: % x\n", rest[:min(len(rest), 16)])
			return
		}
		one := rest[:n]
		rest = rest[n:]
		switch {
		case one[1] == hw.DescInterface && n >= 9:
			iface = one
			d.iface(w, one, b[5])
		case one[1] == hw.DescEndpoint && n >= 7:
			endpoint(w, one)
		case one[1] == hw.DescAssociation && n >= 8:
			fmt.Fprintf(w, "    Interface Association:\n      bLength             %5d\n      bDescriptorType     %5d\n      bFirstInterface     %5d\n      bInterfaceCount     %5d\n", one[0], one[1], one[2], one[3])
			fmt.Fprintf(w, "      bFunctionClass      %5d %s\n      bFunctionSubClass   %5d \n      bFunctionProtocol   %5d \n      iFunction           %5d %s\n", one[4], d.class(one[4]), one[5], one[6], one[7], d.text(one[7]))
		case one[1] == hw.DescSSCompanion && n >= 6:
			fmt.Fprintf(w, "        bMaxBurst           %5d\n", one[2])
		case one[1] == hw.DescCSInterface && iface != nil && iface[5] == hw.ClassComm && n >= 3:
			comm(w, one)
		case one[1] == hw.DescHID && iface != nil && iface[5] == hw.ClassHID && n >= 9:
			d.hid(w, one)
		default:
			fmt.Fprintf(w, "        ** UNRECOGNIZED: %s\n", strings.TrimRight(fmt.Sprintf(" % x", one), " "))
		}
	}
}

func (d *device) iface(w io.Writer, b []byte, config byte) {
	name := ""
	if b[8] != 0 {
		i := &device{sys: d.sys, dir: fmt.Sprintf("%s:%d.%d", d.dir, config, b[2])}
		name = i.attr("interface")
	}
	fmt.Fprintf(w, "    Interface Descriptor:\n      bLength             %5d\n      bDescriptorType     %5d\n      bInterfaceNumber    %5d\n      bAlternateSetting   %5d\n      bNumEndpoints       %5d\n", b[0], b[1], b[2], b[3], b[4])
	fmt.Fprintf(w, "      bInterfaceClass     %5d %s\n      bInterfaceSubClass  %5d \n      bInterfaceProtocol  %5d \n      iInterface          %5d %s\n", b[5], d.class(b[5]), b[6], b[7], b[8], name)
}

func endpoint(w io.Writer, b []byte) {
	size := binary.LittleEndian.Uint16(b[4:])
	direction := "OUT"
	if b[2]&hw.DirIn != 0 {
		direction = "IN"
	}
	fmt.Fprintf(w, "      Endpoint Descriptor:\n        bLength             %5d\n        bDescriptorType     %5d\n        bEndpointAddress     0x%02x  EP %d %s\n        bmAttributes        %5d\n", b[0], b[1], b[2], b[2]&0xf, direction, b[3])
	fmt.Fprintf(w, "          Transfer Type            %s\n          Synch Type               %s\n          Usage Type               %s\n",
		[...]string{"Control", "Isochronous", "Bulk", "Interrupt"}[b[3]&3], [...]string{"None", "Asynchronous", "Adaptive", "Synchronous"}[b[3]>>2&3],
		[...]string{"Data", "Feedback", "Implicit feedback Data", "(reserved)"}[b[3]>>4&3])
	fmt.Fprintf(w, "        wMaxPacketSize     0x%04x  %s %d bytes\n        bInterval           %5d\n", size, [...]string{"1x", "2x", "3x", "(??)"}[size>>11&3], size&0x7ff, b[6])
	if len(b) >= 9 {
		fmt.Fprintf(w, "        bRefresh            %5d\n        bSynchAddress       %5d\n", b[7], b[8])
	}
}

// comm writes a CDC functional descriptor ([lsusb] dump_comm_descriptor).
func comm(w io.Writer, b []byte) {
	bits := func(v byte, rows ...any) {
		for i := 0; i < len(rows); i += 2 {
			if v&byte(rows[i].(int)) != 0 {
				fmt.Fprintf(w, "          %s\n", rows[i+1])
			}
		}
	}
	switch {
	case b[2] == 0x00 && len(b) == 5:
		fmt.Fprintf(w, "      CDC Header:\n        bcdCDC               %x.%02x\n", b[4], b[3])
	case b[2] == 0x01 && len(b) == 5:
		fmt.Fprintf(w, "      CDC Call Management:\n        bmCapabilities       0x%02x\n", b[3])
		bits(b[3], 1, "call management", 2, "use DataInterface")
		fmt.Fprintf(w, "        bDataInterface          %d\n", b[4])
	case b[2] == 0x02 && len(b) == 4:
		fmt.Fprintf(w, "      CDC ACM:\n        bmCapabilities       0x%02x\n", b[3])
		bits(b[3], 8, "connection notifications", 4, "sends break", 2, "line coding and serial state", 1, "get/set/clear comm features")
	case b[2] == 0x06 && len(b) >= 5:
		fmt.Fprintf(w, "      CDC Union:\n        bMasterInterface        %d\n        bSlaveInterface         ", b[3])
		for _, n := range b[4:] {
			fmt.Fprintf(w, "%d ", n)
		}
		fmt.Fprintln(w)
	default:
		fmt.Fprintf(w, "      UNRECOGNIZED CDC: % x\n", b)
	}
}

func (d *device) hid(w io.Writer, b []byte) {
	country := ""
	if b[4] == 0 {
		country = "Not supported"
	}
	fmt.Fprintf(w, "        HID Device Descriptor:\n          bLength             %5d\n          bDescriptorType     %5d\n          bcdHID              %s\n          bCountryCode        %5d %s\n          bNumDescriptors     %5d\n",
		b[0], b[1], bcd(hw.BCD(binary.LittleEndian.Uint16(b[2:]))), b[4], country, b[5])
	kind := ""
	if b[6] == hw.DescReport {
		kind = "Report"
	}
	fmt.Fprintf(w, "          bDescriptorType     %5d %s\n          wDescriptorLength   %5d\n", b[6], kind, binary.LittleEndian.Uint16(b[7:]))
	fmt.Fprintf(w, "         Report Descriptors: \n           ** UNAVAILABLE **\n")
}

// hub writes the hub's descriptor and ports ([lsusb] do_hub).
func (d *device) hub(w io.Writer, protocol uint8) {
	b, err := d.control(hw.DirIn|hw.TypeClass, hw.GetDescriptor, hw.DescHub<<8, 0, 71)
	if err != nil || len(b) < 9 || b[1] != hw.DescHub {
		return
	}
	v := binary.LittleEndian.Uint16(b[3:])
	fmt.Fprintf(w, "Hub Descriptor:\n  bLength             %3d\n  bDescriptorType     %3d\n  nNbrPorts           %3d\n  wHubCharacteristic 0x%04x\n", b[0], b[1], b[2], v)
	fmt.Fprintf(w, "    %s\n", [...]string{"Ganged power switching", "Per-port power switching", "No power switching (usb 1.0)", "No power switching (usb 1.0)"}[v&3])
	if v&4 != 0 {
		fmt.Fprintln(w, "    Compound device")
	}
	fmt.Fprintf(w, "    %s\n", [...]string{"Ganged overcurrent protection", "Per-port overcurrent protection", "No overcurrent protection", "No overcurrent protection"}[v>>3&3])
	if protocol >= 1 && protocol <= 2 {
		fmt.Fprintf(w, "    TT think time %d FS bits\n", ((v>>5&3)+1)*8)
	}
	if v&0x80 != 0 {
		fmt.Fprintln(w, "    Port indicators")
	}
	fmt.Fprintf(w, "  bPwrOn2PwrGood      %3d * 2 milli seconds\n  bHubContrCurrent    %3d milli Ampere\n", b[5], b[6])
	m := int(b[2])/8 + 1
	for i, name := range []string{"  DeviceRemovable   ", "  PortPwrCtrlMask   "} {
		fmt.Fprint(w, name)
		// QEMU's hub answers one byte less
		for _, c := range b[min(7+i*m, len(b)):min(7+(i+1)*m, len(b))] {
			fmt.Fprintf(w, " 0x%02x", c)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, " Hub Port Status:")
	for port := range uint16(b[2]) {
		s, err := d.control(hw.DirIn|hw.TypeClass|hw.ToOther, hw.GetStatus, 0, port+1, 4)
		if err != nil || len(s) < 4 {
			return
		}
		fmt.Fprintf(w, "   Port %d: %02x%02x.%02x%02x", port+1, s[3], s[2], s[1], s[0])
		for i, name := range []string{"C_RESET", "C_OC", "C_SUSPEND", "C_ENABLE", "C_CONNECT"} {
			if s[2]&(0x10>>i) != 0 {
				fmt.Fprintf(w, " %s", name)
			}
		}
		for i, name := range []string{"indicator", "test", "highspeed", "lowspeed", "power", "", "", "L1", "RESET", "oc", "suspend", "enable", "connect"} {
			if binary.LittleEndian.Uint16(s)&(0x1000>>i) != 0 && name != "" {
				fmt.Fprintf(w, " %s", name)
			}
		}
		fmt.Fprintln(w)
	}
}

// qualifier writes what the device would be at its other speed.
func (d *device) qualifier(w io.Writer) {
	b, err := d.control(hw.DirIn, hw.GetDescriptor, hw.DescQualifier<<8, 0, 10)
	if err != nil || len(b) < 10 || b[1] != hw.DescQualifier {
		return
	}
	fmt.Fprintf(w, "Device Qualifier (for other device speed):\n  bLength             %5d\n  bDescriptorType     %5d\n  bcdUSB              %s\n", b[0], b[1], bcd(hw.BCD(binary.LittleEndian.Uint16(b[2:]))))
	fmt.Fprintf(w, "  bDeviceClass        %5d %s\n  bDeviceSubClass     %5d \n  bDeviceProtocol     %5d \n  bMaxPacketSize0     %5d\n  bNumConfigurations  %5d\n", b[4], d.class(b[4]), b[5], b[6], b[7], b[8])
}
