package private

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A bench of another user is not trusted: it would get our modules.
func TestStranger(t *testing.T) {
	needRoot(t)
	dir, err := os.MkdirTemp("/tmp", "stranger")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o777))
	socket := filepath.Join(dir, "sock")
	listening, done, ended := make(chan error), make(chan struct{}), make(chan struct{})
	go func() { // on a thread that becomes nobody, and ends with this function
		defer close(ended)
		runtime.LockOSThread()
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); e != 0 {
			listening <- e
			return
		}
		l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
		listening <- err
		if err == nil {
			<-done
			l.Close()
		}
	}()
	require.NoError(t, <-listening)
	defer func() { close(done); <-ended }()
	c, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
	require.NoError(t, err)
	defer c.Close()
	p, ok := PeerOf(c)
	require.True(t, ok)
	require.EqualValues(t, nobody, p.UID)
	require.EqualError(t, Trust(c, socket), socket+": a program of user 65534 listens there, not one of yours (0)")
	t.Setenv("SUDO_UID", "65534") // sudo insmod: it is the bench of who has called sudo
	require.NoError(t, Trust(c, socket))
}
