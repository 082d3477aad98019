package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// hostRelease is what `uname -r` says of the machine that the program runs on.
func hostRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// writable reports whether dir is a directory in which this user may make files.
func writable(dir string) bool {
	st, err := os.Stat(dir)
	return err == nil && st.IsDir() && unix.Access(dir, unix.W_OK|unix.X_OK) == nil
}
