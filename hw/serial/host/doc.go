// Package host joins a simulated line to the machine it runs on.
//
//	[OpenPort]              the port on the desk, through github.com/tarm/serial
//	[OpenPTY], [PTYPair]    a pseudo terminal, its slave under a stable symlink; a pair as a bare
//	                        line
//	[DialTCP], [ServeTCP]   the bytes over TCP, without modes or modem lines
//	[Dial2217], [Serve2217] a port over the network with all of its abilities [RFC2217]
//	[Attach]                pumps between a [serial.Port] of a simulated line and any of these
//
// What tarm/serial does and this package puts right: a read time-out and a hang-up are both "0,
// io.EOF" there, here the one is os.ErrDeadlineExceeded and the other ENODEV; a pending Read
// outlives Close there, here Close ends it at once; modem lines, break, receive errors, mark and
// space parity, and rates outside the B table do not exist there, here they go through a second
// descriptor's ioctls, which needs Linux (elsewhere they say EOPNOTSUPP).
//
// What a Linux pty cannot carry, whatever a client asks for: parity, other than 8 data bits (the
// pty driver clears them), modem lines and breaks. A client's rate, stop bits and flow control are
// seen.
//
// References:
//
//	[RFC2217]  Telnet Com Port Control Option, October 1997
//	[RFC854]   Telnet Protocol Specification, May 1983
//	[RFC856]   Telnet Binary Transmission, May 1983
//	[termios]  termios(3), ioctl_tty(2)
//	[pty]      Linux drivers/tty/pty.c pty_set_termios
package host
