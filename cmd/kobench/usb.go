package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/kobench/kobench/cmd/internal/lsusb"
	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/hw/usb/usbip"
	"github.com/spf13/cobra"
)

func (s streams) lsusbCommand() *cobra.Command {
	o := lsusb.Options{Names: true}
	var where string
	cmd := &cobra.Command{
		Use: "lsusb [-v | -t] [-s [BUS:][DEVICE]] [-d VENDOR:[PRODUCT]]", Short: "List USB devices", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) (err error) {
			if o.Bus, o.Dev, err = lsusb.ParseSelect(where); err != nil {
				return err
			}
			c := s.bench("lsusb")
			defer c.Close()
			if err := lsusb.Run(c, o, s.out); errors.Is(err, lsusb.ErrNone) {
				return exitStatus(1)
			} else if err != nil {
				return err
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "all that the devices say about themselves")
	f.BoolVarP(&o.Tree, "tree", "t", false, "what hangs on what, and which drivers have it")
	f.StringVarP(&where, "select", "s", "", "only devices with this bus or number, in decimal")
	f.StringVarP(&o.ID, "device", "d", "", "only devices with these ids, in hexadecimal")
	return cmd
}

func (s streams) plugCommand() *cobra.Command {
	spec := map[string]any{}
	text := map[string]*string{}
	var seed uint64
	cmd := &cobra.Command{
		Use: "plug DEVICE [flags]", Short: "Plug a USB device into the machine", Args: cobra.ExactArgs(1),
		Long: `plug makes a USB device and plugs it into the running bench. The kernel enumerates it and asks for its driver; the command prints the
nodes that came. DEVICE is a file (.yaml, .json) that describes a USB device, or a table, which is then behind a serial port; or one of

` + indent(board.USBHelp()) + `
--line takes what a board's line takes: loopback, gps, "{gps: {lat: 52.5, lon: 13.4}}", "{tcp: host:port}" …; see kobench help lines.`,
		Example: `  kobench plug ftdi --line loopback
  kobench plug cdc-acm --port 4.3 --line "{gps: {lat: 52.52, lon: 13.405}}"
  kobench plug replay --from bus.pcapng#1.3
  kobench plug fixtures/devices/relays.yaml
  kobench plug source-sink --faults "crc=0.01, disconnect@500" --seed 42`,
		RunE: func(_ *cobra.Command, args []string) error {
			spec["device"] = args[0]
			if isOwn(args[0]) {
				own, err := ownDevice(args[0])
				if err != nil {
					return err
				}
				maps.Copy(spec, own)
			}
			for name, v := range text {
				switch {
				case *v == "" || name == "line":
				case name == "ports":
					n, err := strconv.Atoi(*v)
					if err != nil {
						return fmt.Errorf("--ports %q: want a number", *v)
					}
					spec[name] = n
				default:
					spec[name] = *v
				}
			}
			if seed != 0 {
				spec["seed"] = seed
			}
			if line := *text["line"]; line != "" {
				var v any
				if err := board.CheckYAML("--line", []byte(line)); err != nil {
					return err
				}
				if err := yaml.Unmarshal([]byte(line), &v); err != nil {
					return fmt.Errorf("--line %q: %w", line, err)
				}
				spec["line"] = v
			}
			b, err := yaml.Marshal(spec)
			if err != nil {
				return err
			}
			c := s.bench("plug")
			defer c.Close()
			p, err := c.Plug(b)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s: %s", p.Name, p.Device)
			for _, n := range p.Nodes {
				fmt.Fprintf(s.out, ", /dev/%s", n)
			}
			fmt.Fprintln(s.out)
			if !p.Enumerated {
				return fmt.Errorf("%s is plugged in, but the kernel has not enumerated it; dmesg says why, and lsmod whether there is a usbcore", p.Name)
			}
			return nil
		},
	}
	f := cmd.Flags()
	for _, k := range append(board.USBKeys(), board.USBKey{Name: "port", About: "where: 2, or 2.1 behind a hub (default: the first free one)"},
		board.USBKey{Name: "speed", About: "low, full, high or super"}, board.USBKey{Name: "faults", About: "rules such as \"crc=0.01, stall@3, disconnect@500\""}) {
		text[k.Name] = f.String(k.Name, "", k.About)
	}
	f.Uint64Var(&seed, "seed", 0, "of the faults' rates")
	return cmd
}

// indent sets a list off from the text around it.
func indent(list string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(list, "\n"), "\n", "\n  ") + "\n"
}

// linesTopic is "kobench help lines".
func linesTopic() *cobra.Command {
	return &cobra.Command{Use: "lines", Short: "What a serial line of a board, or behind a USB serial port, can lead to",
		Long: "A board's line:, and kobench plug --line, take one of\n\n" + indent(board.LineHelp()) +
			"\nas in line: gps, or line: {gps: {lat: 52.5, lon: 13.4}}. go doc ./drivers/board has the rest of a board file."}
}

func (s streams) unplugCommand() *cobra.Command {
	return &cobra.Command{
		Use: "unplug PORT…", Short: "Pull USB devices out", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c := s.bench("unplug")
			defer c.Close()
			for _, port := range args {
				if err := c.Unplug(port); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (s streams) faultsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "faults", Short: "Print what faults were injected where, into serial lines and USB devices", Args: cobra.NoArgs,
		Long: `faults prints what the faults of the board and of "kobench plug --faults" have done so far: for a line the byte and the time, for a USB
device the number of the transfer among those that the rule looks at. The same seed and the same traffic give the same faults.`,
		RunE: func(*cobra.Command, []string) error {
			c := s.bench("faults")
			defer c.Close()
			report, err := c.Faults()
			if err != nil {
				return err
			}
			if report == "" {
				report = "no faults were asked for\n"
			}
			_, err = fmt.Fprint(s.out, report)
			return err
		},
	}
}

func (s streams) usbipCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "usbip", Short: "Give USB devices to other hosts, and see what they have",
		Long: `usbip speaks USB/IP 1.1.1 with real kernels. "kobench usbip export" offers devices of the running bench; on the other host,
"usbip attach -r THIS_HOST -b 1-1" brings one to its own drivers. "kobench plug usbip --from HOST:3240/1-1" is the way back.`}
	var listen string
	export := &cobra.Command{
		Use: "export [PORT…] [--listen ADDR]", Short: "Offer devices of the bench (all but hubs, without a port)",
		RunE: func(_ *cobra.Command, args []string) error {
			c := s.bench("usbip")
			defer c.Close()
			x, err := c.Export(listen, args)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s: %s\n", x.Address, strings.Join(x.Devices, " "))
			return nil
		},
	}
	export.Flags().StringVar(&listen, "listen", "", "the TCP address (default "+usbip.DefaultAddress+"; anybody who reaches it can have the devices)")
	end := &cobra.Command{
		Use: "end", Short: "Take the devices back", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c := s.bench("usbip")
			defer c.Close()
			return c.EndExport()
		},
	}
	list := &cobra.Command{
		Use: "list HOST[:PORT]", Short: "List what a USB/IP server offers", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
			defer stop()
			addr := args[0]
			if !strings.Contains(addr, ":") {
				addr += usbip.DefaultAddress[strings.LastIndexByte(usbip.DefaultAddress, ':'):]
			}
			infos, err := usbip.List(ctx, addr)
			if err != nil {
				return err
			}
			for _, i := range infos {
				fmt.Fprintf(s.out, "%-8s %04x:%04x  %s speed\n", i.BusID, i.Device.Vendor, i.Device.Product, i.Speed)
			}
			return nil
		},
	}
	cmd.AddCommand(export, end, list)
	return cmd
}
