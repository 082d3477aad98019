// Package described is a USB device that is a file, in YAML or JSON: its descriptors, and a program
// that answers its transfers.
//
//	speed: full                        # low, full, high or super
//	vendor: 0x1209                     # and product; release: 1.00, usb: 2.00, class, subclass,
//	                                   # protocol, packet0 where they are not as usual
//	product: 0x0001
//	manufacturer: Example              # strings; languages: {0x0407: {Relays: Relais}} has them
//	                                   # in German
//	name: Relays
//	serial: "0001"
//	interfaces:                        # or configurations: [{value, name, milliamp, self-powered,
//	                                   # remote-wakeup, associations, interfaces}]
//	  - class: vendor                  # a number, or hid, comm, cdc-data, mass-storage, audio,
//	                                   # video, application, misc, vendor
//	    endpoints:
//	      - {address: 0x81, type: interrupt, packet: 8, interval: 10}
//	answers:                           # what needs no program: {setup: type request value index,
//	                                   # as usbmon writes them, data: bytes}
//	  - {setup: "c0 01 0000 0000", data: "01 02"}
//	program: [python3, relays.py]      # speaks hw/program/PROTOCOL.md; options: {…} for it
//
// # Interfaces
//
//	number, alternate    in order, and 0, unless they are given: several settings of one number
//	                     are its alternates
//	class, subclass, protocol, name
//	hid: {report: …, country: 0}    the report descriptor: bytes, or items such as "usage page 1",
//	                                "input data variable absolute" ([HID] 6.2.2)
//	extra                class descriptors, in hexadecimal
//	endpoints            address, type (bulk, interrupt, isochronous), packet, interval,
//	                     attributes (bits 2 to 5), extra, burst (super speed)
//
// # More
//
//	associations         {first, count, class, subclass, protocol, name}
//	bos                  capabilities, each a whole descriptor in hexadecimal; super speed has its
//	                     own without being told
//	microsoft            {compatible: WINUSB, guid: "{…}", request: 0x20, version: 1 or 2}: OS
//	                     descriptors, with their answers
//
// References:
//
//	[USB2] Universal Serial Bus Specification 2.0, chapter 9
//	[HID] Device Class Definition for HID 1.11, 6.2.2
//	[MSOS1] Microsoft OS 1.0 Descriptors Specification; [MSOS2] Microsoft OS 2.0 Descriptors
//	        Specification, 2012
package described
