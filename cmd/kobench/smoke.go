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
		Use: "smoke [-b BOARD | --device PORT… | --usb ID] [--loopback | --echo | --far PORT]", Short: "Test serial ports and USB devices, simulated or real",
		Args: func(cmd *cobra.Command, args []string) error { return lastFile(cmd, &o, args) },
		Long: `smoke runs the line suite (patterns, sizes, modes, modem lines, break, flow control, latency, throughput) through terminal, driver and
UART: on every port of a fresh machine of the board, or with --device on a port of the host that is attached behind an emulated UART. Devices
on a board's lines are asked who they are, instruments and gadget zeros on its USB bus are tested by their drivers. With --usb a device of this
computer (through libusb; the host's own driver has it back afterwards) or of a USB/IP server is put on the bus of a simulated machine.

Several devices are tested at the same time. --repeat and --for test again and again, for adapters that fail now and then: a line for each run, and
with --html a page with the latency and the failures over time. --json, --tap and --junit write to the standard output, or with =FILE to a file.

Exit status 0: everything that could be tested passed; 1: something failed, or nothing passed.`,
		Example: `  kobench smoke
  kobench smoke --device /dev/ttyUSB0 --loopback --baud 9600
  kobench smoke --device /dev/ttyUSB0 --far /dev/ttyUSB1 --json
  kobench smoke --device /dev/ttyUSB0 --device /dev/ttyUSB1 --junit=smoke.xml
  kobench smoke --device /dev/ttyUSB0 --for 8h --html night.html
  kobench smoke --usb 0403:6001 --loopback
  kobench smoke --usb 192.0.2.7:3240/1-1`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for flag, v := range map[string]int{"max-size": o.MaxSize, "repeat": o.Repeat} {
				if cmd.Flags().Changed(flag) && v < 1 {
					return fmt.Errorf("--%s %d: want 1 or more", flag, v)
				}
			}
			o.Version = version()
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			o.Skip = map[string]string{}
			for _, name := range skip {
				o.Skip[name] = "left out by --skip"
			}
			err := smoke.Run(ctx, o, s.out, s.err)
			if errors.Is(err, smoke.ErrFailed) {
				if o.JSON != "-" {
					fmt.Fprintln(s.err, err)
				}
				return exitStatus(1)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Board, "board", "b", "", "the machine: a board's name, or a .yaml file (default \"default\")")
	f.StringSliceVar(&o.Devices, "device", nil, "a port of this computer, such as /dev/ttyUSB0; again for more")
	f.StringVar(&o.USB, "usb", "", "a USB device: VENDOR:PRODUCT of this computer, or HOST:PORT/BUSID of a USB/IP server")
	f.BoolVar(&o.Loopback, "loopback", false, "the device has a loop-back plug (the default)")
	f.BoolVar(&o.Echo, "echo", false, "the device sends back what it receives")
	f.StringVar(&o.Far, "far", "", "the port at the other end of the device's null modem")
	f.IntVar(&o.Baud, "baud", 0, "bits per second of most checks (default 115200)")
	f.IntVar(&o.MaxSize, "max-size", 0, "bytes of the largest transfer (default 65536)")
	f.StringSliceVar(&skip, "skip", nil, "checks to leave out, by name or group: break,lines,modes")
	f.IntVar(&o.Repeat, "repeat", 0, "how often to test")
	f.DurationVar(&o.For, "for", 0, "test again and again for this long: 30m, 8h")
	f.StringVar(&o.HTML, "html", "", "write a page with a summary, and plots of latency and failures over time, to this file")
	for name, x := range map[string]struct {
		to  *string
		how string
	}{"json": {&o.JSON, "as JSON"}, "tap": {&o.TAP, "in the Test Anything Protocol"}, "junit": {&o.JUnit, "as JUnit's XML"}} {
		f.StringVar(x.to, name, "", "write the results "+x.how+", to a `FILE` or to the standard output")
		f.Lookup(name).NoOptDefVal = "-"
	}
	return cmd
}

// lastFile takes an argument as the file of the one format that was given without any: "--junit
// smoke.xml" for "--junit=smoke.xml".
func lastFile(cmd *cobra.Command, o *smoke.Options, args []string) error {
	var bare []*string
	for _, to := range []*string{&o.JSON, &o.TAP, &o.JUnit} {
		if *to == "-" {
			bare = append(bare, to)
		}
	}
	if len(args) == 1 && len(bare) == 1 {
		*bare[0] = args[0]
		return nil
	}
	return cobra.NoArgs(cmd, args)
}
