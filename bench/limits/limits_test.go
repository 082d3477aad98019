package limits

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kobench/kobench/bench"
	"github.com/stretchr/testify/require"
)

// The limits that come with the program name cases that there are.
func TestDefault(t *testing.T) {
	l, err := Default()
	require.NoError(t, err)
	known := map[string]bool{}
	for _, c := range bench.Cases() {
		known[c.Name] = true
	}
	for _, r := range l.Ratios {
		require.True(t, known[r.Of] && known[r.To], "%s: %s, %s", r.Name, r.Of, r.To)
	}
	for name := range l.Allocations {
		require.True(t, known[name], name)
	}
	require.Greater(t, len(l.Ratios), 10)
}

// fake gives one time after the other for each case.
func fake(times map[string][]float64, allocs int64) Measure {
	return func(name string, _ time.Duration) (float64, int64, error) {
		list := times[name]
		if len(list) == 0 {
			return 0, 0, fmt.Errorf("no %s: %w", name, ErrSkip)
		}
		if len(list) > 1 {
			times[name] = list[1:]
		}
		return list[0], allocs, nil
	}
}

func TestCheck(t *testing.T) {
	slow := func(n int, then float64) []float64 { // n slow rounds before a good one
		list := []float64{}
		for range n {
			list = append(list, 1000)
		}
		return append(list, then)
	}
	limit := Limits{Ratios: []Ratio{{Name: "R", Of: "a", To: "b", AtMost: 3}}, Allocations: map[string]int64{"a": 0}}
	for name, c := range map[string]struct {
		a, b   []float64
		allocs int64
		want   string
		err    error
	}{
		"holds":                    {[]float64{20}, []float64{10}, 0, "ok      R: 2, at most 3 (20 ns / 10 ns)\n", nil},
		"one quiet round":          {slow(rounds-1, 20), []float64{10}, 0, "ok      R: 2, at most 3", nil},
		"the third try":            {slow(2*rounds, 20), []float64{10}, 0, "ok      R: 2, at most 3", nil},
		"a regression":             {[]float64{40}, []float64{10}, 0, "MISSED  R: 4, at most 3: a takes 40 ns, b takes 10 ns; the best of 6 tries of 5 rounds each\n", ErrMissed},
		"an allocation":            {[]float64{20}, []float64{10}, 1, "MISSED  a allocates 1 times a call; 0 is the limit\n", ErrMissed},
		"a case this host has not": {nil, []float64{10}, 0, "skip    R: a: no a: not measured on this host\nskip    allocations of a", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := limit.Check(fake(map[string][]float64{"a": c.a, "b": c.b}, c.allocs), &out)
			require.ErrorIs(t, err, c.err)
			require.Contains(t, out.String(), c.want)
		})
	}
	t.Run("at least", func(t *testing.T) {
		var out bytes.Buffer
		l := Limits{Ratios: []Ratio{{Name: "R", Of: "a", To: "b", AtLeast: 3}, {Name: "Q", Of: "a", To: "b", AtLeast: 1, Processors: 1 << 20}}}
		require.ErrorIs(t, l.Check(fake(map[string][]float64{"a": {20}, "b": {10}}, 0), &out), ErrMissed)
		require.Contains(t, out.String(), "MISSED  R: 2, at least 3")
		require.Contains(t, out.String(), "skip    Q: needs 1048576 processors")
		require.NoError(t, l.Check(fake(map[string][]float64{"a": {40}, "b": {10}}, 0), &out))
	})
	t.Run("beside", func(t *testing.T) {
		l := Limits{Ratios: []Ratio{{Name: "R", Of: "a", To: "b", Beside: &Pair{Of: "c", To: "d"}, AtLeast: 0.8}}}
		for _, c := range []struct {
			a, b, c, d float64
			want       string
			err        error
		}{
			{20, 10, 6, 3, "ok      R: 1, at least 0.8 (20 ns / 10 ns, beside 2)", nil},
			{20, 16, 6, 5, "ok      R: 1.04", nil}, // a machine with one and a bit of a processor
			{20, 16, 6, 3, "MISSED  R: 0.625, at least 0.8: a takes 20 ns, b takes 16 ns, beside 2; the best of 6 tries", ErrMissed},
		} {
			var out bytes.Buffer
			require.ErrorIs(t, l.Check(fake(map[string][]float64{"a": {c.a}, "b": {c.b}, "c": {c.c}, "d": {c.d}}, 0), &out), c.err)
			require.Contains(t, out.String(), c.want)
		}
	})
	t.Run("a case that fails", func(t *testing.T) {
		broken := errors.New("broken")
		err := limit.Check(func(string, time.Duration) (float64, int64, error) { return 0, 0, broken }, &bytes.Buffer{})
		require.ErrorIs(t, err, broken)
	})
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"ratios: [{name: x, of: a, to: b}]":                          "one of at-most and at-least",
		"ratios: [{name: x, of: a, to: b, at-most: 1, at-least: 1}]": "one of at-most and at-least",
		"ratios: [{name: x, of: a, to: b, at-most: -1}]":             "one of at-most and at-least",
		"ratios: [{name: x, to: b, at-most: 1}]":                     "want name, of, to",
		"ratios: [{name: x, of: a, to: b, at-most: 1, colour: red}]": "[1:",
		"ratios:\n  - {name: x, of: a, to: b, at-most: many}":        "[2:",
	} {
		_, err := Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
