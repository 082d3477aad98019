package kmodtest

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
)

// WriteTree writes module files below dir (ROOT/lib/modules/RELEASE); the key of a module is its
// path there, whose ending says how it is compressed. modules.order lists them by path.
func WriteTree(t testing.TB, dir string, modules map[string]Module) {
	t.Helper()
	var order []string
	for path, m := range modules {
		WriteFile(t, filepath.Join(dir, path), Compress(t, path, m.ELF()))
		base, _, _ := strings.Cut(filepath.Base(path), ".")
		order = append(order, filepath.Join(filepath.Dir(path), base)+".ko\n")
	}
	slices.Sort(order)
	WriteFile(t, filepath.Join(dir, "modules.order"), []byte(strings.Join(order, "")))
}

// WriteFile writes a file and the directories above it.
func WriteFile(t testing.TB, path string, data []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, data, 0o644))
}

// Compress packs a module as its file name says.
func Compress(t testing.TB, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	var err error
	switch filepath.Ext(name) {
	case ".gz":
		w = gzip.NewWriter(&b)
	case ".xz":
		w, err = xz.NewWriter(&b)
	case ".zst":
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	default:
		return data
	}
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}
