package host

import (
	"os"

	"golang.org/x/sys/unix"
)

// watchOpens asks inotify. It does not count: the kernel merges equal events. An event comes after the open or the close it tells of has been done
// (Linux fs/open.c do_sys_openat2, fs/file_table.c __fput), so that who looks first and waits then misses nothing. Without inotify, whose instances are
// few, it is nil.
func watchOpens(path string) *opens {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_CLOSE); err != nil {
		unix.Close(fd)
		return nil
	}
	f, o, done := os.NewFile(uintptr(fd), "inotify "+path), newOpens(), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			if _, err := f.Read(buf); err != nil {
				return
			}
			o.tell()
		}
	}()
	o.close = func() error {
		err := f.Close()
		<-done
		return err
	}
	return o
}
