// Package supervisor shows any Linux program, unmodified and without privileges, a simulated kernel
// where it expects the real one: its devices in /dev, its /sys, the kernel's part of /proc,
// /lib/modules, uname, the module calls and uevents.
//
//	s, err := supervisor.New(k, supervisor.Config{Root: root})
//	defer s.Close()
//	cmd := exec.Command("sh", "-c", "insmod hello.ko; cat /dev/x")
//	err = s.Run(cmd)
//
// It isn't a sandbox: what is not the bench's goes on to the host's kernel as if nobody looked.
//
// # How
//
// A seccomp filter notifies this program of the rare calls: those with names (open, stat, mknod,
// …), ioctl, and the module calls. What concerns the host is told to go on. A device that is opened
// becomes a descriptor of a private FUSE mount (package fuse below), handed to the caller; so
// reads, writes, poll, select and epoll of it are the host kernel's own and come back here as FUSE
// requests, and dup, fork, exec, redirections and SCM_RIGHTS need nobody's help. The rest (ioctl,
// fstat, lseek, fcntl, mmap) is trapped and finds the open file by the inode number of the
// descriptor. A thread of a program is a task of the kernel, and its memory is read and written
// where it is.
//
//	filter.go notify.go             which calls are trapped; receiving and answering them
//	helper.go desc.go               the private mount; a descriptor of it
//	threads.go procmem.go           a thread's task; its memory
//	resolve.go overlay.go           where a name leads; who has it
//	calls.go open.go stat.go …      the calls
//
// References:
//   - [seccomp] seccomp_unotify(2); Linux kernel/seccomp.c
//   - [ptrace] ptrace(2); process_vm_readv(2); pidfd_getfd(2)
package supervisor
