package private

import (
	"net"

	"golang.org/x/sys/unix"
)

// PeerOf says who is at the other end of a Unix socket: of a server, who called listen.
func PeerOf(c net.Conn) (p Peer, ok bool) {
	u, isUnix := c.(*net.UnixConn)
	if !isUnix {
		return Peer{}, false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Peer{}, false
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p, ok = Peer{UID: cred.Uid, GID: cred.Gid, PID: int(cred.Pid)}, true
		}
	})
	return p, ok
}
