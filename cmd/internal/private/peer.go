package private

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

// Peer is who is at the other end of a socket.
type Peer struct {
	UID, GID uint32
	PID      int
}

// Trust checks that the server at the other end of a socket is ours, root's, or of the user for
// whom sudo has made us root.
//
// Errors: *Error it is somebody else's. What the system cannot tell is trusted.
func Trust(c net.Conn, socket string) error {
	p, ok := PeerOf(c)
	if !ok || p.UID == 0 || int(p.UID) == os.Geteuid() {
		return nil
	}
	if sudo, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil && os.Geteuid() == 0 && uint32(sudo) == p.UID {
		return nil
	}
	return &Error{socket, fmt.Sprintf("a program of user %d listens there, not one of yours (%d)", p.UID, os.Geteuid())}
}
