// Package private keeps what other users of the computer must not touch: directories that are ours
// and closed, files that are opened without following a link, and the name of who is at the other
// end of a socket.
//
// References:
//
//	[XDG] XDG Base Directory Specification 0.8, $XDG_RUNTIME_DIR: owned by the user, who alone may
//	      read and write it
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Error says why a name is not safe to use.
type Error struct {
	Name string
	Why  string
}

func (e *Error) Error() string { return e.Name + ": " + e.Why }

// Unwrap is fs.ErrPermission.
func (e *Error) Unwrap() error { return fs.ErrPermission }

// Dir makes a directory that nobody else can enter, or checks that the one that is there is such: a
// directory and no link to one, owned by us, mode 0700 [XDG].
//
// Errors: *Error somebody else's, or open to others; those of the file system.
func Dir(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(name, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	st, err := os.Lstat(name)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return &Error{name, "it is no directory; remove it, or choose another place"}
	}
	if err := own(name, st); err != nil {
		return err
	}
	if st.Mode().Perm()&0o077 != 0 && closable {
		return &Error{name, fmt.Sprintf("others may enter it (mode %04o); chmod 700 it, or choose another place", st.Mode().Perm())}
	}
	return nil
}

// Place checks that a directory is one where others cannot replace what we put there: ours or
// root's, and not writable by others, or else sticky, as /tmp is. One that is missing is made, as
// Dir does.
//
// Errors: as Dir.
func Place(name string) error {
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Dir(name)
	}
	if err != nil {
		return err
	}
	switch {
	case !st.IsDir():
		return &Error{name, "it is no directory; choose another place"}
	case st.Mode().Perm()&0o022 != 0 && st.Mode()&fs.ModeSticky == 0 && closable:
		return &Error{name, fmt.Sprintf("others may write there (mode %04o); choose another place", st.Mode().Perm())}
	case rootsOwn(st):
		return nil
	}
	return own(name, st)
}

// Create opens a file of ours for writing, from its beginning, mode 0600. It follows no link, and
// what is there already must be a plain file of ours with no second name.
//
// Errors: *Error; those of the file system.
func Create(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|noFollow, 0o600)
	if err != nil {
		if isLink(name) {
			return nil, &Error{name, "it is a link; remove it"}
		}
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &Error{name, "it is no plain file; remove it"}
	}
	if err == nil {
		err = own(name, st)
	}
	if err == nil && links(st) > 1 {
		err = &Error{name, "it has a second name; remove it"}
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil && closable {
		err = f.Chmod(0o600)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func isLink(name string) bool {
	st, err := os.Lstat(name)
	return err == nil && st.Mode()&fs.ModeSymlink != 0
}

// own reports somebody else's file.
func own(name string, st fs.FileInfo) error {
	if uid, ok := owner(st); ok && uid != os.Geteuid() {
		return &Error{name, fmt.Sprintf("it belongs to user %d, not to you (%d); choose another place", uid, os.Geteuid())}
	}
	return nil
}

func rootsOwn(st fs.FileInfo) bool {
	uid, ok := owner(st)
	return ok && uid == 0
}
