package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/kobench/kobench/cmd/internal/private"
)

// DefaultSocket is where the bench listens unless told otherwise: $KOBENCH_SOCKET, else
// kobench.sock in $XDG_RUNTIME_DIR, else in a folder of the user's own below the system's temporary
// one.
func DefaultSocket() string {
	if s := os.Getenv("KOBENCH_SOCKET"); s != "" {
		return s
	}
	return filepath.Join(runtimeDir(), "kobench.sock")
}

func runtimeDir() string {
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		return d
	}
	return filepath.Join(os.TempDir(), "kobench-"+strconv.Itoa(os.Geteuid()))
}

// ErrRunning says that a bench answers on the socket already.
var ErrRunning = errors.New("a bench is running already")

// Place makes or checks the folder of a socket: the default one must be the user's alone, another
// one must keep others from replacing what is in it.
//
// Errors: *private.Error; those of the file system.
func Place(socket string) error {
	dir := filepath.Dir(socket)
	if dir == runtimeDir() {
		return private.Dir(dir)
	}
	return private.Place(dir)
}

// Listen makes the socket, mode 0600, in the place of one that a dead daemon has left.
//
// Errors: ErrRunning; *private.Error others could replace the socket; those of the file system.
func Listen(path string) (net.Listener, error) {
	if len(path) > 100 {
		return nil, fmt.Errorf("socket %s: a socket's path has room for about 100 bytes, this has %d; choose a shorter one", path, len(path))
	}
	if err := Place(path); err != nil {
		return nil, err
	}
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case st.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("socket %s: there is something else of that name", path)
	default:
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return nil, fmt.Errorf("socket %s: %w (kobench down ends it)", path, ErrRunning)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// The socket appears under its name only once nobody else can open it.
	if left, err := filepath.Glob(path + ".*.new"); err == nil { // of those killed right here
		for _, name := range left {
			_ = os.Remove(name)
		}
	}
	hidden := path + "." + strconv.Itoa(os.Getpid()) + ".new"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(hidden, 0o600); err == nil {
		err = os.Rename(hidden, path)
	}
	if err != nil {
		l.Close()
		_ = os.Remove(hidden)
		return nil, err
	}
	return l, nil
}
