//go:build !linux

package daemon

import "github.com/kobench/kobench/kernel"

func mountFUSE(*kernel.Kernel, string) (func() error, error) { return nil, kernel.ENOSYS }
