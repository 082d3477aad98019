package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A busy machine is said to be so, an idle one is not.
func TestLoadBefore(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"0.10 0.2 0.3 on 2 processors": "0.10 0.2 0.3 on 2 processors",
		"3.10 0.2 0.3 on 2 processors": "3.10 0.2 0.3 on 2 processors: the machine was busy, trust ratios more than times",
	} {
		if text != "" {
			text = "load-before: " + text + "\n"
		}
		run, err := Read(strings.NewReader(text + "BenchmarkA-2 1 8 ns/op\n"))
		require.NoError(t, err)
		require.Equal(t, want, run.loadBefore())
	}
}
