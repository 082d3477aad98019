//go:build unix

package main

import "syscall"

// ownGroup keeps the terminal's signals away from a helper; ownSession lets a bench outlive its terminal.
func ownGroup() *syscall.SysProcAttr   { return &syscall.SysProcAttr{Setpgid: true} }
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
