// Package usbserial is what drivers of USB serial adapters share: the terminals ttyUSB0, ttyUSB1 …
// (module usbserial), and [Port], a terminal's hardware half on top of a bulk stream and control
// requests.
//
//	tty core ──► Port ──► Stream ──► bulk OUT          Ops: what this chip does for
//	          ◄── Receive ◄── Ops.Decode ◄── bulk IN        open, termios, modem lines, break
//
// The tty core lets a Port wait for its device where it sets something up, so a tcsetattr has been
// done when it returns. A transfer may end, and deliver, in the middle of that or of a write: what
// it calls in the core never waits for either.
//
// References:
//   - [usb-serial] Linux drivers/usb/serial/usb-serial.c, generic.c
package usbserial
