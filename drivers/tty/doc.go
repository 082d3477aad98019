// Package tty is the core that every serial driver stands on: names and numbers of terminals, termios, the N_TTY line discipline,
// the ioctls, hang-up. It is no driver itself.
//
//	user          kernel.File ──► TTY ──► line discipline ──► Port (a driver) ──► chip or URBs
//	                                ▲           │ echo            │
//	                                └───────────┴──── Receive ◄───┘
//
// # Locks
//
//	TTY.mu       termios, the input buffer, echo, who has the tty open
//	  Port's own locks
//
// A driver calls Receive, Wakeup, CarrierChanged and Hangup with none of its locks held.
//
// References:
//   - [n_tty] Linux drivers/tty/n_tty.c
//   - [tty_io] Linux drivers/tty/tty_io.c, tty_ioctl.c, tty_port.c
//   - [termios] termios(3), ioctl_tty(2); POSIX.1-2017 chapter 11
package tty
