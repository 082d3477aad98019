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
)

// DefaultSocket is where the bench listens unless told otherwise: $KOBENCH_SOCKET, else kobench.sock in $XDG_RUNTIME_DIR, else in
// a folder of the user's own below the system's temporary one.
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
	return filepath.Join(os.TempDir(), "kobench-"+strconv.Itoa(os.Getuid()))
}

// ErrRunning says that a bench answers on the socket already.
var ErrRunning = errors.New("a bench is running already")

// Listen makes the socket, mode 0600, in the place of one that a dead daemon has left. A folder that has to be made is the user's
// alone.
//
// Errors: ErrRunning; those of the file system.
func Listen(path string) (net.Listener, error) {
	if len(path) > 100 {
		return nil, fmt.Errorf("socket %s: a socket's path has room for about 100 bytes, this has %d; choose a shorter one", path, len(path))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
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
	hidden := path + "." + strconv.Itoa(os.Getpid())
	_ = os.Remove(hidden)
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
