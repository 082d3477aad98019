// Package serial is the serial line: what runs over the wire between two ends, and what each end
// sees of the other.
//
// A line has two [Port]s. A port transmits characters in its [Mode] (baud rate and frame format),
// drives modem [Signals] and may hold the wire in break; the other port receives whatever its own
// mode makes of that. Equal modes give the bytes back; unequal ones give the garbage, framing and
// parity errors that a receiver sampling at its own rate would see, because then the frame is
// played bit by bit (decode.go). Errors are data: [Port.Receive] returns them as [Flags] beside the
// bytes they belong to.
//
// # Time
//
// A line is [Paced] or [Max]. On a paced line a character takes its line time (at 115200 8N1: 86.8
// µs) and arrives when its last stop bit ends, by the machine's clock ([Cables]; hw/clock). Nothing
// runs per byte: the wire stores when a run of characters began, and each end works out what has
// arrived when it looks. A bulk reader is woken once per [Port.SetTrigger] characters. Under
// testing/synctest a minute of line time therefore takes milliseconds; make the line inside the
// bubble. On a Max line characters arrive as fast as they are taken; the wire is then a bounded
// pipe and nothing is ever overrun.
//
// # Ends
//
//	[NullModem]   two ports, crossed: TX→RX, RTS→CTS, DTR→DSR+DCD
//	[Straight]    a port and a device (DCE) that drives CTS, DSR, DCD and RI
//	[Loopback]    one port, plugged into itself
//
// A chip model attaches with [Port.Listen] and works under the line's lock (chip.go). A device
// model is any Go value that uses the port's Read, Write and modem-line methods. Ends on the host
// (ptys, sockets, real ports) are in hw/serial/host, faults in hw/serial/fault, recording in
// hw/serial/record.
//
// # Locks
//
//	Port.rd, Port.wr     one reader, one writer at a time
//	  └─ line.mu         both ports of a line, their wires, and the state of the chips that listen
//	       └─ the clock's
//
// A [Listener], a [Filter] and a [Tap] are called with line.mu held. They must not block.
//
// References:
//
//	[PC16550D] National Semiconductor PC16550D Universal Asynchronous Receiver/Transmitter with
//	           FIFOs, 1995
//	[V.24]     ITU-T V.24, list of definitions for interchange circuits between DTE and DCE
//	[EIA-232]  TIA/EIA-232-F, interface between DTE and DCE employing serial binary data
//	           interchange
package serial
