// Package usbserial is what drivers of USB serial adapters share: the terminals ttyUSB0, ttyUSB1 … (module usbserial), and [Port], a terminal's
// hardware half on top of a bulk stream and control requests.
//
//	tty core ──► Port ──► Stream ──► bulk OUT          Ops: what this chip does for
//	          ◄── Receive ◄── Ops.Decode ◄── bulk IN        open, termios, modem lines, break
//
// The tty core calls a Port with the terminal's lock held, and USB takes time: all that talks to the device runs in the port's queue, one after
// the other. [Port.Settle] waits for it, so a tcsetattr has been done when it returns. What is written meanwhile waits in the buffer.
//
// References:
//   - [usb-serial] Linux drivers/usb/serial/usb-serial.c, generic.c
package usbserial
