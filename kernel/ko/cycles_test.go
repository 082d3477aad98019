package ko_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/stretchr/testify/require"
)

// TestCyclesGiveMemoryBack inserts and removes hello many times: the process's memory stays where
// it was after the first thousand. KOBENCH_CYCLES sets how often (100000 takes some seconds).
func TestCyclesGiveMemoryBack(t *testing.T) {
	cycles := 3000
	if n, err := strconv.Atoi(os.Getenv("KOBENCH_CYCLES")); err == nil {
		cycles = n
	}
	k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})))
	task, image := k.Init(), fixtures.MustModule("hello")
	live := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	var before uint64
	for i := range cycles {
		require.NoError(t, task.InitModule(image, "", 0))
		require.NoError(t, task.DeleteModule("hello", 0))
		if i == 999 {
			before = live()
		}
	}
	after := live()
	t.Logf("%d cycles: %d KiB in use after the first 1000, %d KiB at the end", cycles, before>>10, after>>10)
	require.Less(t, after, before+before/4+256<<10)
}
