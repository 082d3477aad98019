package run

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/bench"
	"github.com/kobench/kobench/bench/report"
	"github.com/stretchr/testify/require"
)

// What is written is what the report reads.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	var names []string
	skipped, err := Run(t.Context(), Options{Match: regexp.MustCompile(`^Dispatch/(indirect|table|go/read)`), Time: time.Millisecond, Count: 2,
		Progress: func(done, total int, name string) {
			require.LessOrEqual(t, done, total)
			names = append(names, name)
		}}, &out)
	require.NoError(t, err)
	require.Empty(t, skipped)
	require.Equal(t, []string{"Dispatch/indirect/read/1", "Dispatch/indirect/read/1", "Dispatch/table/read/1", "Dispatch/table/read/1", "Dispatch/go/read/1", "Dispatch/go/read/1", ""}, names)
	r, err := report.Read(bytes.NewReader(out.Bytes()))
	require.NoError(t, err, "%s", &out)
	require.Len(t, r.Results, 3)
	got := r.Lookup("Dispatch/go/read/1")
	require.Equal(t, 2, got.Lines)
	require.Equal(t, runtime.GOMAXPROCS(0), got.Procs)
	ns, ok := got.Value("ns/op")
	require.True(t, ok)
	require.Greater(t, ns, 0.0)
	allocs, ok := got.Value("allocs/op")
	require.True(t, ok)
	require.Zero(t, allocs)
	require.Equal(t, runtime.GOOS, r.Get("goos"))
	require.NotEmpty(t, r.Get("date"))
}

func TestMeasure(t *testing.T) {
	_, err := Measure(bench.Case{Name: "X", Run: func(*testing.B) error { return bench.ErrSkip }}, time.Millisecond)
	require.ErrorIs(t, err, bench.ErrSkip)
	broken := errors.New("broken")
	calls := 0
	_, err = Measure(bench.Case{Name: "X", Run: func(*testing.B) error { calls++; return broken }}, time.Millisecond)
	require.ErrorIs(t, err, broken)
	require.Equal(t, 1, calls)
}

// A run that is stopped keeps what it has.
func TestInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var out bytes.Buffer
	_, err := Run(ctx, Options{Match: regexp.MustCompile(`^Dispatch/(indirect|table)`), Time: time.Millisecond, Progress: func(done, _ int, _ string) {
		if done == 1 {
			stop()
		}
	}}, &out)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, out.String(), "BenchmarkDispatch/indirect/read/1")
	_, err = report.Read(strings.NewReader(out.String()))
	require.NoError(t, err)
}
