//go:build !linux

package host

// Pseudo reports whether the terminal is a pty's, as far as this system tells.
func (t *TTY) Pseudo() bool { return t.master }
