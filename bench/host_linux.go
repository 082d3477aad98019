package bench

import (
	"fmt"
	"testing"

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
					return fmt.Errorf("bench: poll /dev/zero of the host: %d files are ready, want 1; error %w", n, err)
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
