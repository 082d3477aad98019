package main

import (
	"errors"
	"syscall"
)

func replaceBy(string, []string, []string) error { return errors.ErrUnsupported }

const newProcessGroup = 0x200 // CREATE_NEW_PROCESS_GROUP

func ownGroup() *syscall.SysProcAttr   { return &syscall.SysProcAttr{CreationFlags: newProcessGroup} }
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{CreationFlags: newProcessGroup} }
