package smoke

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/kobench/kobench/hw/serial/serialtest"
)

// identity tells ports apart, whatever links lead to them.
func identity(port string) string {
	if to, err := filepath.EvalSymlinks(port); err == nil {
		return to
	}
	return port
}

// hostIdentity is what Linux's sysfs says of a port of this computer. Elsewhere, and for a port
// without a device, it is the path alone.
func hostIdentity(port string) *serialtest.Device {
	return identityIn("/sys", port)
}

// identityIn looks in another sysfs.
func identityIn(sys, port string) *serialtest.Device {
	d := &serialtest.Device{Path: port}
	dir, err := filepath.EvalSymlinks(filepath.Join(sys, "class", "tty", filepath.Base(identity(port)), "device"))
	if err != nil {
		return d
	}
	if driver, err := os.Readlink(filepath.Join(dir, "driver")); err == nil {
		d.Driver = filepath.Base(driver)
	}
	// from the port to its interface to the device
	for ; len(dir) > len(sys); dir = filepath.Dir(dir) {
		attr := func(name string) string {
			b, _ := os.ReadFile(filepath.Join(dir, name))
			return strings.TrimSpace(string(b))
		}
		if v := attr("idVendor"); v != "" {
			d.ID, d.PortPath = v+":"+attr("idProduct"), "usb "+filepath.Base(dir)
			d.Manufacturer, d.Product, d.Serial = attr("manufacturer"), attr("product"), attr("serial")
			return d
		}
	}
	return d
}
