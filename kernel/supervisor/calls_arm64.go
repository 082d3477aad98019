//go:build linux

package supervisor

import "golang.org/x/sys/unix"

// legacyCalls are those that x86-64 does not have under these names.
func legacyCalls(m map[int32]handler) {
	m[unix.SYS_FSTATAT] = (*call).fstatat
	m[unix.SYS_RENAMEAT] = func(c *call) answer { return c.rename(0, 1, 2, 3, false) }
}
