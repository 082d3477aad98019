package report_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kobench/kobench/bench/report"
	"github.com/stretchr/testify/require"
)

func TestReadMedian(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ns         float64
		lines      int
		iters      int
	}{
		{"one line", "BenchmarkA-2 10 7 ns/op\n", 7, 1, 10},
		{"odd", "BenchmarkA-2 10 9 ns/op\nBenchmarkA-2 20 100 ns/op\nBenchmarkA-2 30 3 ns/op\n", 9, 3, 60},
		{"even", "BenchmarkA-2 1 4 ns/op\nBenchmarkA-2 1 1 ns/op\nBenchmarkA-2 1 900 ns/op\nBenchmarkA-2 1 6 ns/op\n", 5, 4, 4},
		{"other lines between", "BenchmarkA-2 1 4 ns/op\nPASS\nBenchmarkB-2 1 70 ns/op\nok x\nBenchmarkA-2 1 8 ns/op\n", 6, 2, 2},
		{"a unit that one line lacks", "BenchmarkA-2 1 4 ns/op\nBenchmarkA-2 1 3 B/op\n", 4, 2, 2},
		{"no number of processors", "BenchmarkA 1 0.5 ns/op\n", 0.5, 1, 1},
		{"the largest there is", "BenchmarkA 1 1.5e308 ns/op\nBenchmarkA 1 1.5e308 ns/op\n", 1.5e308, 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			run, err := report.Read(strings.NewReader(c.text))
			require.NoError(t, err)
			a := run.Lookup("A")
			require.NotNil(t, a)
			ns, ok := a.Value("ns/op")
			require.True(t, ok)
			require.InDelta(t, c.ns, ns, c.ns*1e-12)
			require.Equal(t, c.lines, a.Lines)
			require.Equal(t, c.iters, a.Iters)
		})
	}
}

func TestReadKeepsWhatWasWritten(t *testing.T) {
	run, err := report.Read(strings.NewReader(`goos: linux
cpu: A "fast" one
pkg: a
note:	tab	here
BenchmarkLatency/host-pipe-4 100 12 ns/op 30 p50-ns 2.5 MB/s 70000 B/kernel
pkg: b
BenchmarkLatency/host-pipe-8 100 13 ns/op
BenchmarkX/y=-1 1 0 ns/op
`))
	require.NoError(t, err)
	require.Equal(t, []report.Config{
		{Key: "goos", Values: []string{"linux"}},
		{Key: "cpu", Values: []string{`A "fast" one`}},
		{Key: "pkg", Values: []string{"a", "b"}},
		{Key: "note", Values: []string{"tab here"}},
	}, run.Config)
	require.Equal(t, "a, b", run.Get("pkg"))
	require.Empty(t, run.Get("commit"))
	require.Len(t, run.Results, 3)

	pipe := run.Lookup("Latency/host-pipe")
	require.Same(t, run.Results[0], pipe, "the first of several numbers of processors")
	require.Equal(t, 4, pipe.Procs)
	require.Equal(t, []report.Value{
		one("ns/op", 12), one("p50-ns", 30), one("MB/s", 2.5), one("B/kernel", 70000),
	}, pipe.Values)
	require.Equal(t, 8, run.Results[1].Procs)
	_, ok := run.Lookup("no such").Value("ns/op")
	require.False(t, ok)
}

// one is a value that was measured once.
func one(unit string, v float64) report.Value {
	return report.Value{Unit: unit, Value: v, Low: v, High: v}
}

// Repeated runs have a spread, a single one has none.
func TestSpread(t *testing.T) {
	run, err := report.Read(strings.NewReader("BenchmarkA-2 1 8 ns/op\nBenchmarkA-2 1 10 ns/op\nBenchmarkA-2 1 13 ns/op\nBenchmarkB-2 1 4 ns/op\n"))
	require.NoError(t, err)
	require.Equal(t, report.Value{Unit: "ns/op", Value: 10, Low: 8, High: 13}, run.Lookup("A").Values[0])
	require.InDelta(t, 0.5, run.Lookup("A").Values[0].Spread(), 1e-9)
	require.Zero(t, run.Lookup("B").Values[0].Spread())
}

