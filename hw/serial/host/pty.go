//go:build unix

package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/creack/pty"
	"github.com/kobench/kobench/hw/serial"
)

// PTYPair opens a bare pseudo terminal of the host as a line with two ends: master and slave.
func PTYPair() (master, slave *TTY, err error) {
	m, s, err := pty.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("serial: pty: %w", err)
	}
	name := s.Name()
	// The slave again, so that Go's poller has it.
	f, err := openControl(name)
	s.Close()
	if err == nil {
		slave = newTTY(name, f, fileIO{f}, haveIoctls)
		err = slave.SetMode(serial.DefaultMode)
	}
	if err == nil {
		m, err = pollable(m, name+" (master)")
	}
	if err != nil {
		if slave != nil {
			slave.Close()
		}
		m.Close()
		return nil, nil, err
	}
	master = newTTY(m.Name(), m, fileIO{m}, false)
	master.master = true
	return master, slave, nil
}

// pollable makes f one that Go's poller waits for, so that Close and deadlines end a read.
func pollable(f *os.File, name string) (*os.File, error) {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return f, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return f, err
	}
	f.Close()
	return os.NewFile(uintptr(fd), name), nil
}

// Symlink points path at target, as one step: a program that has path in its configuration finds
// the new device or the old one.
//
// Errors: EEXIST when path is there and is not a symbolic link; those of the file system.
func Symlink(target, path string) error {
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSymlink == 0 {
		return &serial.Error{Op: "symlink", Port: path, Reason: "a file that is not a symbolic link is in the way; remove it or choose another path", Errno: syscall.EEXIST}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	os.Remove(tmp)
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// removeLink takes the symbolic link away if it still is ours.
func removeLink(target, path string) error {
	if path == "" {
		return nil
	}
	if t, err := os.Readlink(path); err != nil || t != target {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
