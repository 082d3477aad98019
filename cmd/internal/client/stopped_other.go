//go:build !linux

package client

// stopped is not known here.
func stopped(int) bool { return false }
