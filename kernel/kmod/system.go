package kmod

import (
	"github.com/kobench/kobench/kernel/uapi"
)

// System is the live kernel that the tools act on. The paths are the kernel's own: /proc/modules,
// /proc/cmdline, /proc/kallsyms and /sys/module/NAME/…. The tools call one method at a time, but
// kerneld serves several requests at once: what it is given must be safe for concurrent use.
//
// Errors carry Linux's number, in a method Errno() int or as a syscall.Errno.
type System interface {
	// FinitModule loads a module from its uncompressed bytes and runs its init; it returns when
	// init has. flags are InitIgnoreModversions and InitIgnoreVermagic.
	FinitModule(image []byte, params string, flags int) error
	// DeleteModule unloads a module by name. flags are DeleteNonblock and DeleteForce.
	DeleteModule(name string, flags int) error
	ReadFile(path string) ([]byte, error)
	// ReadDir gives a directory's names without "." and "..", in the kernel's order.
	ReadDir(path string) ([]string, error)
}

// Flags of finit_module(2) and delete_module(2).
const (
	InitIgnoreModversions = uapi.MODULE_INIT_IGNORE_MODVERSIONS
	InitIgnoreVermagic    = uapi.MODULE_INIT_IGNORE_VERMAGIC

	DeleteNonblock = uapi.DELETE_NONBLOCK
	DeleteForce    = uapi.DELETE_FORCE
)

// NoSystem is a machine without a kernel of ours: nothing is loaded, nothing can be.
type NoSystem struct{}

func (NoSystem) FinitModule([]byte, string, int) error { return uapi.ENOSYS }
func (NoSystem) DeleteModule(string, int) error        { return uapi.ENOSYS }
func (NoSystem) ReadFile(string) ([]byte, error)       { return nil, uapi.ENOENT }
func (NoSystem) ReadDir(string) ([]string, error)      { return nil, uapi.ENOENT }
