package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	suite "github.com/kobench/kobench/bench"
	runner "github.com/kobench/kobench/bench/run"
	"github.com/kobench/kobench/bench/traditional"
	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/spf13/cobra"
)

func (s streams) dispatchCommand() *cobra.Command {
	var each time.Duration
	cmd := &cobra.Command{
		Use: "dispatch", Short: "The handout's section 3: a kernel with a switch beside one with tables, shown and measured", Args: cobra.NoArgs,
		Long: `dispatch shows how a system call finds its driver in the two kernels of the handout's section 3:

  - the traditional one, where each call is a switch over the majors, so that a driver more is a case more and a new kernel;
  - ours, where register_chrdev fills one table of functions for each call. A module is inserted and removed, and the tables
    are printed before, between and after.

Then it measures a read of one byte through both, in one run.`,
		RunE: func(*cobra.Command, []string) error {
			if each <= 0 {
				return errors.New("dispatch: --time: want more than nothing")
			}
			return (dispatchTour{streams: s, each: each}).run()
		},
	}
	cmd.Flags().DurationVar(&each, "time", 200*time.Millisecond, "how long each measurement runs")
	return cmd
}

// dispatchTour is one run of the command.
type dispatchTour struct {
	streams
	each time.Duration
}

func (d dispatchTour) run() error {
	sizes := traditional.Kernels()
	d.title("the traditional kernel: read is a switch, here for %d drivers", sizes[0].Drivers)
	fmt.Fprint(d.out, traditional.Source(sizes[0].Drivers))
	fmt.Fprintf(d.out, "A driver more is a case more here, in write and in ioctl, and a new kernel. ")
	fmt.Fprintf(d.out, "Built for this comparison: %d, %d and %d drivers.\n", sizes[0].Drivers, sizes[1].Drivers, sizes[2].Drivers)
	if err := d.tables(); err != nil {
		return err
	}
	return d.measure()
}

func (d dispatchTour) title(format string, a ...any) { fmt.Fprintf(d.out, "\n== "+format+"\n", a...) }

// tables shows how the tables fill when a module comes, and empty when it goes.
func (d dispatchTour) tables() (err error) {
	bench, err := sim.Start(sim.Options{Board: "bare"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bench.Close()) }()
	k, task := bench.Kernel, bench.Kernel.Init()
	d.title("a kernel with loadable modules: a table of functions for each call")
	before := k.DevTables()
	d.print(before, nil)
	if err := task.InitModule(fixtures.MustModule("chrb"), "", 0); err != nil {
		return err
	}
	fmt.Fprintln(d.out, "\n$ insmod chrb.ko        (its init calls register_chrdev; + is what that entered)")
	loaded := k.DevTables()
	d.print(loaded, before)
	if err := task.DeleteModule("chrb", 0); err != nil {
		return err
	}
	fmt.Fprintln(d.out, "\n$ rmmod chrb            (its exit calls unregister_chrdev)")
	d.print(k.DevTables(), nil)
	return nil
}

// print writes the tables, one line for each call; an entry that before has not is marked.
func (d dispatchTour) print(tables, before []kernel.DevTable) {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	for i, t := range tables {
		var entries []string
		for _, e := range t.Entries {
			if e.Default {
				continue
			}
			mark := ""
			if before != nil && !slices.Contains(before[i].Entries, e) {
				mark = "+"
			}
			entries = append(entries, fmt.Sprintf("%s%d %s", mark, e.Major, e.Function))
		}
		if len(entries) == 0 {
			entries = []string{"empty"}
		}
		fmt.Fprintf(w, "  %s\t%s\n", t.Op, strings.Join(entries, ", "))
	}
	w.Flush()
}

// measure reads a byte through both kernels.
func (d dispatchTour) measure() error {
	rows := []struct{ name, text string }{
		{"Dispatch/indirect/read/1", "the driver's function, called through a variable"},
		{"Dispatch/switch/4/read/1", "traditional kernel, switch of 4 drivers"},
		{"Dispatch/switch/64/read/1", "traditional kernel, switch of 64 drivers"},
		{"Dispatch/switch/512/read/1", "traditional kernel, switch of 512 drivers"},
		{"Dispatch/table/read/1", "table by major, nothing around"},
		{"Dispatch/go/read/1", "our kernel, read(fd) to a driver in Go"},
		{"Dispatch/c/read/1", "our kernel, read(fd) to a driver in C"},
		{"Host/read/1", "the host's kernel, read(2) of /dev/zero"},
	}
	cases := casesByName()
	d.title("a read of one byte, through both")
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "ns\tto the first\t")
	var first float64
	for _, row := range rows {
		r, err := runner.Measure(cases[row.name], d.each)
		if errors.Is(err, suite.ErrSkip) {
			continue
		}
		if err != nil {
			return fmt.Errorf("dispatch: %s: %w", row.name, err)
		}
		ns := float64(r.T.Nanoseconds()) / float64(r.N)
		if first == 0 {
			first = ns
		}
		fmt.Fprintf(w, "%.1f\t%.1f ×\t   %s\n", ns, ns/first, row.text)
	}
	return nil
}
