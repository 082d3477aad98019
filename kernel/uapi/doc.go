// Package uapi holds Linux's numbers: what its headers in include/uapi give to programs, and the
// protocols that kernel and hardware speak. Each number is written down once, here, because
// kernel and hw may not import each other. It has no behaviour and imports the standard library
// alone; every floor may import it (cmd/internal/rules lists such leaves).
//
//	errno.go     error numbers, their names and texts
//	version.go   the release, what a module's version magic must be
//	module.go    flags of the module calls
//	usb.go       class codes, requests of CDC ACM and USBTMC
//	ftdi.go      requests of FTDI's chips
package uapi