func TestReadErrors(t *testing.T) {
	const good = "BenchmarkA-2 1 4 ns/op\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "no line with a result"},
		{"only configuration", "goos: linux\n", "no line with a result"},
		{"not a benchmark", "<html></html>", "no line with a result"},
		{"only the name", "BenchmarkA-2\nPASS\n", "no line with a result"},
		{"cut off", good + "BenchmarkB-2 100\n", "line 2: missing measurements"},
		{"no unit", good + "BenchmarkB-2 100 4\n", "line 2: missing units"},
		{"iterations are words", "BenchmarkB-2 many 4 ns/op\n", "line 1: parsing iteration count"},
		{"a value is a word", "BenchmarkB-2 1 fast ns/op\n", "line 1: parsing measurement"},
		{"no iteration", good + "BenchmarkB-2 0 4 ns/op\n", "line 2: 0 iterations"},
		{"less than none", "BenchmarkB-2 -7 4 ns/op\n", "line 1: -7 iterations"},
		{"not a number", "BenchmarkB-2 1 NaN ns/op\n", "line 1: NaN ns/op is no measurement"},
		{"infinite", "BenchmarkB-2 1 +Inf p50-ns\n", "line 1: +Inf p50-ns is no measurement"},
		{"negative", "BenchmarkB-2 1 -4 ns/op\n", "line 1: -4 ns/op cannot be negative"},
		{"twice", "BenchmarkB-2 1 4 ns/op 5 ns/op\n", "line 1: ns/op stands twice in one line"},
		{"two machines", "cpu: a\n" + good + "cpu: b\n" + good, `line 4: cpu is "b" here and "a" before; give the text of one run`},
		{"two commits", "commit: a\n" + good + "commit: b\n" + good, "commit is"},
		{"bytes in a name", "BenchmarkB\x01-2 1 4 ns/op\n", "line 1: the name"},
		{"no text in a name", "BenchmarkB\xff-2 1 4 ns/op\n", "line 1: the name"},
		{"no name", "Benchmark 1 4 ns/op\n", "line 1: the name"},
		{"bytes in a unit", "BenchmarkB-2 1 4 n\x00s\n", "line 1: the unit"},
		{"bytes in a key", "a\x1b[0m: b\n" + good, "line 2: the configuration key"},
		{"too many iterations", strings.Repeat("BenchmarkB-2 9223372036854775807 4 ns/op\n", 2), "more iterations than can be counted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := report.Read(strings.NewReader(c.text))
			require.ErrorIs(t, err, report.ErrFormat)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := report.Read(io.MultiReader(strings.NewReader("BenchmarkA-2 1 4 ns/op\n"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, report.ErrFormat)

	_, err = report.Read(strings.NewReader("BenchmarkA-2 1 4 ns/op\n" + strings.Repeat("x", 1<<20)))
	require.ErrorContains(t, err, "token too long")
}

// FuzzRead: a text is refused, or makes a page that is well-formed and loads nothing.
func FuzzRead(f *testing.F) {
	f.Add("BenchmarkDispatch/indirect/read/1-2 1 2 ns/op\nBenchmarkHost/read/1-2 1 2 ns/op\nBenchmarkDispatch/go/read/1 1 0 ns/op\n")
	f.Add("cpu: <b>\nBenchmarkThroughput/read/<x>/16-2 1 5e-324 ns/op 3 MB/s\nBenchmarkThroughput/write/null/1-2 9 1e300 ns/op\n")
	f.Add("BenchmarkParallel/file/readers=1-2 1 2 ns/op\nBenchmarkParallel/file/readers=0 1 2 ns/op\nBenchmarkParallel/files/readers=9999999999-3 1 2 ns/op\n")
	f.Add("BenchmarkRegistration/pair/taken=0-2 1 2 ns/op\nBenchmarkRegistration/open/minors=1-2 1 1e17 ns/op\nBenchmarkRegistration/open/minors=7-2 1 1e-8 ns/op\n")
	f.Add("BenchmarkLatency/tty-2 1 2 ns/op 3 p50-ns 2 p99-ns 1 p99.9-ns\nBenchmarkModule/kernels/10000 1 1 ns/op -3 B/kernel 5 ns/kernel\n")
	f.Add("BenchmarkA-2 1 4 ns/op 5 ns/op\n")
	f.Fuzz(func(t *testing.T, text string) {
		run, err := report.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		parse(t, page(t, run))
	})
}
