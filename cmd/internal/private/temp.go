package private

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lockName is the file in a temporary directory that its process keeps locked.
const lockName = ".lock"

// newborn begins the name of a directory that is not locked yet.
const newborn = "kobench-new-"

// TempDir makes a directory of ours in base ("" is the system's temporary one), named
// PREFIX-NUMBER. It stays locked until the process ends, however that happens; those of the same
// prefix that no living process has locked are removed first. end removes this one.
//
// Errors: those of the file system.
func TempDir(base, prefix string) (dir string, end func(), err error) {
	if base == "" {
		base = os.TempDir()
	}
	sweep(base, prefix)
	fresh, err := os.MkdirTemp(base, newborn)
	if err != nil {
		return "", nil, err
	}
	f, err := os.OpenFile(filepath.Join(fresh, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		_, err = hold(f)
	}
	if err == nil { // only now others look at it
		dir = filepath.Join(filepath.Dir(fresh), prefix+"-"+strings.TrimPrefix(filepath.Base(fresh), newborn))
		err = rename(f, fresh, dir)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		_ = os.RemoveAll(fresh)
		return "", nil, err
	}
	return dir, func() {
		remove(dir)
		f.Close()
	}, nil
}

// rename gives the directory its name. Where locks do not survive, which is where an open file
// keeps its directory from being renamed, there is no lock.
func rename(lock *os.File, from, to string) error {
	err := os.Rename(from, to)
	if err != nil && !closable {
		lock.Close()
		err = os.Rename(from, to)
	}
	return err
}

// age is how old a directory must be that has no lock at all: its maker has died before it could
// take one.
const age = time.Hour

// sweep removes what processes that were killed have left.
func sweep(temp, prefix string) {
	if !closable { // nothing tells here who is alive
		return
	}
	list, err := os.ReadDir(temp)
	if err != nil {
		return
	}
	for _, e := range list {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(temp, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), newborn):
			if st, err := e.Info(); err == nil && own(dir, st) == nil && time.Since(st.ModTime()) > age {
				_ = os.RemoveAll(dir)
			}
		case strings.HasPrefix(e.Name(), prefix+"-"):
			if st, err := e.Info(); err == nil && own(dir, st) == nil {
				reap(dir)
			}
		}
	}
}

func reap(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|noFollow, 0)
	if err != nil { // somebody else's idea of the name
		return
	}
	defer f.Close()
	if held, err := hold(f); err == nil && held {
		remove(dir)
	}
}

// remove takes a directory away, its lock last: whoever is killed in the middle leaves something to
// sweep.
func remove(dir string) {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		if e.Name() != lockName {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.RemoveAll(dir)
}
