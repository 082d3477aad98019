//go:build unix

package daemon

import (
	"net"

	"golang.org/x/sys/unix"
)

// left reports whether a client has closed its end, even if there is data of its that nobody has
// read.
func left(c net.Conn) (yes bool) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}} // POLLHUP comes unasked
		n, _ := unix.Poll(p, 0)
		yes = n > 0 && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return yes || err != nil
}
