package ko_test

import (
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/stretchr/testify/require"
)

// A WARN, and what runs in atomic context, names the driver's function that was entered.
func TestTraceNamesTheDriver(t *testing.T) {
	for what, want := range map[string]string{"warn": "something is odd", "sleep": "scheduling while atomic"} {
		k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})), kerneltest.Expect(want))
		require.NoError(t, k.Init().InitModule(fixtures.MustModule("sloppy"), "what="+what, 0))
		require.NoError(t, k.Init().DeleteModule("sloppy", 0))
		require.Regexp(t, `(?s)`+want+`.*<TASK>\n\[[ 0-9.]+\]  \? sloppy_init\+0x0/0x[0-9a-f]+ \[sloppy\]\n.*</TASK>`, k.Log.Text())
	}
}
