package host

import (
	"encoding/binary"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// opens counts how many programs have a device open, from inotify's events on it.
type opens struct {
	f       *os.File
	n       atomic.Int64
	changed chan struct{}
	done    chan struct{}
}

// watchOpens begins to count; what is open by now does not count.
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
		n, err := o.f.Read(buf)
		if err != nil {
			return
		}
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			mask := binary.NativeEndian.Uint32(b[4:])
			size := binary.NativeEndian.Uint32(b[12:])
			switch {
			case mask&unix.IN_OPEN != 0:
				o.n.Add(1)
			case mask&unix.IN_CLOSE != 0:
				o.n.Add(-1)
			}
			b = b[min(len(b), unix.SizeofInotifyEvent+int(size)):]
		}
		select {
		case o.changed <- struct{}{}:
		default:
		}
	}
}

// Poll reports whether somebody has it open.
func (o *opens) Poll() bool { return o.n.Load() > 0 }

func (o *opens) Close() error {
	err := o.f.Close()
	<-o.done
	return err
}
