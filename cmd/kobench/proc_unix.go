//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// replaceBy makes the process another program. Errors: the system's; with none it does not return.
func replaceBy(path string, args, env []string) error {
	if err := syscall.Exec(path, args, env); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// ownGroup keeps the terminal's signals away from a helper; ownSession lets a bench outlive its
// terminal.
func ownGroup() *syscall.SysProcAttr   { return &syscall.SysProcAttr{Setpgid: true} }
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
