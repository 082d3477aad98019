//go:build !linux

package main

// hostRelease is empty: there are no Linux modules.
func hostRelease() string { return "" }

// writable is for Linux's directories in memory.
func writable(string) bool { return false }
