// Package run measures the cases of package bench in a program, as `go test -bench` does in a test,
// and writes the same text.
//
// References:
//   - [benchfmt] Go proposal 14313, the format of benchmark results
package run

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/kobench/kobench/bench"
)

// Options say what to measure, and for how long.
type Options struct {
	Match *regexp.Regexp // cases whose name it finds; nil: all
	Time  time.Duration  // for each case; 0 is 1 s
	Count int            // how often each; 0 is once
	// Commit names what is measured where the program does not know what it was built from; "" if
	// nobody does.
	Commit string
	// Progress is told before each measurement how many are done; nil: nobody is.
	Progress func(done, total int, name string)
}

// Skipped is a case that this host cannot run.
type Skipped struct {
	Name string
	Err  error
}

// Select are the cases that match.
func Select(match *regexp.Regexp) []bench.Case {
	var list []bench.Case
	for _, c := range bench.Cases() {
		if match == nil || match.MatchString(c.Name) {
			list = append(list, c)
		}
	}
	return list
}

// Run measures and writes a line for each measurement as it is done. When ctx ends it stops after
// the case that runs, and what was measured stays written.
//
// Errors: ctx's; a case that failed, by name; w's.
func Run(ctx context.Context, o Options, w io.Writer) (skipped []Skipped, err error) {
	if o.Time == 0 {
		o.Time = time.Second
	}
	o.Count = max(o.Count, 1)
	cases := Select(o.Match)
	if err := header(w, o); err != nil {
		return nil, err
	}
	width := 0
	for _, c := range cases {
		width = max(width, len(line(c.Name)))
	}
	done := 0
	for _, c := range cases {
		for range o.Count {
			if o.Progress != nil {
				o.Progress(done, len(cases)*o.Count, c.Name)
			}
			if err := ctx.Err(); err != nil {
				return skipped, err
			}
			done++
			r, err := Measure(c, o.Time)
			if errors.Is(err, bench.ErrSkip) {
				skipped = append(skipped, Skipped{c.Name, err})
				break
			}
			if err != nil {
				return skipped, fmt.Errorf("benchmark %s: %w", c.Name, err)
			}
			if _, err := fmt.Fprintf(w, "%-*s\t%s\t%s\n", width, line(c.Name), r, r.MemString()); err != nil {
				return skipped, err
			}
		}
	}
	if o.Progress != nil {
		o.Progress(done, len(cases)*o.Count, "")
	}
	_, err = fmt.Fprintln(w, "PASS")
	return skipped, err
}

// line is a case's name in the text: with the number of processors behind it, as go test writes it.
func line(name string) string {
	if n := runtime.GOMAXPROCS(0); n != 1 {
		return fmt.Sprintf("Benchmark%s-%d", name, n)
	}
	return "Benchmark" + name
}

// Measure runs one case for about d.
//
// Errors: the case's.
func Measure(c bench.Case, d time.Duration) (testing.BenchmarkResult, error) {
	testing.Init() // the flags of package testing; a second call does nothing
	if err := flag.Set("test.benchtime", d.String()); err != nil {
		return testing.BenchmarkResult{}, err
	}
	var failed error
	r := testing.Benchmark(func(b *testing.B) {
		if failed = c.Run(b); failed != nil {
			b.SkipNow() // or it would be called again and again, with more to do
		}
	})
	if failed == nil && r.N == 0 {
		failed = errors.New("it measured nothing")
	}
	return r, failed
}

// header writes the lines that say where and how was measured.
func header(w io.Writer, o Options) error {
	for _, c := range [][2]string{
		{"goos", runtime.GOOS}, {"goarch", runtime.GOARCH}, {"pkg", "github.com/kobench/kobench/bench"}, {"cpu", cpu()},
		{"commit", cmp.Or(commit(), o.Commit)}, {"date", time.Now().UTC().Format(time.RFC3339)}, {"go", runtime.Version()}, {"benchtime", o.Time.String()},
		{"load-before", load()},
	} {
		if c[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", c[0], c[1]); err != nil {
			return err
		}
	}
	return nil
}

// commit is the revision that the program was built from, "" where it does not know.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	rev, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if rev == "" {
		return ""
	}
	return rev + dirty
}
