package ko_test

import (
	"testing"
	"time"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/kobench/kobench/kernel/ko/machine"
	"github.com/stretchr/testify/require"
)

// A kernel thread that never stops by itself holds up neither rmmod nor the end of the kernel.
func TestThreadsThatDoNotStop(t *testing.T) {
	for _, tt := range []struct {
		what string
		opts []kerneltest.Option
	}{
		{"flood", nil}, // prints and lets others run, for ever
		{"spin", []kerneltest.Option{kerneltest.Expect("oops: watchdog: BUG: soft lockup")}},
	} {
		for _, remove := range []bool{true, false} {
			name := tt.what + ", then rmmod"
			opts := append(tt.opts, kerneltest.Expect("left: sloppy: left behind: kernel thread "+tt.what))
			if !remove {
				name = tt.what + ", then the end"
				opts = append(opts, kerneltest.Left("module sloppy|/sys/module/sloppy|task "+tt.what))
			}
			t.Run(name, func(t *testing.T) {
				k := kerneltest.Boot(t, append(opts, kerneltest.WithFormat(ko.New(ko.Config{Machine: machine.Config{Watchdog: 50 * time.Millisecond}})))...)
				require.NoError(t, k.Init().InitModule(fixtures.MustModule("sloppy"), "what="+tt.what, 0))
				if remove {
					require.NoError(t, k.Init().DeleteModule("sloppy", 0))
				}
			})
		}
	}
}
