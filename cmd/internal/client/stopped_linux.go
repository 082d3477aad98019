package client

import (
	"bytes"
	"fmt"
	"os"
)

// stopped reports whether a signal or a debugger has stopped a process (proc(5), /proc/PID/stat:
// state T or t).
func stopped(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if pid <= 0 || err != nil {
		return false
	}
	// the name before may hold anything but, in our case, this
	_, after, ok := bytes.Cut(text, []byte(") "))
	return ok && len(after) > 0 && (after[0] == 'T' || after[0] == 't')
}
