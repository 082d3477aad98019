// Package board describes a machine in YAML and puts it together: which chips sit at which ports,
// what hangs on each line, and which modules are loaded at boot.
//
//	name: desk
//	speed: paced                    # honest line time; max takes it out
//	cmdline: "quiet loopback.size=64"   # the kernel's command line, after board=NAME; modprobe
//	                                    # takes MODULE.PARAMETER=VALUE out of it
//	builtin: [mem]                  # drivers of the kernel itself, which lsmod does not show
//	modules: ["loopback size=64", "8250"]
//	uarts:
//	  - {tty: ttyS0, io: 0x3f8, irq: 4, line: loopback}
//	  - {tty: ttyS1, io: 0x2f8, irq: 3, line: {null-modem: ttyS2}}
//	  - {tty: ttyS2, io: 0x3e8, irq: 5}
//	  - {tty: ttyS3, io: 0x2e8, irq: 6, chip: "16450", line: {gps: {lat: 52.52, lon: 13.405}}}
//
// # Lines
//
//	loopback                                  TX→RX, RTS→CTS, DTR→DSR+DCD
//	open                                      nothing at the end (also when line is missing)
//	null-modem: ttyS2                         the other uart, which has no line of its own
//	gps: {lat, lon, alt, speed, course}       a receiver: NMEA 0183, 4800 8N1
//	modem: {dial, id}                         Hayes; with dial: tcp, ATD reaches host:port
//	modbus: {address, size}                   RTU slave, 19200 8E1
//	scpi: {id, load}                          power supply, 9600 8N1
//	replay: device.script                     a recorded device (umockdev's format); the log
//	                                          says what was not as recorded
//	port: /dev/ttyUSB0                        the port on the desk
//	tcp: host:port                            raw bytes
//	rfc2217: host:port                        a port over the network
//	table: scale.yaml                         when this comes, answer that: go doc
//	                                          ./hw/serial/device/dialogue; pyvisa-sim's files
//	                                          too
//	exec: [python3, device.py]                a program: its input and output are the line; also
//	                                          {run, dir, restart, start: open}
//	program: [python3, device.py]             a program that speaks hw/program/PROTOCOL.md; also
//	                                          options: {…} for it
//	pty: dev/tty                              a terminal that the program that is the device
//	                                          opens
//	listen: 127.0.0.1:4000                    waits for that program at an address, or at a
//	                                          socket, ./device.sock
//	unix: ./device.sock                       raw bytes over a socket of this computer
//
// # Beside a line
//
//	door: {rfc2217: 127.0.0.1:2217}             kobench up serves the terminal there, besides its
//	                                            pty
//	faults: {out: "drop=1e-3", in: "break@2s=250ms", seed: 42}   what the chip sends, what it
//	                                                             receives ([fault.Parse])
//	record: ttyS0.vcd                           .script, .pcapng or .vcd ([record]);
//	                                            ttyS0.vcd.part until the machine ends
//
// # USB
//
//	usb:
//	  devices:
//	    - {port: "1", device: ftdi, serial: FT1, line: loopback}   # line as above, no null-modem
//	    - {port: "4", device: hub, ports: 4}                       # "4.1" is behind it
//	    - {port: "4.1", device: source-sink, speed: full, faults: "crc=0.001", seed: 42}
//	    - {device: replay, from: "desk.pcapng#1.3"}                # number 3 of bus 1
//	  record: usb.pcapng                                           # the whole bus, for Wireshark
//
// # USB devices
//
//	ftdi         a serial port, FT232R; keys: line, serial
//	cdc-acm      a serial port, USB's own class; keys: line, serial
//	usbtmc       a SCPI instrument; keys: id
//	source-sink  gadget zero, what usbtest expects
//	loopback     gadget zero, as an echo
//	keyboard     a boot keyboard
//	hub          1 to 15 ports; keys: ports
//	described    a device of your own: descriptors in YAML, a program for its transfers; from:
//	             DEVICE.yaml, go doc ./hw/usb/function/described
//	replay       a captured device, at the speed its descriptors are right for; from:
//	             CAPTURE.pcapng, or CAPTURE.pcapng#BUS.DEVICE
//	usbip        a device of a USB/IP server; from: HOST:PORT/BUSID
//	host         a device of this computer, through libusb; from: VENDOR:PRODUCT, in hexadecimal
//
// The bus belongs to the module usbcore; drivers come by MODALIAS, through kerneld. Faults are
// [usbfault.Parse]'s.
//
// An error names the line and column of what is wrong.
//
// # Devices of your own
//
// In any language: line: {program: …} and device: described, above. In Go a device is a value with
// Run, and its options are fields with a yaml tag:
//
//	build := func() board.Device { return &thermometer{} }
//	b, err := board.Load("desk.yaml", board.WithDevice("thermometer", build))
//	m := b.Power(kernel.Config{Catalog: catalog.All()})   // line: {thermometer: {celsius: 21}}
//
// A USB device is a [hw/usb.Function], given with [WithFunction]. The examples of both run.
package board
