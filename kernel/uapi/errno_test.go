package uapi

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrnoRoundTrip(t *testing.T) {
	for n, row := range errnoTable {
		if row.name == "" {
			continue
		}
		e := Errno(n)
		require.Equal(t, row.name, e.Name())
		byName, ok := ErrnoByName(row.name)
		require.True(t, ok, row.name)
		require.Equal(t, e, byName)
		require.Equal(t, e, ErrnoOf(e), row.name)
		require.Equal(t, e, ErrnoOf(&fs.PathError{Op: "open", Path: "x", Err: e}), row.name)
	}
}

func TestErrnoOfHost(t *testing.T) {
	for _, h := range []struct {
		linux Errno
		host  syscall.Errno
	}{
		{EPERM, syscall.EPERM}, {ENOENT, syscall.ENOENT}, {EAGAIN, syscall.EAGAIN}, {EDEADLK, syscall.EDEADLK},
		{ENAMETOOLONG, syscall.ENAMETOOLONG}, {ELOOP, syscall.ELOOP}, {EPROTO, syscall.EPROTO}, {EILSEQ, syscall.EILSEQ},
		{ETIMEDOUT, syscall.ETIMEDOUT}, {ESHUTDOWN, syscall.ESHUTDOWN},
	} {
		require.Equal(t, h.linux, ErrnoOf(fmt.Errorf("wrapped: %w", h.host)), h.linux.Name())
		var host syscall.Errno
		require.ErrorAs(t, h.linux, &host)
		require.Equal(t, h.host, host)
	}
	require.Equal(t, EIO, ErrnoOf(syscall.Errno(9999)), "a number that no Linux has")
}

func TestKernelErrnos(t *testing.T) {
	require.Equal(t, "ERESTARTSYS", ERESTARTSYS.Name())
	require.Equal(t, "Unknown error 512", ERESTARTSYS.Error(), "the C library does not know it")
	require.NoError(t, ERESTARTSYS.Unwrap(), "no host has it")
	_, ok := ErrnoByName("ERESTARTSYS")
	require.False(t, ok)
}

func TestErrnoMeansStandardErrors(t *testing.T) {
	for _, c := range []struct {
		e      Errno
		target error
	}{
		{ENOENT, fs.ErrNotExist}, {EEXIST, fs.ErrExist}, {EPERM, fs.ErrPermission}, {EACCES, fs.ErrPermission},
		{ETIMEDOUT, os.ErrDeadlineExceeded}, {EBADF, fs.ErrClosed}, {ENOTTY, errors.ErrUnsupported},
	} {
		require.ErrorIs(t, c.e, c.target, c.e.Name())
	}
	require.NotErrorIs(t, EBUSY, fs.ErrExist)
}

func TestErrnoText(t *testing.T) {
	require.Equal(t, "Device or resource busy", EBUSY.Error())
	require.Equal(t, "Unknown error 999", Errno(999).Error())
	require.Equal(t, Errno(0), ErrnoOf(nil))
	require.Equal(t, EIO, ErrnoOf(errors.New("something else")))
	require.Equal(t, ENOSPC, ErrnoOf(errnoer{}))
}

type errnoer struct{}

func (errnoer) Error() string { return "hardware" }
func (errnoer) Errno() int    { return int(ENOSPC) }
