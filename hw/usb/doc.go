// Package usb is the Universal Serial Bus: descriptors, transfers, and the two sides that meet on a
// bus.
//
// What a host sees is a [Device]: it takes transfers and completes them. What a USB device is from
// the inside is a [Function]: it answers packets. [New] makes a Device of a Function; other Devices
// are on the far side of USB/IP (hw/usb/usbip) or are real ones (hw/usb/host). A [Bus] gives
// Devices ports and addresses, and tells whoever watches it when one comes or goes.
//
//	host                                    device
//	Do(ctx, dev, &Transfer{…}) ──► Device.Submit ──► Function.In / Out / Control
//	      ▲                                                  │ NAK: the transfer waits
//	      └── Transfer.Done ◄── in order, no lock held ◄─────┴── Link.Wake: try again
//
// # Transfers
//
// A [Transfer] is Linux's URB: one request on one endpoint, of any length. Transfers on one
// endpoint complete in the order they were submitted. A function that has nothing to say returns
// [NAK], and the transfer waits until [Link.Wake]; a function that returns EPIPE stalls. A halted
// endpoint fails every transfer with EPIPE until the host clears the halt. Nothing is copied
// between the host's buffer and the function's, so a transfer runs at the speed of memory.
//
// # Locks
//
//	Emulated.mu        one device: its queues, and every call of its Function
//	  └─ what the Function locks itself (a serial line's lock, …)
//	Bus.mu             ports and addresses; never held while a Device is called
//
// [Transfer.Done] and the hooks are called with no lock of this package held. [Link.Wake] may be
// called with any lock held.
//
// References:
//
//	[USB2]   Universal Serial Bus Specification 2.0, 2000
//	[USB3.2] Universal Serial Bus 3.2 Specification, revision 1.1, 2022
//	[IAD]    USB ECN: Interface Association Descriptors, 2003
//	[CDC]    USB Class Definitions for Communications Devices 1.2, 2010
//	[HID]    Device Class Definition for Human Interface Devices 1.11, 2001
//	[errors] Linux, Documentation/driver-api/usb/error-codes.rst
package usb
