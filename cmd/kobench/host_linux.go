package main

import "golang.org/x/sys/unix"

// hostRelease is what `uname -r` says of the machine that the program runs on.
func hostRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
