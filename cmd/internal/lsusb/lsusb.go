// Package lsusb lists the USB devices of a simulated machine as usbutils' lsusb does: from
// /sys/bus/usb/devices, and with -v from the descriptors and from what the device answers.
//
// References:
//   - [lsusb] usbutils 014: lsusb(8), lsusb.c, lsusb-t.c
package lsusb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	hw "github.com/kobench/kobench/hw/usb"
)

// System is where the devices are looked up.
type System interface {
	ReadFile(path string) ([]byte, error)
	ReadDir(path string) ([]string, error)
	// ControlTransfer makes a control transfer to the device of a usbfs node and returns its data.
	ControlTransfer(node string, s hw.Setup) ([]byte, error)
}

// Options say what to list, and how.
type Options struct {
	Verbose bool
	Tree    bool
	Bus     int // -s: 0 is all
	Dev     int
	ID      string // -d "vendor:[product]" in hexadecimal, or ""
	Names   bool   // of classes, which usbutils takes from usb.ids
}

// device is one device as /sys shows it.
type device struct {
	sys      System
	dir      string // in /sys/bus/usb/devices: "1-1", "usb1"
	bus, dev int
	names    bool
}

const devices = "/sys/bus/usb/devices/"

func (d *device) attr(name string) string {
	b, err := d.sys.ReadFile(devices + d.dir + "/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// Run writes the list.
//
// Errors: a machine without USB; an ID that makes no sense; no device that was asked for.
func Run(sys System, o Options, out io.Writer) error {
	names, err := sys.ReadDir(strings.TrimSuffix(devices, "/"))
	if _, other := sys.ReadDir("/sys"); other == nil && errors.Is(err, fs.ErrNotExist) {
		return errors.New("this machine has no USB: modprobe usbcore loads its core")
	}
	if err != nil {
		return err
	}
	vendor, product, err := parseID(o.ID)
	if err != nil {
		return err
	}
	var all []*device
	for _, n := range names {
		d := &device{sys: sys, dir: n, names: o.Names}
		if strings.Contains(n, ":") {
			continue
		}
		d.bus, _ = strconv.Atoi(d.attr("busnum"))
		d.dev, _ = strconv.Atoi(d.attr("devnum"))
		if d.dev > 0 { // else it was pulled out meanwhile
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b *device) int { return (a.bus-b.bus)*1000 + a.dev - b.dev })
	w := bufio.NewWriter(out)
	if o.Tree {
		tree(w, all)
		return w.Flush()
	}
	found := false
	for _, d := range all {
		v, p := d.attr("idVendor"), d.attr("idProduct")
		if o.Bus != 0 && o.Bus != d.bus || o.Dev != 0 && o.Dev != d.dev || vendor != "" && vendor != v || product != "" && product != p {
			continue
		}
		found = true
		if o.Verbose {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "Bus %03d Device %03d: ID %s:%s %s %s\n", d.bus, d.dev, v, p, d.attr("manufacturer"), d.attr("product"))
		if o.Verbose {
			d.dump(w)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !found {
		return ErrNone
	}
	return nil
}

// ErrNone says that no device was listed; lsusb is silent about it and exits with 1.
var ErrNone = fmt.Errorf("no such device")

// ParseSelect reads -s: "[[bus]:][devnum]" in decimal.
//
// Errors: text that is none.
func ParseSelect(text string) (bus, dev int, err error) {
	b, d, colon := strings.Cut(text, ":")
	if !colon {
		b, d = "", text
	}
	for _, f := range []struct {
		text string
		n    *int
	}{{b, &bus}, {d, &dev}} {
		if f.text == "" {
			continue
		}
		if *f.n, err = strconv.Atoi(f.text); err != nil || *f.n < 0 {
			return 0, 0, fmt.Errorf("-s %q: want BUS:DEVICE in decimal, such as 1:2, :2 or 1:", text)
		}
	}
	return bus, dev, nil
}

func parseID(text string) (vendor, product string, err error) {
	if text == "" {
		return "", "", nil
	}
	v, p, ok := strings.Cut(text, ":")
	for _, f := range []struct {
		text string
		to   *string
	}{{v, &vendor}, {p, &product}} {
		if f.text == "" {
			continue
		}
		n, err := strconv.ParseUint(f.text, 16, 16)
		if err != nil || !ok {
			return "", "", fmt.Errorf("-d %q: want VENDOR:PRODUCT in hexadecimal, such as 0403:6001 or 0403:", text)
		}
		*f.to = fmt.Sprintf("%04x", n)
	}
	return vendor, product, nil
}

// tree writes the devices below their hubs, a line for each interface.
func tree(w io.Writer, all []*device) {
	for _, d := range all {
		if root, ok := strings.CutPrefix(d.dir, "usb"); ok {
			fmt.Fprintf(w, "/:  Bus %02d.Port 1: Dev %d, Class=root_hub, Driver=kobench-hcd/%sp, %sM\n", d.bus, d.dev, d.attr("maxchild"), d.attr("speed"))
			branch(w, all, root+"-", 1)
		}
	}
}

// branch writes the devices whose names are prefix and a port.
func branch(w io.Writer, all []*device, prefix string, depth int) {
	for _, d := range all {
		port, ok := strings.CutPrefix(d.dir, prefix)
		if _, err := strconv.Atoi(port); !ok || err != nil {
			continue
		}
		for _, i := range d.interfaces() {
			at := &device{sys: d.sys, dir: i}
			class, _ := strconv.ParseUint(at.attr("bInterfaceClass"), 16, 8)
			number, _ := strconv.ParseUint(at.attr("bInterfaceNumber"), 16, 8)
			driver := ""
			for line := range strings.SplitSeq(at.attr("uevent"), "\n") {
				if name, ok := strings.CutPrefix(line, "DRIVER="); ok {
					driver = name
				}
			}
			if class == hw.ClassHub {
				driver += "/" + d.attr("maxchild") + "p"
			}
			fmt.Fprintf(w, "%s|__ Port %s: Dev %d, If %d, Class=%s, Driver=%s, %sM\n", strings.Repeat("    ", depth), port, d.dev, number, d.class(uint8(class)), driver, d.attr("speed"))
		}
		branch(w, all, d.dir+".", depth+1)
	}
}

// interfaces are the names of the device's interfaces in the current configuration.
func (d *device) interfaces() []string {
	names, err := d.sys.ReadDir(devices + d.dir)
	if err != nil {
		return nil
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, d.dir+":") })
	slices.Sort(names)
	return names
}

// className is what usb.ids says of a class.
func className(c uint8) string {
	return map[uint8]string{
		0x00: "(Defined at Interface level)", 0x01: "Audio", 0x02: "Communications", 0x03: "Human Interface Device", 0x05: "Physical Interface Device",
		0x06: "Imaging", 0x07: "Printer", 0x08: "Mass Storage", 0x09: "Hub", 0x0a: "CDC Data", 0x0b: "Chip/SmartCard", 0x0e: "Video",
		0xe0: "Wireless", 0xef: "Miscellaneous Device", 0xfe: "Application Specific Interface", 0xff: "Vendor Specific Class",
	}[c]
}
