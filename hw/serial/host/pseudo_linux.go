package host

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Pseudo reports whether the terminal is a pty's: without rates, formats, modem lines and breaks.
// Majors 136 to 143 are the slaves' (Linux include/uapi/linux/major.h UNIX98_PTY_SLAVE_MAJOR).
func (t *TTY) Pseudo() bool {
	if t.master {
		return true
	}
	st, err := t.f.Stat()
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	major := unix.Major(uint64(sys.Rdev))
	return major >= 136 && major < 144
}
