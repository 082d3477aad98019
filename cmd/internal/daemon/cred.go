package daemon

import (
	"net"
	"os"
	"runtime"

	"github.com/kobench/kobench/cmd/internal/private"
	"github.com/kobench/kobench/kernel"
)

// nobody is in whose name a client acts of whom nothing is known.
const nobody = 65534

// peerCred says in whose name a client acts: root's for the daemon's own user and the host's root,
// else the peer's. Where the system does not tell, the socket's mode has let nobody but the
// daemon's user in.
func peerCred(c net.Conn) kernel.Cred {
	p, ok := private.PeerOf(c)
	switch {
	case !ok && runtime.GOOS != "linux", ok && (p.UID == 0 || int(p.UID) == os.Geteuid()):
		return kernel.Cred{}
	case !ok:
		return kernel.Cred{UID: nobody, GID: nobody}
	}
	return kernel.Cred{UID: p.UID, GID: p.GID}
}
