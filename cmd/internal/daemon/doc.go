// Package daemon is the running bench: a machine behind a Unix socket that speaks HTTP and JSON.
//
//	$ kobench up -d
//	$ alias kb='curl -s --unix-socket $KOBENCH_SOCKET'
//	$ kb http://kobench/v1/info
//	$ kb --data-binary @hello.ko 'http://kobench/v1/modules?params=count=2'
//	$ kb 'http://kobench/v1/file?path=/proc/modules'
//	$ kb --data hello 'http://kobench/v1/file?path=/dev/loop0'
//	$ kb 'http://kobench/v1/file?path=/dev/loop0&n=5'
//	$ kb http://kobench/v1/log
//	$ kb -X DELETE 'http://kobench/v1/modules/hello'
//
// # A connection is a task
//
// All requests of one connection are the system calls of one task of the simulated kernel, so
// descriptors live as long as the connection, and a client that goes away has its task killed: a
// read that blocks ends. The task acts as root when the peer is the daemon's own user or the host's
// root, and as the peer's user otherwise; root may act for somebody else with the header
// Kobench-Uid.
//
// # Requests
//
//	GET    /v1/info                                     what is running
//	POST   /v1/modules?params=&flags=                   body: a module file; init_module
//	DELETE /v1/modules/NAME?flags=                      delete_module
//	GET    /v1/file?path=&n=                            open, read to the end or n bytes, close
//	POST   /v1/file?path=&append=1                      open, write the body, close
//	DELETE /v1/file?path=                               unlink, or rmdir
//	GET    /v1/stat?path=&link=1      GET /v1/dir?path=
//	POST   /v1/mknod?path=&mode=&major=&minor=
//	POST   /v1/mkdir?path=&mode=                        POST /v1/chmod?path=&mode=
//	POST   /v1/open?path=&flags=                        {"fd": 3}
//	POST   /v1/fd/N/read?n=   POST /v1/fd/N/write       bytes; {"n": 5}
//	POST   /v1/fd/N/lseek?off=&whence=
//	POST   /v1/fd/N/ioctl?cmd=&val=                     body: what the argument points to; none:
//	                                                    val
//	POST   /v1/fd/N/poll?events=&ms=                    POST /v1/fd/N/fcntl?cmd=&arg=
//	POST   /v1/fd/N/dup       DELETE /v1/fd/N
//	GET    /v1/log?follow=1&all=1                       records, a JSON object a line; DELETE:
//	                                                    hide what was so far
//	GET    /v1/devtab                                   the dispatch tables
//	GET    /v1/uevents                                  a JSON object a line, for ever
//	GET    /v1/requests                                 modules that the kernel asks for, a line
//	                                                    each; POST /v1/requests/ID?errno=&text=
//	POST   /v1/kerneld?word=                            a word of kdstat for kerneld: {"text":
//	                                                    "…"}
//	POST   /v1/mount?dir=                               the name space as a file system of the
//	                                                    host; DELETE ends it
//	GET    /v1/usb                                      what is plugged in, with its nodes below
//	                                                    /dev
//	POST   /v1/usb                                      plug in; body: a device as a board has it,
//	                                                    {"device": "ftdi", "line": "loopback"}
//	DELETE /v1/usb?port=                                unplug
//	GET    /v1/faults                                   {"report": "…"}: what was injected where,
//	                                                    into lines and USB devices
//	POST   /v1/usbip?listen=&port=&port=                offer devices over USB/IP: {"address":
//	                                                    "…", "devices": ["1-1"]}; DELETE ends that
//	POST   /v1/programs?fd=                             serve the programs behind the client's
//	                                                    descriptor of a seccomp listener (kobench
//	                                                    exec)
//	POST   /v1/shutdown
//
// What changes the bench itself (shutdown, requests, kerneld, mount, usb, usbip, DELETE log) needs
// root.
//
// # What a request can make the daemon do to the host
//
// With the rights of the user who has started it, and unless kobench up --no-host-files forbids it:
//
//	POST /v1/usb       opens a capture (device: replay), a device of the computer (device: host),
//	                   a recording (line: replay), a port (line: port), and starts programs (line:
//	                   exec, program) or opens their sockets (pty, listen, unix)
//	POST /v1/mount     mounts a file system at a directory
//
// It connects to the network for device: usbip, line: tcp and rfc2217, and a modem's dial: tcp;
// POST /v1/usbip listens there. No request makes it write a file: recordings are the board's, which
// is read before anybody can ask for anything. A description in YAML is at most 64 KiB and bounded
// in depth (board.CheckYAML).
//
// # Who is at the other end
//
// The socket's directory must be the user's own and closed (the default one), or one where others
// cannot replace what is in it. A client looks who has made the socket, and talks to nobody else's
// bench.
//
// An error is a status of 4xx or 5xx and {"errno": 2, "name": "ENOENT", "error": "No such file or
// directory"}; "killed": true tells that the task died. An error after the first byte of a file
// breaks the connection off, unless the client sends "TE: trailers": then it is in the trailer
// Kobench-Problem.
package daemon
