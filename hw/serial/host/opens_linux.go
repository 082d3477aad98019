package host

import (
	"os"

	"golang.org/x/sys/unix"
)

// opens tells when a device has been opened or closed, by inotify. It does not count: the kernel merges equal events.
type opens struct {
	f       *os.File
	changed chan struct{}
	done    chan struct{}
}

func watchOpens(path string) (*opens, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_CLOSE); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "inotify_add_watch", Path: path, Err: err}
	}
	o := &opens{f: os.NewFile(uintptr(fd), "inotify "+path), changed: make(chan struct{}, 1), done: make(chan struct{})}
	go o.run()
	return o, nil
}

func (o *opens) run() {
	defer close(o.done)
	buf := make([]byte, 4096)
	for {
		if _, err := o.f.Read(buf); err != nil {
			return
		}
		select {
		case o.changed <- struct{}{}:
		default:
		}
	}
}

func (o *opens) Close() error {
	err := o.f.Close()
	<-o.done
	return err
}
