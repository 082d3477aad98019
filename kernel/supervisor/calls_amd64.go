//go:build linux

package supervisor

import "golang.org/x/sys/unix"

// legacyCalls are those that newer machines do without.
func legacyCalls(m map[int32]handler) {
	m[unix.SYS_OPEN] = func(c *call) answer { return c.open(cwd, 0, c.Args[1], uint32(c.Args[2])) }
	m[unix.SYS_CREAT] = func(c *call) answer {
		return c.open(cwd, 0, unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC, uint32(c.Args[1]))
	}
	m[unix.SYS_STAT] = func(c *call) answer { return c.stat(cwd, 0, 1, true) }
	m[unix.SYS_LSTAT] = func(c *call) answer { return c.stat(cwd, 0, 1, false) }
	m[unix.SYS_NEWFSTATAT] = (*call).fstatat
	m[unix.SYS_ACCESS] = func(c *call) answer { return c.access(cwd, 0, 0) }
	m[unix.SYS_READLINK] = func(c *call) answer { return c.readlink(cwd, 0) }
	m[unix.SYS_MKDIR] = func(c *call) answer { return c.mkdir(cwd, 0) }
	m[unix.SYS_MKNOD] = func(c *call) answer { return c.mknod(cwd, 0) }
	m[unix.SYS_UNLINK] = func(c *call) answer { return c.unlink(cwd, 0, false) }
	m[unix.SYS_RMDIR] = func(c *call) answer { return c.unlink(cwd, 0, true) }
	m[unix.SYS_SYMLINK] = func(c *call) answer { return c.symlink(cwd, 1) }
	m[unix.SYS_LINK] = func(c *call) answer { return c.rename(cwd, 0, cwd, 1, true) }
	m[unix.SYS_RENAME] = func(c *call) answer { return c.rename(cwd, 0, cwd, 1, false) }
	m[unix.SYS_RENAMEAT] = func(c *call) answer { return c.rename(0, 1, 2, 3, false) }
	m[unix.SYS_CHMOD] = func(c *call) answer { return c.chmod(cwd, 0, true) }
	m[unix.SYS_CHOWN] = func(c *call) answer { return c.chown(cwd, 0, true) }
	m[unix.SYS_LCHOWN] = func(c *call) answer { return c.chown(cwd, 0, false) }
	m[unix.SYS_UTIME] = func(c *call) answer { return c.touch(cwd, 0) }
	m[unix.SYS_UTIMES] = func(c *call) answer { return c.touch(cwd, 0) }
	m[unix.SYS_FUTIMESAT] = func(c *call) answer { return c.touch(0, 1) }
}
