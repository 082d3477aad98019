//go:build linux

package supervisor

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Constants of include/uapi/linux/seccomp.h.
const (
	setModeFilter      = 1
	flagNewListener    = 1 << 3
	flagWaitKillable   = 1 << 5
	retAllow           = 0x7fff0000
	retErrno           = 0x00050000
	retUserNotif       = 0x7fc00000
	offNR, offArch     = 0, 4
	offArgs            = 16
	mapShared, mapAnon = 0x01, 0x20
)

// auditArch is how the filter tells the calls of this machine's own kind from those of 32-bit
// programs, which go on untouched.
func auditArch() uint32 {
	if runtime.GOARCH == "arm64" {
		return unix.AUDIT_ARCH_AARCH64
	}
	return unix.AUDIT_ARCH_X86_64
}

// program assembles the filter: the calls that the supervisor answers are notified, all else goes
// on and costs nothing, since the kernel keeps a bitmap of the calls that any filter allows
// whatever their arguments ([seccomp] seccomp_cache_prepare).
func program() []unix.SockFilter {
	stmt := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	jump := func(k uint32, jt, jf uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: jt, Jf: jf, K: k}
	}
	load := func(off uint32) unix.SockFilter { return stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, off) }
	ret := func(k uint32) unix.SockFilter { return stmt(unix.BPF_RET|unix.BPF_K, k) }
	p := []unix.SockFilter{load(offArch), jump(auditArch(), 1, 0), ret(retAllow), load(offNR)}
	// one of these calls, and with it a condition on its arguments
	when := func(nr int, body ...unix.SockFilter) {
		p = append(p, jump(uint32(nr), 0, uint8(len(body))))
		p = append(p, body...)
	}
	when(unix.SYS_IO_URING_SETUP, ret(retErrno|uint32(unix.ENOSYS)))
	when(unix.SYS_MMAP, load(offArgs+3*8), stmt(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, mapShared|mapAnon), jump(mapShared, 0, 1), ret(retUserNotif), ret(retAllow))
	when(unix.SYS_SOCKET, load(offArgs), jump(unix.AF_NETLINK, 0, 3), load(offArgs+2*8), jump(unix.NETLINK_KOBJECT_UEVENT, 0, 1), ret(retUserNotif), ret(retAllow))
	when(unix.SYS_FCNTL, load(offArgs+8), jump(unix.F_GETFL, 4, 0), jump(unix.F_SETFL, 3, 0), jump(unix.F_SETOWN, 2, 0), jump(fSetOwnEx, 1, 0), jump(fSetSig, 0, 1), ret(retUserNotif), ret(retAllow))
	for nr := range calls() {
		p = append(p, jump(uint32(nr), 0, 1), ret(retUserNotif))
	}
	return append(p, ret(retAllow))
}

const (
	fSetSig   = 10
	fSetOwnEx = 15
)

// install puts the filter on the calling thread, and so on all that it starts, and returns the
// listener.
//
// Errors: those of seccomp(2), in words.
func install() (int, error) {
	prog := program()
	f := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, fmt.Errorf("PR_SET_NO_NEW_PRIVS: %w", err)
	}
	// WAIT_KILLABLE_RECV is Linux 5.19's
	for _, flags := range []uintptr{flagNewListener | flagWaitKillable, flagNewListener} {
		fd, _, e := unix.RawSyscall(unix.SYS_SECCOMP, setModeFilter, flags, uintptr(unsafe.Pointer(&f)))
		switch e {
		case 0:
			return int(fd), nil
		case unix.EBUSY:
			return -1, fmt.Errorf("this process is supervised already, and Linux allows one supervisor: %w", e)
		case unix.EINVAL:
			continue
		default:
			return -1, fmt.Errorf("seccomp: %w", e)
		}
	}
	return -1, fmt.Errorf("this kernel has no seccomp user notification (Linux 5.9 or newer has): %w", unix.EINVAL)
}
