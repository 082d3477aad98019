package uapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
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

// The table's ends: what is not in it is nobody's number.
func TestErrnoEnds(t *testing.T) {
	last := Errno(len(errnoTable) - 1)
	require.Equal(t, EHWPOISON, last)
	for _, tt := range []struct {
		e          Errno
		name, text string
		host       bool
	}{
		{-1, "errno -1", "Unknown error -1", false}, {0, "errno 0", "Unknown error 0", false}, {EPERM, "EPERM", "Operation not permitted", true},
		{41, "errno 41", "Unknown error 41", true}, {58, "errno 58", "Unknown error 58", true},
		{last, "EHWPOISON", "Memory page has hardware error", true}, {last + 1, "errno 134", "Unknown error 134", false},
	} {
		require.Equal(t, tt.name, tt.e.Name())
		require.Equal(t, tt.text, tt.e.Error())
		_, host := toHost(tt.e)
		require.Equal(t, tt.host && (runtime.GOOS == "linux" || tt.e == EPERM), host && (runtime.GOOS == "linux" || tt.e == EPERM), "%d", tt.e)
	}
	_, ok := fromHost(0)
	require.False(t, ok)
	_, ok = ErrnoByName("")
	require.False(t, ok)
	_, ok = ErrnoByName("ENOSUCH")
	require.False(t, ok)
}

// What net.Error asks.
func TestErrnoTimeout(t *testing.T) {
	for e, want := range map[Errno][2]bool{EINTR: {true, false}, EAGAIN: {true, true}, ETIMEDOUT: {false, true}, EIO: {false, false}} {
		require.Equal(t, want, [2]bool{e.Temporary(), e.Timeout()}, e.Name())
	}
}

// Errors of the standard library have the nearest meaning.
func TestErrnoOfStandardErrors(t *testing.T) {
	for err, want := range map[error]Errno{
		fs.ErrNotExist: ENOENT, fs.ErrExist: EEXIST, fs.ErrPermission: EACCES, fs.ErrClosed: EBADF, os.ErrDeadlineExceeded: ETIMEDOUT,
		context.DeadlineExceeded: ETIMEDOUT, context.Canceled: EINTR, io.ErrShortWrite: ENOSPC,
	} {
		require.Equal(t, want, ErrnoOf(fmt.Errorf("wrapped: %w", err)), err)
	}
	require.ErrorIs(t, ENOTEMPTY, fs.ErrExist)
	require.ErrorIs(t, ENOSYS, errors.ErrUnsupported)
	require.ErrorIs(t, EOPNOTSUPP, errors.ErrUnsupported)
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
