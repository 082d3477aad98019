package daemon

import (
	"net"
	"os"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// peerCred says in whose name a client acts: root's for the daemon's own user and the host's root, else the peer's.
func peerCred(c net.Conn) (cred kernel.Cred) {
	cred = kernel.Cred{UID: 65534, GID: 65534}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return cred
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return cred
	}
	_ = raw.Control(func(fd uintptr) {
		p, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		switch {
		case err != nil:
		case p.Uid == 0 || int(p.Uid) == os.Getuid():
			cred = kernel.Cred{}
		default:
			cred = kernel.Cred{UID: p.Uid, GID: p.Gid}
		}
	})
	return cred
}
