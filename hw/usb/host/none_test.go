//go:build !libusb || !cgo

package host_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/host"
)

func TestWithoutLibusb(t *testing.T) {
	_, err := host.Open(host.ID{Vendor: 0x0403, Product: 0x6001})
	require.ErrorIs(t, err, usb.EOPNOTSUPP)
	require.ErrorContains(t, err, "-tags libusb")
}
