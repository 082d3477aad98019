package run

import (
	"bufio"
	"os"
	"runtime"
	"strings"
)

// cpu is the processor's name as the host tells it: on Linux from /proc/cpuinfo, elsewhere the architecture.
func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, ok := strings.Cut(s.Text(), ":")
		if ok && (strings.TrimSpace(name) == "model name" || strings.TrimSpace(name) == "Processor") {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
