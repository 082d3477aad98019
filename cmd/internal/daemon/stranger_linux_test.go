package daemon_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A second user of the computer cannot reach the socket; where he could, he would be himself and
// not root.
func TestStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else for a moment")
	}
	b := serve(t, nil)
	dial := func() (c net.Conn, err error) {
		done := make(chan struct{})
		go func() { // on a thread that becomes nobody, and ends with this function
			defer close(done)
			runtime.LockOSThread()
			if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); e != 0 {
				err = e
				return
			}
			c, err = new(net.Dialer).DialContext(t.Context(), "unix", b.socket)
		}()
		<-done
		return c, err
	}
	_, err := dial()
	require.ErrorIs(t, err, os.ErrPermission)

	require.NoError(t, os.Chmod(filepath.Dir(b.socket), 0o755))
	require.NoError(t, os.Chmod(b.socket, 0o666)) // as if somebody had opened it
	for _, line := range owners() {
		status, _ := b.ask(t, dial, line, "")
		require.Equal(t, http.StatusForbidden, status, line)
	}
	status, _ := b.ask(t, dial, "GET info", "")
	require.Equal(t, http.StatusOK, status)
}
