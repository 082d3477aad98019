package report_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/kobench/kobench/bench/report"
	"github.com/stretchr/testify/require"
)

func sample(t testing.TB) *report.Run {
	t.Helper()
	f, err := os.Open("testdata/sample.txt")
	require.NoError(t, err)
	defer f.Close()
	run, err := report.Read(f)
	require.NoError(t, err)
	return run
}

func page(t testing.TB, run *report.Run) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run.WriteHTML(&out))
	if to := os.Getenv("REPORT"); to != "" {
		require.NoError(t, os.WriteFile(to, out.Bytes(), 0o644))
	}
	return out.String()
}

func TestSample(t *testing.T) {
	page(t, sample(t))
}
