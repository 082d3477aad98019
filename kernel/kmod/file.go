package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/kobench/kobench/kernel/uapi"
)

// maxModuleSize bounds what a compressed module may unpack to, in bytes.
const maxModuleSize = 256 << 20

// magicSize is how many bytes a file must have for its compression to be looked at: shorter
// files are EINVAL ([kmod] kmod_file_open).
const magicSize = 6

// ReadModule reads a module file and unpacks it if its first bytes say xz or zstd.
//
// Errors: the file's; ErrFormat for a file shorter than 6 bytes or damaged compressed data.
func ReadModule(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	image, err := Decompress(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return image, nil
}

// Decompress unpacks a module's bytes if they are compressed.
func Decompress(data []byte) ([]byte, error) {
	if len(data) < magicSize {
		return nil, badFormat("%d bytes are no module", len(data))
	}
	var r io.Reader
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\xfd7zXZ\x00")):
		if err = checkXZ(data); err != nil {
			return nil, err
		}
		r, err = xz.NewReader(bytes.NewReader(data))
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		var d *zstd.Decoder
		d, err = zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxModuleSize), zstd.WithDecoderMaxWindow(128<<20))
		if err == nil {
			defer d.Close()
		}
		r = d
	default:
		return data, nil
	}
	if err != nil {
		return nil, badFormat("compressed data: %v", err)
	}
	out, err := io.ReadAll(io.LimitReader(r, maxModuleSize+1))
	if err != nil {
		return nil, badFormat("compressed data: %v", err)
	}
	if len(out) > maxModuleSize {
		return nil, badFormat("unpacks to more than %d bytes", maxModuleSize)
	}
	return out, nil
}

// ReadInfo gives all that modinfo prints of a module file: .modinfo, then the signature.
//
// Errors: those of ReadModule and Parse; ErrNoSection without a .modinfo.
func ReadInfo(path string) ([]Field, error) {
	image, err := ReadModule(path)
	if err != nil {
		return nil, err
	}
	obj, err := Parse(image)
	if err != nil {
		return nil, err
	}
	fields, err := obj.Modinfo()
	if err != nil {
		return nil, err
	}
	if s, ok := ParseSignature(image); ok {
		fields = append(fields, s.Fields()...)
	}
	return fields, nil
}

// openObject parses a module file without reading all of it, where that is possible.
// The caller closes the file when it is done with the object.
func openObject(path string) (Object, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = &os.PathError{Op: "read", Path: path, Err: uapi.EISDIR}
	}
	var magic [magicSize]byte
	if err == nil {
		if _, rerr := f.ReadAt(magic[:], 0); rerr != nil {
			err = badFormat("%s: %v", path, rerr)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	var obj Object
	if bytes.HasPrefix(magic[:], []byte("\x7fELF")) {
		obj, err = parseELF(&fileSource{f, uint64(st.Size())})
	} else {
		var image []byte
		if image, err = ReadModule(path); err == nil {
			obj, err = Parse(image)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return obj, f, nil
}

// fileSource reads ranges of a file as they are asked for.
type fileSource struct {
	f *os.File
	n uint64
}

func (s *fileSource) size() uint64 { return s.n }

func (s *fileSource) slice(off, n uint64) ([]byte, error) {
	if off > s.n || n > s.n-off {
		return nil, errors.New("outside the file")
	}
	p := make([]byte, n)
	if _, err := s.f.ReadAt(p, int64(off)); err != nil {
		return nil, err
	}
	return p, nil
}
