// Package doors lets programs of the host use the terminals of a simulated machine: each gets a pty
// with a stable symbolic link, and an RFC 2217 port where the board asks for one.
//
//	minicom, pyserial … ── /run/user/0/kobench.tty/ttyS0 ──► pty ──► /dev/ttyS0 of the simulated kernel ──► driver ──► chip ──► line
//
// A door has its terminal open while a client has the door open, and no longer: a module can be
// unloaded, DTR falls when the client leaves, and programs of the simulated machine get the input
// otherwise. When the terminal goes away or cannot be opened, the client sees a hang-up; the door
// opens again under the same name.
//
// References:
//
//	[RFC2217] Telnet Com Port Control Option, October 1997
package doors
