package run

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// cpu is the processor's name as the host tells it: on Linux from /proc/cpuinfo, elsewhere the
// architecture.
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

// load says what ran beside the benchmarks: the load averages of 1, 5 and 15 minutes [proc(5)], and
// on how many processors; "" where the host does not tell.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return ""
	}
	return fmt.Sprintf("%s on %d processors", strings.Join(fields[:3], " "), runtime.NumCPU())
}
