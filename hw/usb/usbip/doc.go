// Package usbip shares USB devices over TCP, protocol 1.1.1, in both directions: [Server] exports
// what is plugged into a bus, for a real kernel's vhci_hcd or for us; [Import] makes a [usb.Device]
// of one that a real usbipd, or ours, exports.
//
// A connection is for one operation, a list or an import; an import's connection then carries the
// device's transfers until it ends. A server listens on loopback unless told otherwise: the
// protocol has neither passwords nor encryption. A peer that breaks the protocol loses its own
// connection, and the device is free again.
//
// References:
//
//	[usbip]  Linux Documentation/usb/usbip_protocol.rst
//	[stub]   drivers/usb/usbip/stub_rx.c, stub_tx.c: what the kernel's server does
//	[vhci]   drivers/usb/usbip/vhci_rx.c, vhci_tx.c: what the kernel's client believes
package usbip
