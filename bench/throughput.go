package bench

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
)

// sizes are the numbers of bytes of one call; blockSize is what the side that is not measured moves
// with one.
func sizes() []int { return []int{1, 16, 256, 4096, 65536, 1048576} }

const blockSize = 64 << 10

// path is a way that bytes take: what one writes to, or reads from.
type path struct {
	read, write string // its names
	open        func() (*ends, error)
}

// ends is an open path.
type ends struct {
	// near is the side that is measured. far feeds its reads and drains its writes; without a far
	// end near gives and takes bytes without limit.
	near, far io.ReadWriter
	// close ends calls that wait, too.
	close func() error
}

// throughput measures how many bytes each path moves, for each size of a call; Go's copy, which
// moves them once, is the measure. What is written to null, to the C driver chrb, to the USB sink
// and to the host's null is taken and not looked at; the pipe in C copies it.
func throughput() []Case {
	paths := append(ownPaths(), hostPaths()...)
	var reads, writes []Case
	for _, p := range paths {
		for _, size := range sizes() {
			reads = append(reads, Case{fmt.Sprintf("Throughput/read/%s/%d", p.read, size), func(b *testing.B) error { return p.measure(b, size, true) }})
			writes = append(writes, Case{fmt.Sprintf("Throughput/write/%s/%d", p.write, size), func(b *testing.B) error { return p.measure(b, size, false) }})
		}
	}
	return append(reads, writes...)
}

func (p path) measure(b *testing.B, size int, reading bool) (err error) {
	b.SetBytes(int64(size))
	e, err := p.open()
	if err != nil {
		return err
	}
	e.close = sync.OnceValue(e.close)
	defer closing(&err, e.close)
	switch {
	case e.far != nil:
		err := e.stream(size, b.N*size, reading, b.ResetTimer)
		b.StopTimer()
		return err
	case reading:
		return readAlone(b, e.near, make([]byte, size))
	}
	return writeAlone(b, e.near, make([]byte, size))
}

func readAlone(b *testing.B, r io.Reader, p []byte) error {
	for b.Loop() {
		if n, err := r.Read(p); n != len(p) {
			return fmt.Errorf("bench: read %d of %d bytes: %w", n, len(p), cmp.Or(err, io.ErrUnexpectedEOF))
		}
	}
	return nil
}

func writeAlone(b *testing.B, w io.Writer, p []byte) error {
	for b.Loop() {
		if n, err := w.Write(p); n != len(p) {
			return fmt.Errorf("bench: wrote %d of %d bytes: %w", n, len(p), cmp.Or(err, io.ErrShortWrite))
		}
	}
	return nil
}

// stream moves total bytes from one end to the other and waits until all have arrived. The near end
// is the reader or the writer, size bytes at a time. begin is called before the first byte.
func (e *ends) stream(size, total int, reading bool, begin func()) error {
	from, to, write, read := io.Writer(e.near), io.Reader(e.far), size, blockSize
	if reading {
		from, to, write, read = e.far, e.near, blockSize, size
	}
	out, in := make([]byte, write), make([]byte, read)
	done := make(chan error, 2)
	begin()
	go func() { done <- send(from, out, total) }()
	go func() { done <- receive(to, in, total, reading) }()
	err := <-done
	if err != nil {
		_ = e.close() // the other side would wait for ever
	}
	return errors.Join(err, <-done)
}

// send writes total bytes, p at a time.
func send(w io.Writer, p []byte, total int) error {
	for left := total; left > 0; {
		n, err := w.Write(p[:min(left, len(p))])
		if err != nil {
			return fmt.Errorf("bench: wrote %d of %d bytes: %w", total-left+n, total, err)
		}
		left -= n
	}
	return nil
}

// receive reads total bytes. Full reads fill p each time, as a caller does who wants so much;
// others take what there is.
func receive(r io.Reader, p []byte, total int, full bool) error {
	for left := total; left > 0; {
		read := r.Read
		if full {
			read = func(p []byte) (int, error) { return io.ReadFull(r, p) }
		}
		n, err := read(p[:min(left, len(p))])
		if err != nil {
			return fmt.Errorf("bench: read %d of %d bytes: %w", total-left+n, total, err)
		}
		left -= n
	}
	return nil
}
