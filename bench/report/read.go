package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/perf/benchfmt"
)

// ErrFormat is wrapped by every error that Read returns for a text that is not one run's benchmark
// text.
var ErrFormat = errors.New("not the benchmark text of one run")

// A Run is what one run of the benchmarks wrote.
type Run struct {
	Config  []Config  // in the order of the text, one a key
	Results []*Result // in the order of the text, one a name and number of processors

	byName map[string]*Result
}

// A Config is one configuration line. A key that changed between results (pkg does) has all its
// values, in order.
type Config struct {
	Key    string
	Values []string
}

// A Result is what is known of one benchmark: the medians over all lines of its name.
type Result struct {
	Name   string // without Benchmark in front and the number of processors behind
	Procs  int    // GOMAXPROCS while it ran
	Lines  int    // how often it ran
	Iters  int    // calls in all lines together
	Values []Value
}

// A Value is the median of one unit's measurements.
type Value struct {
	Unit  string // as in the text: ns/op, MB/s, B/op, allocs/op, p99-ns
	Value float64
	// Low and High are the least and the most that was measured.
	Low, High float64
}

// Spread is how far the measurements lie apart, as a part of the median; 0 for one alone.
func (v Value) Spread() float64 {
	if v.Value == 0 {
		return 0
	}
	return (v.High - v.Low) / v.Value
}

// Value returns the median in a unit.
func (r *Result) Value(unit string) (float64, bool) {
	if r == nil {
		return 0, false
	}
	for _, v := range r.Values {
		if v.Unit == unit {
			return v.Value, true
		}
	}
	return 0, false
}

// Lookup returns the result of a name, nil when the text has none. Of several numbers of processors
// it is the first.
func (r *Run) Lookup(name string) *Result { return r.byName[name] }

// Get returns the value of a configuration key, "" when the text does not set it.
func (r *Run) Get(key string) string {
	for _, c := range r.Config {
		if c.Key == key {
			return strings.Join(c.Values, ", ")
		}
	}
	return ""
}

// Read reads the benchmark text of one run [benchfmt]. Several lines of one name are repeated runs,
// of which the median counts. Lines that are neither results nor configuration are passed over, as
// benchstat does.
//
// Errors:
//   - ErrFormat: a benchmark line is malformed or says what cannot be (the text says which line and
//     why), the text mixes machines or commits, or has no result.
//   - what r returned, otherwise.
func Read(r io.Reader) (*Run, error) {
	c := collector{run: &Run{byName: map[string]*Result{}}, samples: map[key]*samples{}}
	in := benchfmt.NewReader(r, "benchmark text")
	for in.Scan() {
		switch rec := in.Result().(type) {
		case *benchfmt.Result:
			if err := c.add(rec); err != nil {
				_, line := rec.Pos()
				return nil, fmt.Errorf("line %d: %w: %w", line, err, ErrFormat)
			}
		case *benchfmt.SyntaxError:
			return nil, fmt.Errorf("line %d: %s (a line reads: BenchmarkName-procs iterations value unit …): %w", rec.Line, rec.Msg, ErrFormat)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("reading benchmarks: %w", err)
	}
	if len(c.run.Results) == 0 {
		return nil, fmt.Errorf("no line with a result; give what `go test -bench` or `kobench bench` wrote: %w", ErrFormat)
	}
	c.medians()
	return c.run, nil
}

type key struct {
	name  string
	procs int
}

type samples struct {
	result *Result
	units  []string
	values map[string][]float64
}

type collector struct {
	run     *Run
	samples map[key]*samples
}

func (c *collector) add(rec *benchfmt.Result) error {
	if rec.Iters <= 0 {
		return fmt.Errorf("%d iterations; it must have run at least once", rec.Iters)
	}
	full := rec.Name.String()
	if !printable(full) {
		return fmt.Errorf("the name %q holds characters that cannot be printed", full)
	}
	if err := c.configure(rec.Config); err != nil {
		return err
	}
	name, procs := splitProcs(full)
	s := c.samples[key{name, procs}]
	if s == nil {
		s = &samples{result: &Result{Name: name, Procs: procs}, values: map[string][]float64{}}
		c.samples[key{name, procs}] = s
		c.run.Results = append(c.run.Results, s.result)
		if c.run.byName[name] == nil {
			c.run.byName[name] = s.result
		}
	}
	s.result.Lines++
	s.result.Iters += rec.Iters
	if s.result.Iters < 0 {
		return errors.New("more iterations than can be counted")
	}
	return s.measure(rec.Values)
}

// measure adds the values of one line.
func (s *samples) measure(values []benchfmt.Value) error {
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" { // the reader turns ns into sec; we want what was written
			value, unit = v.OrigValue, v.OrigUnit
		}
		switch {
		case !printable(unit):
			return fmt.Errorf("the unit %q holds characters that cannot be printed", unit)
		case math.IsNaN(value) || math.IsInf(value, 0):
			return fmt.Errorf("%v %s is no measurement", value, unit)
		case value < 0 && (unit == "ns/op" || unit == "MB/s" || unit == "B/op" || unit == "allocs/op"):
			return fmt.Errorf("%v %s cannot be negative", value, unit)
		case seen[unit]:
			return fmt.Errorf("%s stands twice in one line", unit)
		}
		seen[unit] = true
		if s.values[unit] == nil {
			s.units = append(s.units, unit)
		}
		s.values[unit] = append(s.values[unit], value)
	}
	return nil
}

// configure keeps the configuration that holds for a result. What names the machine and the source
// must not change: medians over two machines mean nothing.
func (c *collector) configure(config []benchfmt.Config) error {
	for _, cfg := range config {
		value := clean(string(cfg.Value))
		i := slices.IndexFunc(c.run.Config, func(have Config) bool { return have.Key == cfg.Key })
		if i < 0 {
			if !printable(cfg.Key) {
				return fmt.Errorf("the configuration key %q holds characters that cannot be printed", cfg.Key)
			}
			c.run.Config = append(c.run.Config, Config{Key: cfg.Key, Values: []string{value}})
			continue
		}
		have := &c.run.Config[i]
		if slices.Contains(have.Values, value) {
			continue
		}
		switch cfg.Key {
		case "goos", "goarch", "cpu", "commit":
			return fmt.Errorf("%s is %q here and %q before; give the text of one run", cfg.Key, value, have.Values[0])
		}
		have.Values = append(have.Values, value)
	}
	return nil
}

func (c *collector) medians() {
	for _, s := range c.samples {
		for _, unit := range s.units {
			all := s.values[unit]
			s.result.Values = append(s.result.Values, Value{Unit: unit, Value: median(all), Low: all[0], High: all[len(all)-1]})
		}
	}
}

// median sorts values, of which there is at least one.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return values[n/2-1]/2 + values[n/2]/2
}

// splitProcs takes the number of processors off a name; a name without one ran on one [benchfmt].
func splitProcs(name string) (string, int) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name, 1
	}
	n, err := strconv.ParseUint(name[i+1:], 10, 16)
	if err != nil || n == 0 || name[i+1] == '+' {
		return name, 1
	}
	return name[:i], int(n)
}

func printable(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// clean replaces what cannot be printed, in text that is only shown.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, strings.TrimSpace(s))
}
