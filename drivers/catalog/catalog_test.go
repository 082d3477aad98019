package catalog_test

import (
	"testing"

	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// TestLifeOfEveryDriver loads and removes each driver twice: a second load starts afresh, and
// nothing stays behind.
func TestLifeOfEveryDriver(t *testing.T) {
	for name, build := range catalog.All() {
		t.Run(name, func(t *testing.T) {
			k := kerneltest.Boot(t, kerneltest.WithCatalog(catalog.All()))
			devices := func() int {
				list, err := k.Init().ReadDir("/dev")
				require.NoError(t, err)
				return len(list)
			}
			require.Equal(t, name, build().Name)
			for _, needed := range map[string][]string{
				"usbserial": {"usbcore"}, "ftdi_sio": {"usbcore", "usbserial"}, "cdc_acm": {"usbcore"}, "usbtmc": {"usbcore"}, "usbtest": {"usbcore"}, "usb_skeleton": {"usbcore"},
			}[name] {
				require.NoError(t, k.Init().LoadByName(needed, ""))
				defer func() { require.NoError(t, k.Init().DeleteModule(needed, 0)) }()
			}
			before := devices()
			for range 2 {
				require.NoError(t, k.Init().LoadByName(name, ""))
				require.NoError(t, k.Init().DeleteModule(name, 0))
				require.Equal(t, before, devices())
			}
			require.Zero(t, k.Taint(), "our own drivers do not taint")
		})
	}
}
