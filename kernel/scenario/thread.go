package scenario

import (
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kobench/kobench/kernel"
)

// answer is what an operation came to.
type answer struct {
	n      int64
	err    error
	detail string
	asked  Asked
	quiet  bool // no line of the transcript
}

func failure(err error) answer { return answer{err: err} }

// files are descriptors by name.
type files struct {
	mu     sync.Mutex
	byName map[string]int // +checklocks:mu
}

// fd is the descriptor of a name, -1 where there is none.
func (f *files) fd(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fd, ok := f.byName[name]; ok {
		return fd
	}
	return -1
}

func (f *files) set(name string, fd int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byName[name] = fd
}

// A thread makes calls with a task of its own; descriptors are everybody's.
type thread struct {
	number int
	task   *kernel.Task
	files  *files
	memory *memory
}

func (t *thread) open(name, path string, flags uint32) answer {
	fd, err := t.task.Open(path, flags)
	if err != nil {
		t.files.set(name, -1)
		return failure(err)
	}
	t.files.set(name, fd)
	return answer{}
}

func (t *thread) close(name string) answer { return failure(t.task.Close(t.files.fd(name))) }

func (t *thread) dup(name, as string) answer {
	fd, err := t.task.Dup(t.files.fd(name))
	if err == nil {
		t.files.set(as, fd)
	}
	return failure(err)
}

func (t *thread) read(name string, n int) answer {
	p := make([]byte, n)
	for i := range p {
		p[i] = 0xaa // what a driver does not write stays recognisable
	}
	fd := t.files.fd(name)
	got, err := t.task.Read(fd, p)
	p = p[:min(max(got, 0), n)]
	untouched := len(p) > 0 && !slices.ContainsFunc(p, func(b byte) bool { return b != 0xaa })
	return answer{n: int64(got), err: err, detail: shown(p), asked: Asked{Bytes: n, Nonblock: t.nonblock(fd), Untouched: untouched}}
}

func (t *thread) write(name string, p []byte) answer {
	fd := t.files.fd(name)
	n, err := t.task.Write(fd, p)
	return answer{n: int64(n), err: err, asked: Asked{Bytes: len(p), Nonblock: t.nonblock(fd)}}
}

// nonblock reports whether a descriptor is O_NONBLOCK.
func (t *thread) nonblock(fd int) bool {
	flags, err := t.task.Fcntl(fd, kernel.F_GETFL, 0)
	return err == nil && uint32(flags)&kernel.O_NONBLOCK != 0
}

func (t *thread) lseek(name string, off int64, whence int) answer {
	n, err := t.task.Lseek(t.files.fd(name), off, whence)
	return answer{n: n, err: err, asked: Asked{Offset: off, Whence: whence}}
}

func (t *thread) ioctl(name string, cmd uint32, value uint64) answer {
	n, err := t.task.Ioctl(t.files.fd(name), cmd, kernel.Arg{Val: value})
	return answer{n: int64(n), err: err, asked: Asked{Command: cmd}}
}

// ioctlPointer passes the address of p, and shows what is there afterwards.
func (t *thread) ioctlPointer(name string, cmd uint32, p []byte) answer {
	addr, at := t.memory.place(p)
	n, err := t.task.Ioctl(t.files.fd(name), cmd, kernel.Arg{Val: addr})
	return answer{n: int64(n), err: err, detail: "[" + hex.EncodeToString(at[:min(len(p), 64)]) + "]", asked: Asked{Command: cmd, Pointer: true}}
}

func (t *thread) poll(name string, events kernel.Events, d time.Duration) answer {
	fds := []kernel.PollFD{{FD: t.files.fd(name), Events: events}}
	queues := t.queues(fds[0].FD)
	n, err := t.task.Poll(fds, d)
	return answer{n: int64(n), err: err, detail: "revents 0x" + strconv.FormatUint(uint64(fds[0].Revents), 16),
		asked: Asked{Events: fds[0].Revents, Queues: queues}}
}

// queues is how many queues a file's poll names.
func (t *thread) queues(fd int) int {
	h, err := t.task.File(fd)
	if err != nil {
		return 0
	}
	table := kernel.NewPollTable(func(kernel.Events) {})
	h.Poll(table)
	defer h.Close()
	defer table.Release()
	return table.Queues()
}

func (t *thread) cat(path string) answer {
	h, err := t.task.OpenFile(path, kernel.O_RDONLY)
	if err != nil {
		return failure(err)
	}
	p := make([]byte, 4096)
	n, err := h.Read(p)
	if err == io.EOF {
		err = nil
	}
	closing := h.Close()
	if err == nil {
		err = closing
	}
	return answer{n: int64(n), err: err, detail: shown(p[:n])}
}

func (t *thread) echo(p []byte, path string) answer {
	h, err := t.task.OpenFile(path, kernel.O_WRONLY)
	if err != nil {
		return failure(err)
	}
	n, err := h.Write(p)
	closing := h.Close()
	if err == nil {
		err = closing
	}
	return answer{n: int64(n), err: err}
}

// shown quotes the beginning of what was read.
func shown(p []byte) string {
	const most = 40
	if len(p) == 0 {
		return ""
	}
	text := strconv.Quote(string(p[:min(len(p), most)]))
	if len(p) > most {
		text += "…"
	}
	return text
}
