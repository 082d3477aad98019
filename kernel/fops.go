package kernel

import (
	"reflect"
	"runtime"
	"strings"
)

// FileOperations is what a driver registers: one function for each thing that can be done to an
// open file (struct file_operations). A nil function has the effect that its comment gives. The
// kernel calls them with no lock held, t being the task that makes the call.
//
// No function should block: when there is nothing to do it returns EAGAIN and the file sleeps for
// the caller on the queues that Poll registers. A function that must sleep by itself uses
// t.WaitEvent and passes on its ERESTARTSYS. A panic in one of them is an oops: it is logged, the
// task dies, the kernel lives.
//
// Calls on one file may overlap when several tasks share it.
//
// References: include/linux/fs.h; Documentation/filesystems/vfs.rst.
type FileOperations struct {
	Owner *Module // held while a file is open

	// Open sets up a new file, typically File.Private. nil: every open succeeds.
	Open func(t *Task, f *File) error
	// Release is called once, when the last reference to the file is gone. nil: nothing to do.
	Release func(t *Task, f *File)
	// Read takes at most len(p) bytes; (0, nil) is end of file. nil: EINVAL.
	Read func(t *Task, f *File, p []byte) (int, error)
	// Write gives p to the device and returns how much of it was taken. nil: EINVAL.
	Write func(t *Task, f *File, p []byte) (int, error)
	// Llseek moves the position. nil: ESPIPE.
	Llseek func(t *Task, f *File, off int64, whence int) (int64, error)
	// Ioctl does everything else. nil, or ENOIOCTLCMD: ENOTTY.
	Ioctl func(t *Task, f *File, cmd uint32, arg Arg) (int, error)
	// Poll registers the queues that a waiter needs and tells what is possible now. nil:
	// PollDefault.
	Poll func(t *Task, f *File, w *PollTable) Events
	// Fasync switches SIGIO for the file on or off, with FasyncList.Set, which keeps the file's
	// O_ASYNC. fd is the descriptor, -1 at close. nil: F_SETFL leaves O_ASYNC as it is, FIOASYNC is
	// ENOTTY.
	Fasync func(t *Task, f *File, fd int, on bool) error

	// WriteAll makes a blocking write go on until all bytes are taken, as a tty's or a pipe's does.
	WriteAll bool
	// Symbol names the function behind an operation ("read") for the dispatch tables, where it is
	// not a Go function of its own: "" is the default. nil: the name of the Go function.
	Symbol func(op string) string
}

// Arg is the third argument of an ioctl: a number or, where the command passes a pointer, the
// memory that it points to. The driver reads and writes Buf in place.
//
// A task with user memory passes the program's pointer in Val, and in Buf the memory at that
// address where its size is known; whoever makes the call copies Buf in before and out after it.
type Arg struct {
	Val uint64
	Buf []byte
}

// Ops are the operations of the dispatch tables, in the order in which they are shown.
var dispatchOps = [...]string{"open", "release", "read", "write", "llseek", "ioctl", "poll"}

// symbolOf names the function that an operation leads to, "" for the kernel's default.
func (o *FileOperations) symbolOf(op string) string {
	if o.Symbol != nil {
		return o.Symbol(op)
	}
	var fn any
	switch op {
	case "open":
		fn = o.Open
	case "release":
		fn = o.Release
	case "read":
		fn = o.Read
	case "write":
		fn = o.Write
	case "llseek":
		fn = o.Llseek
	case "ioctl":
		fn = o.Ioctl
	case "poll":
		fn = o.Poll
	}
	v := reflect.ValueOf(fn)
	if !v.IsValid() || v.IsNil() {
		return ""
	}
	name := runtime.FuncForPC(v.Pointer()).Name()
	name = name[strings.LastIndexByte(name, '/')+1:]
	return strings.TrimSuffix(name, "-fm")
}

// defaultOf says what the kernel does where a driver has no function.
func defaultOf(op string) string {
	switch op {
	case "open", "release":
		return "(succeeds)"
	case "read", "write":
		return "(EINVAL)"
	case "llseek":
		return "(ESPIPE)"
	case "ioctl":
		return "(ENOTTY)"
	}
	return "(always ready)"
}
