//go:build !linux

package main

// hostRelease is empty: there are no Linux modules.
func hostRelease() string { return "" }
