package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	suite "github.com/kobench/kobench/bench"
	"github.com/kobench/kobench/bench/limits"
	"github.com/kobench/kobench/bench/report"
	runner "github.com/kobench/kobench/bench/run"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// benchOptions are the flags of kobench bench.
type benchOptions struct {
	match              *regexp.Regexp
	quick, check, list bool
	time               time.Duration
	count              int
	out, profile       string
}

func (s streams) benchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use: "bench [REGEXP]", Short: "Measure dispatch, throughput and latency, beside the host's kernel", Args: cobra.MaximumNArgs(1),
		Long: `bench runs the benchmarks whose names REGEXP finds (all without one), writes the raw text, which benchstat reads, and a report with plots:
DIR/bench.txt and DIR/report.html. DIR is bench/out in kobench's own repository and kobench-bench elsewhere.

With --check it measures the ratios of bench/limits/limits.yaml instead, and fails when one is missed.`,
		Example: `  kobench bench --quick
  kobench bench 'Dispatch/(go|c)/read' --count 5
  kobench bench Dispatch/go/read/1 --cpuprofile read.prof`,
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if len(args) > 0 {
				if o.match, err = regexp.Compile(args[0]); err != nil {
					return fmt.Errorf("bench: %w", err)
				}
			}
			if o.count < 1 || o.time <= 0 {
				return errors.New("bench: --count and --time: want more than nothing")
			}
			if o.quick {
				o.time, o.count = quickTime, max(o.count, quickCount)
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return s.benchmarks(ctx, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.quick, "quick", false, "a short look at everything, in under two minutes")
	f.DurationVar(&o.time, "time", time.Second, "how long each benchmark runs")
	f.IntVar(&o.count, "count", 1, "how often each runs; the report shows medians")
	f.StringVar(&o.out, "out", "", "the directory of the results")
	f.BoolVar(&o.check, "check", false, "check the limits instead")
	f.BoolVar(&o.list, "list", false, "list the benchmarks instead")
	f.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the run, for go tool pprof")
	return cmd
}

// A quick run measures each benchmark for a moment, often enough to show a spread.
const (
	quickTime  = 15 * time.Millisecond
	quickCount = 3
)

// benchmarks does what the options say.
func (s streams) benchmarks(ctx context.Context, o benchOptions) error {
	cases := runner.Select(o.match)
	if len(cases) == 0 {
		return fmt.Errorf("bench: no benchmark's name matches %q; --list shows them", o.match)
	}
	if o.list {
		for _, c := range cases {
			fmt.Fprintln(s.out, c.Name)
		}
		return nil
	}
	if o.check {
		return s.benchCheck()
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var text bytes.Buffer
	bar := newBenchBar(s.err)
	skipped, err := runner.Run(ctx, runner.Options{Match: o.match, Time: o.time, Count: o.count, Commit: checkedOut(ctx), Progress: bar.at}, &text)
	bar.end()
	stopped := errors.Is(err, context.Canceled)
	if err != nil && !stopped {
		return err
	}
	for _, x := range skipped {
		fmt.Fprintf(s.err, "skipped %s: %v\n", x.Name, x.Err)
	}
	r, err := report.Read(bytes.NewReader(text.Bytes()))
	if err != nil {
		if stopped {
			return exitStatus(130)
		}
		return err
	}
	if err := s.benchResults(o, text.Bytes(), r); err != nil {
		return err
	}
	if stopped {
		fmt.Fprintln(s.err, "bench: stopped; what was measured is there")
		return exitStatus(130)
	}
	return nil
}

// benchResults writes the files and prints the figures that matter.
func (s streams) benchResults(o benchOptions, text []byte, r *report.Run) error {
	dir := o.out
	if dir == "" {
		dir = "kobench-bench"
		if inRepository() {
			dir = "bench/out"
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := r.WriteHTML(&page); err != nil {
		return err
	}
	for name, b := range map[string][]byte{"bench.txt": text, "report.html": page.Bytes()} {
		if err := replace(filepath.Join(dir, name), b); err != nil {
			return fmt.Errorf("bench: the results: %w", err)
		}
	}
	figures(s.out, r)
	fmt.Fprintf(s.out, "%d results in %s and %s\n", len(r.Results), filepath.Join(dir, "bench.txt"), filepath.Join(dir, "report.html"))
	return nil
}

// inRepository tells kobench's own repository.
func inRepository() bool {
	_, err := os.Stat("bench/limits/limits.yaml")
	return err == nil
}

// checkedOut is the commit of the repository, for a program that was built without -buildvcs; ""
// elsewhere.
func checkedOut(ctx context.Context) string {
	if !inRepository() {
		return ""
	}
	rev, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(rev))
}

// replace writes a file under its name only when all of it is there.
func replace(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".kobench-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// figures prints what one call costs, by layer, as far as it was measured.
func figures(w io.Writer, r *report.Run) {
	ns := func(name string) float64 {
		v, _ := r.Lookup(name).Value("ns/op")
		return v
	}
	base, host := ns("Dispatch/indirect/read/1"), ns("Host/read/1")
	rows := 0
	for _, row := range []struct{ name, text string }{
		{"Dispatch/indirect/read/1", "a bare indirect call"}, {"Dispatch/switch/512/read/1", "the traditional kernel's switch, 512 drivers"},
		{"Dispatch/go/file/read/1", "File.Read"}, {"Dispatch/go/read/1", "Task.Read, by descriptor"}, {"Dispatch/c/read/1", "the same, a driver in C"},
		{"Host/read/1", "the host's read(2) of /dev/zero"},
	} {
		v := ns(row.name)
		if v == 0 {
			continue
		}
		if rows == 0 {
			fmt.Fprintf(w, "%-44s %8s  %16s  %13s\n", "read of a byte", "ns", "to indirect call", "host's slower")
		}
		rows++
		fmt.Fprintf(w, "%-44s %8.1f  %16s  %13s\n", row.text, v, times(v, base), times(host, v))
	}
}

// times is a ratio, "" where one side was not measured.
func times(a, b float64) string {
	if a == 0 || b == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f ×", a/b)
}

// casesByName are all benchmarks.
func casesByName() map[string]suite.Case {
	cases := map[string]suite.Case{}
	for _, c := range suite.Cases() {
		cases[c.Name] = c
	}
	return cases
}

// benchCheck checks the limits.
func (s streams) benchCheck() error {
	l, err := limits.Default()
	if err != nil {
		return err
	}
	cases := casesByName()
	err = l.Check(func(name string, d time.Duration) (float64, int64, error) {
		c, ok := cases[name]
		if !ok {
			return 0, 0, fmt.Errorf("there is no benchmark %s", name)
		}
		r, err := runner.Measure(c, d)
		if errors.Is(err, suite.ErrSkip) {
			err = fmt.Errorf("%w: %w", limits.ErrSkip, err)
		}
		return float64(r.T.Nanoseconds()) / float64(max(r.N, 1)), r.AllocsPerOp(), err
	}, s.out)
	if errors.Is(err, limits.ErrMissed) {
		return exitStatus(1)
	}
	return err
}

// benchBar is the progress on a terminal, or nothing.
type benchBar struct {
	w   io.Writer
	bar *progressbar.ProgressBar
}

func newBenchBar(w io.Writer) *benchBar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &benchBar{}
	}
	return &benchBar{w: w}
}

func (b *benchBar) at(done, total int, name string) {
	if b.w == nil {
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(b.w), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth(), progressbar.OptionSetElapsedTime(true))
	}
	b.bar.Describe(fmt.Sprintf("%-44s", name))
	_ = b.bar.Set(done)
}

func (b *benchBar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
