package ko_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/fixtures/oracle"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/stretchr/testify/require"
)

// ours is what fixtures/modules/tier1.c prints here: formats, strings, lists, kernel threads that
// sleep on locks, timers, works, devices.
func ours(t *testing.T, opts ...kerneltest.Option) string {
	k := kerneltest.Boot(t, append(opts, kerneltest.WithFormat(ko.New(ko.Config{})))...)
	task := k.Init()
	k.Log.Clear()
	require.NoError(t, task.InitModule(fixtures.MustModule("tier1"), "", 0))
	require.NoError(t, task.DeleteModule("tier1", 0))
	require.NotContains(t, k.Log.Text(), "left behind")
	return plain(k.Log.Text())
}

// plain takes off what belongs to the run: time stamps, and the lines about where the module comes
// from.
func plain(log string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(log), "\n") {
		line = regexp.MustCompile(`^\[ *\d+\.\d+\] `).ReplaceAllString(line, "")
		if !strings.Contains(line, "taints kernel") && !strings.Contains(line, "verification failed") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// The first tier of the API does what Linux's does, by what Linux 6.1 printed.
func TestTier1(t *testing.T) {
	recorded, err := os.ReadFile("../../fixtures/oracle/transcripts/tier1.txt")
	require.NoError(t, err)
	require.Equal(t, plain(string(recorded)), ours(t))
}

// late is the clock of a machine that has a tenth of the host's time.
type late struct {
	kernel.Clock
	boot time.Time
}

func (c late) Now() time.Duration { return time.Since(c.boot) / 10 }
func (c late) Wall() time.Time    { return c.boot.Add(c.Now()) }

// On a machine that is late no sleep nor time-out ends before its time: the module sees the same.
func TestTier1LateMachine(t *testing.T) {
	want := ours(t)
	require.Contains(t, want, "time passed: 1")
	require.Equal(t, want, ours(t, kerneltest.WithConfig(kernel.Config{Clock: late{boot: time.Now()}})))
}

// The same beside a real kernel that is booted now.
func TestOracleTier1(t *testing.T) {
	oracle.Need(t)
	run, err := filepath.Abs("../../fixtures/oracle/run")
	require.NoError(t, err)
	real, err := exec.Command(run, "-t", "120", "--", "dmesg -c >/dev/null; insmod tier1.ko; rmmod tier1; dmesg").Output()
	require.NoError(t, err, "%s", real)
	require.Equal(t, plain(string(real)), ours(t))
}
