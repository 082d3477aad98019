// Package usb is the host side of USB in the simulated kernel: it enumerates what is plugged into a
// bus, shows it in /sys, announces it, and binds drivers to interfaces by their id tables. It is
// the module usbcore.
//
//	hw/usb Bus ──plug──► Core: descriptors, configuration ──► uevent with MODALIAS ──► kerneld ──► modprobe
//	                       │                                                                         │
//	                       └── Device ── Interface ◄── Driver.Probe ◄── Core.Register ◄── insmod ◄───┘
//
// A driver is a module that needs [Symbol] and registers a [Driver] in its Init:
//
//	func New() *kernel.Module {
//		d := &usb.Driver{
//			Name: "blink", IDs: []usb.ID{usb.DeviceID(0x1209, 0x0001)},
//			Probe: probe, Disconnect: disconnect,
//		}
//		return &kernel.Module{
//			Name: "blink", License: "GPL", Aliases: d.Aliases(), Needs: []string{usb.Symbol},
//			Init: func(env *kernel.Env) error { return usb.Register(env, d) },
//		}
//	}
//
// # Transfers
//
// [Device.Control] and [Device.Bulk] wait for one transfer. A [URB] is one that does not wait: its
// Complete is called when it is done, and may submit it again. A [Stream] is what serial drivers
// are made of: several URBs that read all the time, and several that empty a buffer.
//
// # Locks
//
//	Device.lock      configuration, binding: held while a driver's Probe and Disconnect run
//	Core.mu          the lists of devices and drivers; nothing is called with it held
//	Stream.mu        a stream's buffer and its URBs' states; nothing is called with it held
//
// Complete is called with no lock held, in the goroutine that found the transfer done. It must not
// wait for another transfer.
//
// References:
//   - [core] Linux drivers/usb/core: hub.c (hub_port_connect, usb_new_device), message.c, driver.c,
//     urb.c, sysfs.c, devio.c, file.c
//   - [alias] Linux scripts/mod/file2alias.c (do_usb_entry)
//   - [anchor] Linux Documentation/driver-api/usb/anchors.rst
package usb
