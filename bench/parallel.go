package bench

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kobench/kobench/kernel"
)

// parallel measures whether readers hinder each other: one byte a read, each reader a task in a
// goroutine of its own.
//
//	file     all share one open file, through one table of descriptors, as threads do
//	files    each has opened the same device
//	devices  each has a device of its own, with a major of its own
//	bare     each calls a function of its own and there is no kernel: what the machine gives
//
// ns/op is wall time over all reads, so that it halves with a second reader that is not hindered
// and has a processor.
func parallel() []Case {
	var cases []Case
	for _, kind := range []string{"file", "files", "devices", "bare"} {
		for _, readers := range []int{1, 2, 4, 8} {
			cases = append(cases, Case{fmt.Sprintf("Parallel/%s/readers=%d", kind, readers), func(b *testing.B) error {
				return readTogether(b, kind, readers)
			}})
		}
	}
	return cases
}

// reader is a task with an open file. The padding keeps what one reader writes off the cache lines
// of others.
type reader struct {
	_    [64]byte
	task *kernel.Task // nil: bare is called
	bare func(*kernel.Task, *kernel.File, []byte) (int, error)
	fd   int
	p    [1]byte
	_    [64]byte
}

func readTogether(b *testing.B, kind string, n int) (err error) {
	k := kernel.Boot(kernel.Config{})
	defer closing(&err, k.Shutdown)
	readers, err := makeReaders(k, kind, n)
	if err != nil {
		return err
	}
	start, done := make(chan struct{}), make(chan error, n)
	for i, r := range readers {
		count := b.N / n
		if i < b.N%n {
			count++
		}
		go func() {
			<-start
			done <- r.read(count)
		}()
	}
	b.ResetTimer()
	close(start)
	for range readers {
		err = errors.Join(err, <-done)
	}
	b.StopTimer()
	return err
}

func (r *reader) read(count int) error {
	if r.task == nil {
		for range count {
			if _, err := r.bare(nil, nil, r.p[:]); err != nil {
				return err
			}
		}
		return nil
	}
	for range count {
		if _, err := r.task.Read(r.fd, r.p[:]); err != nil {
			return err
		}
	}
	return nil
}

// makeReaders registers devices that give zeros and opens them.
func makeReaders(k *kernel.Kernel, kind string, n int) ([]*reader, error) {
	readers := make([]*reader, n)
	for i := range readers {
		if kind == "bare" {
			readers[i] = &reader{bare: readZeros}
			continue
		}
		if kind == "file" && i > 0 {
			readers[i] = &reader{task: readers[0].task.Clone(), fd: readers[0].fd}
			continue
		}
		path := "/dev/zero0"
		if i == 0 || kind == "devices" {
			path = fmt.Sprintf("/dev/zero%d", i)
			major, err := k.RegisterChrdev(0, "zero", &kernel.FileOperations{Read: readZeros})
			if err != nil {
				return nil, err
			}
			if err := k.Init().Mknod(path, kernel.S_IFCHR|0o600, kernel.MkDev(major, 0)); err != nil {
				return nil, err
			}
		}
		t := k.NewTask()
		fd, err := t.Open(path, kernel.O_RDONLY)
		if err != nil {
			return nil, fmt.Errorf("bench: open %s: %w", path, err)
		}
		readers[i] = &reader{task: t, fd: fd}
	}
	return readers, nil
}

func readZeros(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
