// Package gousbtest tests programs that use github.com/google/gousb against emulated devices,
// without a change to the program: no hardware, no cgo, no libusb, no root. gousb cannot be faked
// from outside, as google/gousb#75 asks for: its types are structs around libusb's. This package
// has the same types with the same methods on the devices of hw/usb; package gousbtest/gousb gives
// them gousb's own names; and the go command puts that package in gousb's place, for the program
// and for every library below it.
//
// # In gousb's place
//
// Once, beside the program's go.mod, with kobench required there:
//
//	mkdir fakegousb
//	kobench=$(go list -m -f '{{.Dir}}' github.com/kobench/kobench)
//	cp "$kobench/hw/usb/gousbtest/gousb/gousb.go" fakegousb
//	echo 'module github.com/google/gousb' >fakegousb/go.mod
//
// and whenever go.mod has changed:
//
//	cp go.mod fake.mod && cp go.sum fake.sum
//	go mod edit -replace github.com/google/gousb=./fakegousb fake.mod
//
// A test then plugs in what the program is to meet:
//
//	bus := usb.NewBus(1, 4)
//	slot, err := bus.Plug("", usb.MustNew(usbtmc.New(instrument), usb.HighSpeed))
//	machine := gousbtest.Install(t, bus) // what gousb.NewContext() sees until the test ends
//
// and runs with
//
//	go test -modfile=fake.mod ./...
//
// Without -modfile the same program is built with the real gousb. Such a test belongs into a file
// with a build tag, or calls t.Skip when no device is found, if the tests also run that way.
//
// Devices are any [usb.Function]: hw/usb/function/ftdi, cdcacm, usbtmc, hidkbd, sourcesink; your
// own in well under 100 lines, as in the example; or a real one that Wireshark or tcpdump has
// recorded (pcap.NewReplay). hw/usb/fault breaks them: stalls, lost packets, slow answers, a
// disconnect at the Nth transfer. bus.Unplug pulls one out in the middle of a read, [Machine.Bind]
// puts a kernel driver in the way, [Machine.Forbid] takes away the permission. The test fails if
// the program leaves a Context, a Device or an interface open. Under testing/synctest, deadlines
// and ControlTimeout cost no time.
//
// A program that gets its *gousb.Context from outside can be given a [Machine.NewContext] instead
// of Install; its tests can then run in parallel. A program that uses gousb through small
// interfaces of its own, such as one with Control or ReadContext, needs nothing of the above: this
// package's types implement those as gousb's do.
//
// How true it is: TestOracleConform compiles one program with the real gousb, runs it on Linux 6.1
// with a device behind vhci_hcd, and writes down some 120 lines of results and error texts;
// TestConform gets the same lines from this package. TestAPI compares every exported name and
// signature with gousb's source. That includes what surprises: most errors of Config and Interface
// have the text of an [Error] but do not wrap it; a failed Control returns a negative count; a
// deadline ends a read with TransferCancelled, not with context.DeadlineExceeded; a WriteStream
// sends whole transfers only.
//
// What it does not cover:
//   - gousb and libusb themselves: C memory, the event thread, the log, what differs on Windows and
//     macOS;
//   - the kernel's limits (16 MB of transfers under way), permissions but for Forbid, suspend, and
//     a driver coming back by itself;
//   - time: transfers run at memory speed, with neither latency nor shared bandwidth; isochronous
//     ones take their frames' time;
//   - the drivers of a bench on the same bus: nothing keeps them and the program apart;
//   - root hubs, which libusb lists as devices, and its order of devices, which is arbitrary;
//   - alternate settings of another handle, which Linux restores after a Reset;
//   - a reset by libusb's ErrorNotFound, while it has not noticed that the device has gone; here
//     that is ErrorNoDevice at once.
//
// Two things are stricter or milder. Using an endpoint after Interface.Close fails with ErrorIO, as
// on Linux when the kernel's driver has the interface back; without such a driver Linux lets it
// pass and logs that. Config.Interface accepts interface numbers with gaps, where gousb 1.1.3
// panics.
//
// # Through a real kernel
//
// Where there is root and a kernel with vhci_hcd, the real gousb and the real libusb can meet the
// same devices over USB/IP. The bench exports what is plugged into it:
//
//	kobench up -d
//	kobench plug usbtmc --id ACME,SCOPE,1,0    # says where: 1-5
//	kobench usbip export                       # 127.0.0.1:3240
//
// and the kernel, here or on another host (then with --listen), attaches it (Debian: apt install
// usbip):
//
//	modprobe vhci_hcd
//	usbip attach -r 127.0.0.1 -b 1-5
//	go test ./...                              # with the real gousb
//	usbip detach -p 0
//
// A test that has a function of its own serves it itself: usbip.NewServer(nil, bus).Serve(ctx,
// listener).
//
// What that does not cover: time, as above, and USB/IP adds its own; a packet that has no room in
// the read's buffer, which a host controller reports as an overflow and vhci_hcd cannot (the rest
// comes with the next read); port resets, which end in vhci_hcd; hubs, which are not exported, and
// with them split transactions; super speed's streams.
//
// Under Debian's umockdev a recorded device needs no root either, but libusb then meets that one
// recording only; it was not chosen.
//
// References:
//
//	[gousb]  https://pkg.go.dev/github.com/google/gousb@v1.1.3
//	[libusb] libusb 1.0.26, https://github.com/libusb/libusb
package gousbtest
