package host

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Watch sees the clients of any number of PTYs come and go. It is one inotify instance, since the
// kernel allows few of them. Where there is none to be had, it looks at the terminals from time to
// time.
type Watch struct {
	stop chan struct{}
	done sync.WaitGroup

	mu sync.Mutex
	// inotify; nil: not yet, or there is none
	f    *os.File          // +checklocks:mu
	all  map[*opens]*state // +checklocks:mu
	byWD map[int32]*opens  // +checklocks:mu

	ended bool // +checklocks:mu
}

// state is what a Watch without inotify knows of a terminal.
type state struct {
	path  string
	ready func() (in, hup bool) // of the master
	hup   bool
}

// NewWatch makes one. The end of an inotify instance waits for a grace period of Linux's
// (fs/notify/mark.c fsnotify_wait_marks_destroyed), often for more than ten milliseconds. Who may
// be done before the time brief has passed is better served by looking at the terminals that long.
func NewWatch(brief time.Duration) *Watch {
	w := &Watch{stop: make(chan struct{}), all: make(map[*opens]*state), byWD: make(map[int32]*opens)}
	if brief == 0 {
		w.begin()
	}
	w.done.Go(func() {
		if w.inotify() == nil && !w.look(brief) {
			return
		}
		w.listen()
	})
	return w
}

func (w *Watch) inotify() *os.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.f
}

// begin makes the inotify instance, for the terminals that are there and those that come.
func (w *Watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	fd, err := -1, error(nil)
	if !w.ended {
		fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	}
	if err != nil || fd < 0 {
		return
	}
	w.f = os.NewFile(uintptr(fd), "inotify")
	for o, s := range w.all {
		w.addLocked(o, s.path)
	}
}

// add watches a terminal, until forget. An event comes after the open or the close it tells of has
// been done (Linux fs/open.c do_sys_openat2, fs/file_table.c __fput), so that who looks first and
// waits then misses nothing.
func (w *Watch) add(path string, ready func() (in, hup bool)) (o *opens, forget func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o = newOpens()
	w.all[o] = &state{path: path, ready: ready, hup: true}
	wd := w.addLocked(o, path)
	return o, func() error { // the watch itself ends with the terminal
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, o)
		if w.byWD[wd] == o {
			delete(w.byWD, wd)
		}
		return nil
	}
}

// +checklocks:w.mu
func (w *Watch) addLocked(o *opens, path string) int32 {
	if w.f == nil {
		return -1
	}
	wd := -1
	if rc, err := w.f.SyscallConn(); err == nil {
		_ = rc.Control(func(fd uintptr) { wd, _ = unix.InotifyAddWatch(int(fd), path, unix.IN_OPEN|unix.IN_CLOSE) })
	}
	if wd >= 0 {
		w.byWD[int32(wd)] = o
	}
	return int32(wd)
}

// look looks at the terminals until there is an inotify instance, which it makes when the time
// brief has passed. It reports whether there is one.
func (w *Watch) look(brief time.Duration) bool {
	t := time.NewTicker(pollClient / 4)
	defer t.Stop()
	over := time.NewTimer(brief)
	defer over.Stop()
	for {
		select {
		case <-w.stop:
			return false
		case <-over.C:
			w.begin()
			if w.inotify() != nil {
				w.tellAll() // of what came between the last look and now
				return true
			}
		case <-t.C:
			w.mu.Lock()
			for o, s := range w.all {
				// in: of a client that may have gone again
				if in, hup := s.ready(); in || hup != s.hup {
					s.hup = hup
					o.tell()
				}
			}
			w.mu.Unlock()
		}
	}
}

func (w *Watch) tellAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for o := range w.all {
		o.tell()
	}
}

// listen reads events until the file is closed.
func (w *Watch) listen() {
	f, buf := w.inotify(), make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		if err != nil {
			return
		}
		// wd, mask, cookie, length of the name that follows: inotify(7)
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			wd, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
			b = b[min(len(b), unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:]))):]
			w.mu.Lock()
			o := w.byWD[wd]
			w.mu.Unlock()
			if o != nil {
				o.tell()
			}
			if mask&unix.IN_Q_OVERFLOW != 0 { // it may have been anybody's
				w.tellAll()
			}
		}
	}
}

// Close ends it.
func (w *Watch) Close() error {
	close(w.stop)
	w.mu.Lock()
	w.ended = true // nor does look make one any more
	f := w.f
	w.mu.Unlock()
	var err error
	if f != nil {
		err = f.Close()
	}
	w.done.Wait()
	return err
}
