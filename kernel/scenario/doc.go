// Package scenario runs scripts of system calls against a kernel, inside the process: thousands a
// second, on one thread or several, with every call's answer in a transcript.
//
//	# one call a line; a descriptor has a name
//	insmod buffers=2
//	open a /dev/scull0 rw nonblock
//	write a "hello\n"
//	ioctl a _IOW('k',1,4) hex:05000000
//	1: x400 read a 1
//	2: write a hex:00ff
//	go
//	close a
//	rmmod
//
// Lines that begin with a number and a colon wait for their thread; go runs the threads side by
// side and waits for all. xN repeats a call. $M is the module's name.
//
//	open NAME PATH r|w|rw [nonblock append trunc]   close NAME             dup NAME NEW
//	read NAME BYTES          write NAME DATA        fill NAME BYTES lseek NAME OFFSET set|cur|end
//	ioctl NAME COMMAND [NUMBER|DATA]                poll NAME in|out|inout DURATION
//	cat PATH                 echo DATA PATH         mknod PATH MAJOR MINOR
//	insmod [PARAMETERS]      rmmod                  sleep DURATION         kill THREAD SIGNAL
//
// DATA is a "quoted string" of Go's, hex:…, or a word. COMMAND is a number, or _IO('k',1),
// _IOR('k',1,SIZE), _IOW, _IOWR as in the driver's header. With DATA an ioctl passes a pointer to
// it, and the transcript has what the driver left there.
//
// References:
//   - [ioctl] Linux 6.1, include/uapi/asm-generic/ioctl.h
//   - [ioctl-number] Linux 6.1, Documentation/userspace-api/ioctl/ioctl-number.rst
package scenario
