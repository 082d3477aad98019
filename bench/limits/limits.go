// Package limits guards the figures of package bench against regressions, on machines where an
// absolute time means nothing.
//
// Noise cannot fool it, in three ways. A limit is a ratio of two cases that are measured in turn, a
// short round of one after a short round of the other, so that what slows the machine slows both.
// Of each case the fastest round counts: other programs can only make a round slower. And a ratio
// that misses its limit is measured again, all rounds, before it fails; a real regression misses
// every time. Allocations do not depend on the machine and are compared exactly.
package limits

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
)

//go:embed limits.yaml
var text []byte

// Limits are ratios and allocations that must hold.
type Limits struct {
	Ratios      []Ratio          `yaml:"ratios"`
	Allocations map[string]int64 `yaml:"allocations"`
}

// Pair is two cases whose ratio is taken.
type Pair struct {
	Of string `yaml:"of"`
	To string `yaml:"to"`
}

// Ratio limits ns per call of one case over that of another. With Beside it is over the ratio of
// two more cases, measured turn by turn with the first two: a gain that the machine could not give
// to anybody is not missed.
type Ratio struct {
	Name       string  `yaml:"name"`
	Of         string  `yaml:"of"`
	To         string  `yaml:"to"`
	AtMost     float64 `yaml:"at-most"`
	AtLeast    float64 `yaml:"at-least"`
	Aim        string  `yaml:"aim"`
	Beside     *Pair   `yaml:"beside"`
	Processors int     `yaml:"processors"` // without so many it is left out
}

// Default are the limits that come with the program.
func Default() (*Limits, error) { return Parse(text) }

// Parse reads limits.yaml.
//
// Errors: YAML's, with line and column; a ratio without cases, or without exactly one limit.
func Parse(text []byte) (*Limits, error) {
	var l Limits
	if err := yaml.UnmarshalWithOptions(text, &l, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("limits: %s", yaml.FormatError(err, false, true))
	}
	for _, r := range l.Ratios {
		if r.Beside != nil && (r.Beside.Of == "" || r.Beside.To == "") {
			return nil, fmt.Errorf("limits: ratio %q: beside: want of and to", r.Name)
		}
		if r.Name == "" || r.Of == "" || r.To == "" || (r.AtMost > 0) == (r.AtLeast > 0) || r.AtMost < 0 || r.AtLeast < 0 {
			return nil, fmt.Errorf("limits: ratio %q: want name, of, to, and one of at-most and at-least above 0", r.Name)
		}
	}
	return &l, nil
}

// Measure runs a case for about d. It gives the time and the allocations of one call.
//
// Errors: wrapping ErrSkip where this host cannot run the case.
type Measure func(name string, d time.Duration) (ns float64, allocs int64, err error)

// ErrSkip is what a Measure's error wraps for a case that this host cannot run.
var ErrSkip = errors.New("not measured on this host")

// How a ratio is measured.
const (
	tries  = 6
	rounds = 5
	round  = 25 * time.Millisecond
)

// ErrMissed says that a limit was missed; what and by how much has been written.
var ErrMissed = errors.New("a limit was missed")

// Check measures everything and writes a line for each limit.
//
// Errors: ErrMissed; those of measure and of w.
func (l *Limits) Check(measure Measure, w io.Writer) error {
	missed := false
	for _, r := range l.Ratios {
		ok, err := r.check(measure, w)
		if err != nil {
			return err
		}
		missed = missed || !ok
	}
	names := make([]string, 0, len(l.Allocations))
	for name := range l.Allocations {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		_, got, err := measure(name, round)
		switch {
		case errors.Is(err, ErrSkip):
			_, err = fmt.Fprintf(w, "skip    allocations of %s: %v\n", name, err)
		case err != nil:
			err = fmt.Errorf("limits: %s: %w", name, err)
		case got != l.Allocations[name]:
			missed = true
			_, err = fmt.Fprintf(w, "MISSED  %s allocates %d times a call; %d is the limit\n", name, got, l.Allocations[name])
		}
		if err != nil {
			return err
		}
	}
	if missed {
		return ErrMissed
	}
	_, err := fmt.Fprintf(w, "ok      %d cases allocate what they may\n", len(names))
	return err
}

// check measures one ratio, several times if need be.
func (r *Ratio) check(measure Measure, w io.Writer) (ok bool, err error) {
	if r.Processors > runtime.GOMAXPROCS(0) {
		_, err := fmt.Fprintf(w, "skip    %s: needs %d processors\n", r.Name, r.Processors)
		return true, err
	}
	best := 0.0 // the ratio nearest to its limit
	var of, to float64
	beside := ""
	for try := 1; ; try++ {
		a, b, machine, err := r.measure(measure)
		if errors.Is(err, ErrSkip) {
			_, err = fmt.Fprintf(w, "skip    %s: %v\n", r.Name, err)
			return true, err
		}
		if err != nil {
			return false, fmt.Errorf("limits: %s: %w", r.Name, err)
		}
		got := a / b / machine
		if try == 1 || r.AtMost > 0 && got < best || r.AtLeast > 0 && got > best {
			best, of, to = got, a, b
			if r.Beside != nil {
				beside = fmt.Sprintf(", beside %.3g", machine)
			}
		}
		switch {
		case r.holds(best):
			_, err := fmt.Fprintf(w, "ok      %s: %.3g, %s (%s / %s%s)\n", r.Name, best, r.limit(), nanoseconds(of), nanoseconds(to), beside)
			return true, err
		case try == tries:
			_, err := fmt.Fprintf(w, "MISSED  %s: %.3g, %s: %s takes %s, %s takes %s%s; the best of %d tries of %d rounds each\n",
				r.Name, best, r.limit(), r.Of, nanoseconds(of), r.To, nanoseconds(to), beside, tries, rounds)
			return false, err
		}
	}
}

// measure is the fastest round of both cases, and the ratio that the machine gives, 1 where that is
// not asked.
func (r *Ratio) measure(measure Measure) (of, to, machine float64, err error) {
	names := []string{r.Of, r.To}
	if r.Beside != nil {
		names = append(names, r.Beside.Of, r.Beside.To)
	}
	best := []float64{math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1)}
	for range rounds {
		for i, name := range names {
			ns, _, err := measure(name, round)
			if err != nil {
				return 0, 0, 0, fmt.Errorf("%s: %w", name, err)
			}
			best[i] = min(best[i], ns)
		}
	}
	if machine = 1; r.Beside != nil {
		machine = best[2] / best[3]
	}
	return best[0], best[1], machine, nil
}

func (r *Ratio) holds(got float64) bool {
	if r.AtMost > 0 {
		return got <= r.AtMost
	}
	return got >= r.AtLeast
}

func (r *Ratio) limit() string {
	if r.AtMost > 0 {
		return fmt.Sprintf("at most %g", r.AtMost)
	}
	return fmt.Sprintf("at least %g", r.AtLeast)
}

func nanoseconds(ns float64) string {
	if ns < 100 {
		return fmt.Sprintf("%.3g ns", ns)
	}
	return time.Duration(ns).String()
}
