// Package program lets any program of the host be a device, in two ways:
//
//	Command.RunBytes   the program's standard input and output are the line's two wires
//	Command.RunLine    the program speaks the device protocol of PROTOCOL.md: modem lines, breaks,
//	                   modes, time, faults
//
//	dte, dce := serial.Straight(serial.Max)
//	c := program.Command{Argv: []string{"python3", "scale.py"}, Log: log.Print}
//	go c.RunLine(ctx, dce)
//
// Devices on a USB bus use the same protocol ([Session], in hw/usb/function/described).
//
// # Life
//
// While the program runs the cable is in; when it has ended, or died, the cable is out
// ([serial.Port.Unplug]) until it runs again ([Restart]). Its standard error, and with the protocol
// its standard output too, go to the log, line by line and bounded. At the end it sees the end of
// its input, then SIGTERM, then SIGKILL, and so do the programs it has started (its process group).
//
// # Bounds
//
// Nothing is queued for a program: what it does not read stays on the line, where it is a device
// that does not keep up. What it says and the line does not take stays in its pipe. A message of
// the protocol has at most 1 MiB; a program that speaks nonsense twenty times is ended as one that
// failed.
//
// # Locks
//
//	Session.turn      one event at a time
//	  └─ Session.mu   a leaf
package program
