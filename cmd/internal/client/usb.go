package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/kobench/kobench/cmd/internal/daemon"
	usbdev "github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// USB lists what is plugged into the machine's bus.
func (c *Client) USB() (list []daemon.Plugged, err error) {
	return list, c.call("GET", "usb", nil, nil, &list)
}

// Plug plugs a device in, described as a board does it, and returns when the kernel has dealt with
// it.
func (c *Client) Plug(spec []byte) (p daemon.Plugged, err error) {
	return p, c.call("POST", "usb", nil, bytes.NewReader(spec), &p)
}

// Unplug pulls out what is in a port.
//
// Errors: ENODEV nothing is there; those of every request.
func (c *Client) Unplug(port string) error {
	return c.call("DELETE", "usb", values("port", port), nil, nil)
}

// Faults says what faults were injected where.
func (c *Client) Faults() (string, error) {
	var a struct {
		Report string `json:"report"`
	}
	return a.Report, c.call("GET", "faults", nil, nil, &a)
}

// Export offers devices over USB/IP; EndExport ends that.
func (c *Client) Export(listen string, ports []string) (x daemon.Exported, err error) {
	q := values("listen", listen)
	q["port"] = ports
	return x, c.call("POST", "usbip", q, nil, &x)
}

// EndExport ends the USB/IP server.
//
// Errors: EINVAL there is no server; those of every request.
func (c *Client) EndExport() error { return c.call("DELETE", "usbip", nil, nil, nil) }

// ControlTransfer makes a control transfer to the device of a usbfs node.
func (c *Client) ControlTransfer(node string, s usb.Setup) ([]byte, error) {
	var fd struct {
		FD int `json:"fd"`
	}
	if err := c.call("POST", "open", values("path", node, "flags", strconv.Itoa(kernel.O_RDWR)), nil, &fd); err != nil {
		return nil, err
	}
	defer func() { _ = c.call("DELETE", fmt.Sprintf("fd/%d", fd.FD), nil, nil, nil) }()
	b := s.Append(nil)
	b = append(b, 0x88, 0x13, 0, 0) // 5000 ms
	b = append(b, make([]byte, 12+int(s.Length))...)
	res, err := c.do(context.Background(), "POST", fmt.Sprintf("fd/%d/ioctl", fd.FD), values("cmd", strconv.FormatUint(usbdev.USBDEVFS_CONTROL, 10)), bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(res.Header.Get("Kobench-Result"))
	if len(got) < 24+n || n < 0 {
		return nil, fmt.Errorf("the bench answered %d bytes to a transfer of %d", len(got), n)
	}
	return got[24 : 24+n], nil
}
