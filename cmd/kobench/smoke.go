package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/kobench/kobench/cmd/internal/smoke"
	"github.com/spf13/cobra"
)

func (s streams) smokeCommand() *cobra.Command {
	var o smoke.Options
	var skip []string
	cmd := &cobra.Command{
		Use: "smoke [-b BOARD | --device PORT | --usb ID] [--loopback | --echo | --far PORT]", Short: "Test serial ports and USB devices, simulated or real",
		Args: cobra.NoArgs,
		Long: `smoke runs the line suite (patterns, sizes, modes, modem lines, break, flow control, latency, throughput) through terminal, driver and
UART: on every port of a fresh machine of the board, or with --device on a port of the host that is attached behind an emulated UART. Devices
on a board's lines are asked who they are, instruments and gadget zeros on its USB bus are tested by their drivers. With --usb a device of this
computer (through libusb; the host's own driver has it back afterwards) or of a USB/IP server is put on the bus of a simulated machine.
Exit status 0: everything that could be tested passed; 1: something failed, or nothing passed.`,
		Example: `  kobench smoke
  kobench smoke --device /dev/ttyUSB0 --loopback --baud 9600
  kobench smoke --device /dev/ttyUSB0 --far /dev/ttyUSB1 --json
  kobench smoke --usb 0403:6001 --loopback
  kobench smoke --usb 192.0.2.7:3240/1-1`,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			o.Skip = map[string]string{}
			for _, name := range skip {
				o.Skip[name] = "left out by --skip"
			}
			err := smoke.Run(ctx, o, s.out, s.err)
			if errors.Is(err, smoke.ErrFailed) && !o.JSON {
				fmt.Fprintln(s.err, err)
				return exitStatus(1)
			}
			if errors.Is(err, smoke.ErrFailed) {
				return exitStatus(1)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Board, "board", "b", "", "the machine: a board's name, or a .yaml file (default \"default\")")
	f.StringVar(&o.Device, "device", "", "a port of this computer, such as /dev/ttyUSB0")
	f.StringVar(&o.USB, "usb", "", "a USB device: VENDOR:PRODUCT of this computer, or HOST:PORT/BUSID of a USB/IP server")
	f.BoolVar(&o.Loopback, "loopback", false, "the device has a loop-back plug (the default)")
	f.BoolVar(&o.Echo, "echo", false, "the device sends back what it receives")
	f.StringVar(&o.Far, "far", "", "the port at the other end of the device's null modem")
	f.IntVar(&o.Baud, "baud", 0, "bits per second of most checks (default 115200)")
	f.IntVar(&o.MaxSize, "max-size", 0, "bytes of the largest transfer (default 65536)")
	f.StringSliceVar(&skip, "skip", nil, "checks to leave out, by name or group: break,lines,modes")
	f.BoolVar(&o.JSON, "json", false, "write the results as JSON")
	return cmd
}
