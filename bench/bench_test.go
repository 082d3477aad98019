package bench_test

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kobench/kobench/bench"
	"github.com/stretchr/testify/require"
)

// Outside of a benchmark run every case loops once, however it is started.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		if err := flag.Set("test.benchtime", "1x"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func BenchmarkDispatch(b *testing.B)     { topic(b, "Dispatch") }
func BenchmarkRegistration(b *testing.B) { topic(b, "Registration") }
func BenchmarkThroughput(b *testing.B)   { topic(b, "Throughput") }
func BenchmarkModule(b *testing.B)       { topic(b, "Module") }
func BenchmarkParallel(b *testing.B)     { topic(b, "Parallel") }
func BenchmarkLatency(b *testing.B)      { topic(b, "Latency") }
func BenchmarkHost(b *testing.B)         { topic(b, "Host") }

// topic is the tree of a topic's cases.
func topic(b *testing.B, name string) {
	for _, c := range bench.Cases() {
		if rest, ok := strings.CutPrefix(c.Name, name+"/"); ok {
			b.Run(rest, func(b *testing.B) { report(b, c.Run(b)) })
		}
	}
}

func report(b *testing.B, err error) {
	switch {
	case errors.Is(err, bench.ErrSkip):
		b.Skip(err)
	case err != nil:
		b.Fatal(err)
	}
}

// measure runs a case as the installed program does.
func measure(t *testing.T, c bench.Case) testing.BenchmarkResult {
	var err error
	r := testing.Benchmark(func(b *testing.B) {
		if err = c.Run(b); err != nil {
			b.FailNow()
		}
	})
	if errors.Is(err, bench.ErrSkip) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return r
}

// Every case runs, by a name of its own that one of the benchmarks above finds.
func TestCases(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range bench.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			require.False(t, seen[c.Name], "a second case of this name")
			seen[c.Name] = true
			require.Regexp(t, `^(Dispatch|Registration|Throughput|Module|Parallel|Latency|Host)/[^ ]+$`, c.Name)
			r := measure(t, c)
			require.Equal(t, 1, r.N)
		})
	}
}

// What happens at every call of an open file allocates nothing: a thousand calls, less than one allocation each.
func TestHotPathsAllocateNothing(t *testing.T) {
	require.NoError(t, flag.Set("test.benchtime", "1000x"))
	t.Cleanup(func() { require.NoError(t, flag.Set("test.benchtime", "1x")) })
	for _, c := range bench.Cases() {
		if !hot(c.Name) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) { require.Zero(t, measure(t, c).AllocsPerOp()) })
	}
}

// hot tells which cases are calls on an open file in this process that do not wait. A poll of the loop-back device makes an entry in a wait
// queue.
func hot(name string) bool {
	part := strings.Split(name, "/")
	switch part[0] {
	case "Dispatch":
		return part[len(part)-1] != "open+close" && name != "Dispatch/go/poll"
	case "Throughput":
		return slices.Contains([]string{"copy", "zero", "null", "c", "usb", "host-zero", "host-null"}, part[2])
	}
	return false
}
