package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/kobench/kobench/hw/serial"
	serialhost "github.com/kobench/kobench/hw/serial/host"
	"golang.org/x/sys/unix"
)

// host makes the calls of the dispatch cases on the devices of the kernel that the program runs on.
func host() []Case {
	on := func(name, path string, run func(b *testing.B, fd int) error) Case {
		return Case{"Host/" + name, func(b *testing.B) (err error) {
			fd, err := hostOpen(path)
			if err != nil {
				return err
			}
			defer closing(&err, func() error { return unix.Close(fd) })
			return run(b, fd)
		}}
	}
	return []Case{
		on("read/1", "/dev/zero", func(b *testing.B, fd int) error {
			p := make([]byte, 1)
			for b.Loop() {
				if _, err := unix.Read(fd, p); err != nil {
					return err
				}
			}
			return nil
		}),
		on("write/1", "/dev/zero", func(b *testing.B, fd int) error {
			p := make([]byte, 1)
			for b.Loop() {
				if _, err := unix.Write(fd, p); err != nil {
					return err
				}
			}
			return nil
		}),
		on("ioctl", "/dev/urandom", func(b *testing.B, fd int) error {
			for b.Loop() {
				if _, err := unix.IoctlGetInt(fd, rndGetEntCnt); err != nil {
					return err
				}
			}
			return nil
		}),
		on("poll", "/dev/zero", func(b *testing.B, fd int) error {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			for b.Loop() {
				if n, err := unix.Poll(fds, 0); n != 1 || err != nil {
					return fmt.Errorf("bench: poll /dev/zero of the host: %d files are ready, want 1 (%v)", n, err)
				}
			}
			return nil
		}),
		on("lseek", "/dev/zero", func(b *testing.B, fd int) error {
			for b.Loop() {
				if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
					return err
				}
			}
			return nil
		}),
		{"Host/open+close", func(b *testing.B) error {
			for b.Loop() {
				fd, err := unix.Open("/dev/zero", unix.O_RDWR, 0)
				if err != nil {
					return err
				}
				if err := unix.Close(fd); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

// hostOpen opens a device of the host, which a container may lack.
func hostOpen(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("bench: %w: open %s: %w", ErrSkip, path, err)
	}
	return fd, nil
}

// hostPaths are the ways through the host's kernel that one would take instead.
func hostPaths() []path {
	return []path{
		{"host-zero", "host-null", openHostMemory},
		{"host-pipe", "host-pipe", openHostPipe},
		{"host-pty", "host-pty", openHostPTY},
	}
}

// descriptor is a file of the host whose calls never wait, without the os package in between.
type descriptor int

// Read goes on where a signal cut it short, as those by which Go's scheduler pre-empts do.
func (d descriptor) Read(p []byte) (done int, err error) {
	for {
		n, err := unix.Read(int(d), p[done:])
		if done += max(n, 0); n <= 0 || done == len(p) {
			return done, err
		}
	}
}

func (d descriptor) Write(p []byte) (int, error) { return unix.Write(int(d), p) }

func openHostMemory() (*ends, error) {
	zero, err := hostOpen("/dev/zero")
	if err != nil {
		return nil, err
	}
	null, err := hostOpen("/dev/null")
	if err != nil {
		return nil, errors.Join(err, unix.Close(zero))
	}
	return &ends{
		near:  halves{descriptor(zero), descriptor(null)},
		close: func() error { return errors.Join(unix.Close(zero), unix.Close(null)) },
	}, nil
}

// openHostPipe is a pipe as a program in Go has it: Go's poller waits.
func openHostPipe() (*ends, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	both := halves{r, w}
	return &ends{near: both, far: both, close: func() error { return errors.Join(r.Close(), w.Close()) }}, nil
}

// openHostPTY is a bare pseudo terminal of the host, raw: what a program reads and writes is its
// slave.
func openHostPTY() (*ends, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("bench: %w: %w", ErrSkip, err)
	}
	var number int
	err = control(master, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	var slave *os.File
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: %w: %w", ErrSkip, err), master.Close())
	}
	leave := func() error { return errors.Join(slave.Close(), master.Close()) }
	err = control(slave, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, unix.TCSETS, t)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: make a pty of the host raw: %w", err), leave())
	}
	return &ends{near: slave, far: master, close: leave}, nil
}

// control does something with the descriptor of an open file.
func control(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = c.Control(func(fd uintptr) { inner = do(int(fd)) })
	return errors.Join(err, inner)
}

// openDoor is a program of the host on the pty of ttyS1, and one in the simulated kernel on ttyS2:
// a pty of the host, its door, a terminal, a UART, a null modem, a UART, a terminal.
func openDoor() (*ends, error) {
	var undo []func() error
	leave := func() (err error) {
		for _, f := range slices.Backward(undo) {
			err = errors.Join(err, f())
		}
		return err
	}
	door, err := serialhost.OpenPTY("")
	if err != nil {
		return nil, fmt.Errorf("bench: %w: %w", ErrSkip, err)
	}
	undo = append(undo, door.Close)
	m, err := machine("max")
	if err != nil {
		return nil, errors.Join(err, leave())
	}
	undo = append(undo, m.Close)
	near, err := openTerminal(m, "ttyS1")
	if err != nil {
		return nil, errors.Join(err, leave())
	}
	undo = append(undo, near.Close)
	far, err := openTerminal(m, "ttyS2")
	if err != nil {
		return nil, errors.Join(err, leave())
	}
	undo = append(undo, far.Close)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- door.Serve(ctx, near) }()
	undo = append(undo, func() error {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	client, err := serialhost.OpenPort(door.Path(), serial.Format8N1(115200))
	if err != nil {
		return nil, errors.Join(err, leave())
	}
	undo = append(undo, client.Close)
	// What is sent before the door has seen its client is lost: the client speaks first.
	if _, err = client.Write([]byte{0}); err == nil {
		_, err = io.ReadFull(far, make([]byte, 1))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: the door's first byte: %w", err), leave())
	}
	return &ends{near: client, far: far, close: leave}, nil
}
