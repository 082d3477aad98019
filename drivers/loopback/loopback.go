// Package loopback is the driver to copy from: each of its minors is a FIFO that gives back what
// was written to it. It shows a blocking read and write, poll, an ioctl, SIGIO, a parameter, and a
// node in /dev, and nothing else.
package loopback

import (
	"fmt"
	"sync"

	"github.com/kobench/kobench/kernel"
)

// The ioctl commands of the device.
const (
	// FIONREAD stores the number of bytes that can be read as a 32-bit little-endian integer.
	FIONREAD = 0x541b
	// IoctlReset throws away what is in the FIFO: _IO('l', 1).
	IoctlReset = 'l'<<8 | 1
)

// New builds the module. Parameters: devices, how many there are (1…256); size, bytes in each one's
// FIFO (1…1 MiB).
func New() *kernel.Module {
	d := &driver{}
	d.devices.Store(1)
	d.size.Store(4096)
	return &kernel.Module{
		Name:        "loopback",
		License:     "GPL",
		Description: "gives back what is written to it",
		Params: []kernel.Param{
			{Name: "devices", Desc: "how many devices (1 to 256)", Perm: 0o444, Value: &d.devices},
			{Name: "size", Desc: "bytes in each FIFO (1 to 1048576)", Perm: 0o444, Value: &d.size},
		},
		Init: d.init,
	}
}

type driver struct {
	devices, size kernel.Int
	fifos         []*fifo
}

func (d *driver) init(env *kernel.Env) error {
	n, size := int(d.devices.Load()), int(d.size.Load())
	if n < 1 || n > 256 || size < 1 || size > 1<<20 {
		env.Printf(kernel.LevelErr, "devices=%d size=%d: want 1 to 256 and 1 to 1048576", n, size)
		return kernel.EINVAL
	}
	major, err := env.RegisterChrdev(0, "loopback", &kernel.FileOperations{
		Open: d.open, Read: read, Write: write, Poll: poll, Ioctl: ioctl, Fasync: fasync, WriteAll: true,
	})
	if err != nil {
		return err
	}
	class := env.Class("loopback")
	for i := range n {
		d.fifos = append(d.fifos, &fifo{buf: make([]byte, size)})
		if _, err := env.DeviceCreate(class, kernel.DeviceInfo{
			Name: fmt.Sprintf("loop%d", i), Dev: kernel.MkDev(major, uint32(i)), Mode: 0o666,
		}); err != nil {
			return err
		}
	}
	env.Printf(kernel.LevelInfo, "%d device(s) of %d bytes, major %d", n, size, major)
	return nil
}

// fifo is one device: a ring of bytes and the tasks that wait for it.
type fifo struct {
	wait  kernel.WaitQueue
	async kernel.FasyncList

	mu  sync.Mutex
	buf []byte
	// next byte to read
	head  int // +checklocks:mu
	count int // +checklocks:mu
}

func (d *driver) open(_ *kernel.Task, f *kernel.File) error {
	if int(f.Minor()) >= len(d.fifos) {
		return kernel.ENXIO
	}
	f.Private = d.fifos[f.Minor()]
	return nil
}

func read(_ *kernel.Task, f *kernel.File, p []byte) (int, error) {
	q := f.Private.(*fifo)
	q.mu.Lock()
	if q.count == 0 && len(p) > 0 {
		q.mu.Unlock()
		return 0, kernel.EAGAIN
	}
	n := min(len(p), q.count)
	k := copy(p[:n], q.buf[q.head:])
	copy(p[k:n], q.buf)
	q.head = (q.head + n) % len(q.buf)
	q.count -= n
	q.mu.Unlock()
	q.wait.Wake(kernel.PollOut | kernel.PollWrnorm)
	return n, nil
}

func write(_ *kernel.Task, f *kernel.File, p []byte) (int, error) {
	q := f.Private.(*fifo)
	q.mu.Lock()
	free := len(q.buf) - q.count
	if free == 0 && len(p) > 0 {
		q.mu.Unlock()
		return 0, kernel.EAGAIN
	}
	n := min(len(p), free)
	tail := (q.head + q.count) % len(q.buf)
	k := copy(q.buf[tail:], p[:n])
	copy(q.buf, p[k:n])
	q.count += n
	q.mu.Unlock()
	q.wait.Wake(kernel.PollIn | kernel.PollRdnorm)
	q.async.Kill()
	return n, nil
}

func poll(_ *kernel.Task, f *kernel.File, w *kernel.PollTable) (ev kernel.Events) {
	q := f.Private.(*fifo)
	w.Wait(&q.wait)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count > 0 {
		ev |= kernel.PollIn | kernel.PollRdnorm
	}
	if q.count < len(q.buf) {
		ev |= kernel.PollOut | kernel.PollWrnorm
	}
	return ev
}

func ioctl(_ *kernel.Task, f *kernel.File, cmd uint32, arg kernel.Arg) (int, error) {
	q := f.Private.(*fifo)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch cmd {
	case FIONREAD:
		return 0, arg.PutUint32(uint32(q.count))
	case IoctlReset:
		q.head, q.count = 0, 0
		q.wait.Wake(kernel.PollOut | kernel.PollWrnorm)
		return 0, nil
	}
	return 0, kernel.ENOTTY
}

func fasync(t *kernel.Task, f *kernel.File, _ int, on bool) error {
	f.Private.(*fifo).async.Set(t, f, on)
	return nil
}
