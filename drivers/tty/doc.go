// Package tty is the core that every serial driver stands on: names and numbers of terminals,
// termios, the N_TTY line discipline, the ioctls, hang-up. It is no driver itself;
// drivers/tty/terminal is the user's side.
//
//	        write ──► opost ──────────────────► Port.Write ──► chip, URBs
//	user                echo ─────► service ──►     │
//	        read  ◄── ldisc.take ◄─ ldisc.receive ◄─┴─ Receive ◄── interrupt, completion
//	        ioctl ──► SetTermios, SetModemBits … ──► Port
//
// # Locks
//
// In the order in which they are taken; who holds one may take those below it. On the right what
// Linux has there.
//
//	TTY.setting       how the line is set changes                          termios_rwsem
//	  TTY.portMu      the port is started, set, shut down: it may sleep    tty_port.mutex
//	    TTY.out       something is handed to the port: it must not sleep output_lock,
//	                  tty_port.lock, throttle_mutex
//	      Port's own locks
//	        TTY.mu    termios, the discipline, who has the tty open ldisc_sem, buf.lock,
//	                  tty.files_lock
//	          the wait queues'
//
// No method of a Port is called with mu held, and nobody who holds mu waits. What a driver calls
// (Receive, Wakeup, Throttled, ModemChanged, CarrierChanged) waits for mu alone, so a driver may
// call it from anywhere, also from inside a method of its Port; the first two with none of its own
// locks that its Write, Throttle, Stop, SendXChar and FlushOutput take. What such a call leaves to
// be done to the port is done at once if out is free, else by who holds it (TTY.service). A hang-up
// that a lost carrier asks for is done in the background, as Linux does it (tty_hangup's work).
//
// Linux's ldisc_sem keeps a line discipline while it is in use. There is one here; a hang-up
// empties it under mu, and waits for out before the port is shut down.
//
// `make locks` checks which lock guards what, and runs the tests with the tag lockdep, which checks
// the order.
//
// References:
//   - [n_tty] Linux drivers/tty/n_tty.c
//   - [tty_io] Linux drivers/tty/tty_io.c, tty_ioctl.c, tty_port.c, tty_mutex.c, tty_ldsem.c
//   - [termios] termios(3), ioctl_tty(2); POSIX.1-2017 chapter 11
package tty
