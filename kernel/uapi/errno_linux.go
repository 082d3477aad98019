package uapi

import "syscall"

// toHost is the host's number: the same one, but for those that never leave the kernel.
func toHost(e Errno) (syscall.Errno, bool) {
	return syscall.Errno(e), e > 0 && int(e) < len(errnoTable)
}

// fromHost is Linux's number of the host's.
func fromHost(host syscall.Errno) (Errno, bool) {
	return Errno(host), host > 0 && int(host) < len(errnoTable)
}
