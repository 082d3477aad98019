package lsusb

import (
	"encoding/binary"
	"fmt"
	"io"

	hw "github.com/kobench/kobench/hw/usb"
)

// bos writes the binary object store ([lsusb] dump_bos_descriptor): the capabilities that this
// kit's devices have, others in hexadecimal.
func (d *device) bos(w io.Writer) {
	b, err := d.control(hw.DirIn, hw.GetDescriptor, hw.DescBOS<<8, 0, 5)
	if err != nil || len(b) < 5 || b[0] != 5 || b[1] != hw.DescBOS {
		return
	}
	total := binary.LittleEndian.Uint16(b[2:])
	fmt.Fprintf(w, "Binary Object Store Descriptor:\n  bLength             %5d\n  bDescriptorType     %5d\n  wTotalLength       0x%04x\n  bNumDeviceCaps      %5d\n", b[0], b[1], total, b[4])
	if b, err = d.control(hw.DirIn, hw.GetDescriptor, hw.DescBOS<<8, 0, total); err != nil {
		return
	}
	for rest := b[min(5, len(b)):]; len(rest) >= 3 && rest[0] >= 3 && int(rest[0]) <= len(rest); rest = rest[rest[0]:] {
		c := rest[:rest[0]]
		switch {
		case c[2] == capUSB2 && len(c) >= 7:
			usb2(w, c)
		case c[2] == capSuperSpeed && len(c) >= 10:
			superSpeed(w, c)
		default:
			fmt.Fprintf(w, "  ** UNRECOGNIZED:  % x\n", c)
		}
	}
}

// Types of device capabilities [USB3.2] table 9-14.
const (
	capUSB2       = 2
	capSuperSpeed = 3
)

func capability(w io.Writer, name string, b []byte) {
	fmt.Fprintf(w, "  %s Device Capability:\n    bLength             %5d\n    bDescriptorType     %5d\n    bDevCapabilityType  %5d\n", name, b[0], b[1], b[2])
}

func usb2(w io.Writer, b []byte) {
	v := binary.LittleEndian.Uint32(b[3:])
	capability(w, "USB 2.0 Extension", b)
	fmt.Fprintf(w, "    bmAttributes   0x%08x\n", v)
	switch {
	case v&2 == 0:
		fmt.Fprintln(w, "      (Missing must-be-set LPM bit!)")
		return
	case v&4 == 0:
		fmt.Fprintln(w, "      HIRD Link Power Management (LPM) Supported")
		return
	}
	fmt.Fprintln(w, "      BESL Link Power Management (LPM) Supported")
	if v&8 != 0 {
		fmt.Fprintf(w, "    BESL value    %5d us \n", v&0xf00)
	}
	if v&0x10 != 0 {
		fmt.Fprintf(w, "    Deep BESL value    %5d us \n", v&0xf000)
	}
}

func superSpeed(w io.Writer, b []byte) {
	speeds := [...]string{"Low Speed (1Mbps)", "Full Speed (12Mbps)", "High Speed (480Mbps)", "SuperSpeed (5Gbps)"}
	capability(w, "SuperSpeed USB", b)
	fmt.Fprintf(w, "    bmAttributes         0x%02x\n", b[3])
	if b[3]&2 != 0 {
		fmt.Fprintln(w, "      Latency Tolerance Messages (LTM) Supported")
	}
	fmt.Fprintf(w, "    wSpeedsSupported   0x%02x%02x\n", b[5], b[4])
	for i, s := range speeds {
		if b[4]&(1<<i) != 0 {
			fmt.Fprintf(w, "      Device can operate at %s\n", s)
		}
	}
	lowest := "at an unknown speed!"
	if int(b[6]) < len(speeds) {
		lowest = speeds[b[6]]
	}
	fmt.Fprintf(w, "    bFunctionalitySupport %3d\n      Lowest fully-functional device speed is %s\n", b[6], lowest)
	fmt.Fprintf(w, "    bU1DevExitLat        %4d micro seconds\n    bU2DevExitLat    %8d micro seconds\n", b[7], binary.LittleEndian.Uint16(b[8:]))
}
