package dialogue

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/kobench/kobench/hw/clock"
)

// environment is what functions know of the device that asks.
type environment struct {
	clock *clock.Clock // the machine's
	began time.Duration
	rand  *rand.Rand
}

func numeric(f func(float64) float64) function {
	return function{1, func(_ *environment, a []value) (value, error) {
		x, err := num(a[0])
		if err != nil {
			return nil, err
		}
		if x = f(x); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, errors.New("it has no value")
		}
		return x, nil
	}}
}

func textual(f func(string) value) function {
	return function{1, func(_ *environment, a []value) (value, error) { return f(text(a[0])), nil }}
}

// extreme is min or max.
func extreme(better func(a, b float64) bool) function {
	return function{-1, func(_ *environment, a []value) (value, error) {
		if len(a) == 0 {
			return nil, errors.New("of nothing")
		}
		best, err := num(a[0])
		for _, v := range a[1:] {
			x, e := num(v)
			if err = errors.Join(err, e); better(x, best) {
				best = x
			}
		}
		return best, err
	}}
}

// flat refuses lists as elements of a list: what holds itself twice would have no end.
func flat(elements ...value) error {
	for _, e := range elements {
		if _, list := e.([]value); list {
			return errors.New("a list in a list")
		}
	}
	return nil
}

// funcs are the functions of expressions.
func funcs() map[string]function {
	return map[string]function{
		"floor": numeric(math.Floor), "ceil": numeric(math.Ceil), "round": numeric(math.Round), "abs": numeric(math.Abs),
		"int": numeric(math.Trunc), "sin": numeric(math.Sin), "cos": numeric(math.Cos), "sqrt": numeric(math.Sqrt),
		"num":   numeric(func(x float64) float64 { return x }),
		"min":   extreme(func(a, b float64) bool { return a < b }),
		"max":   extreme(func(a, b float64) bool { return a > b }),
		"text":  textual(func(s string) value { return s }),
		"upper": textual(func(s string) value { return strings.ToUpper(s) }),
		"lower": textual(func(s string) value { return strings.ToLower(s) }),
		"trim":  textual(func(s string) value { return strings.TrimSpace(s) }),
		"unhex": {1, func(_ *environment, a []value) (value, error) {
			b, err := unhex(text(a[0]))
			return b, err
		}},
		"len": {1, func(_ *environment, a []value) (value, error) {
			if l, ok := a[0].([]value); ok {
				return float64(len(l)), nil
			}
			return float64(len(text(a[0]))), nil
		}},
		"choose": {3, func(_ *environment, a []value) (value, error) {
			if isTrue(a[0]) {
				return a[1], nil
			}
			return a[2], nil
		}},
		"list": {-1, func(_ *environment, a []value) (value, error) { return a, flat(a...) }},
		"hex": {2, func(_ *environment, a []value) (value, error) {
			x, err := num(a[0])
			n, err2 := num(a[1])
			if n < 0 || n > 16 {
				return nil, errors.New("hex: 0 to 16 digits")
			}
			return fmt.Sprintf("%0*X", int(n), uint64(int64(x))), errors.Join(err, err2)
		}},
		// a list with one element replaced
		"put": {3, func(_ *environment, a []value) (value, error) {
			l, ok := a[0].([]value)
			i, err := num(a[1])
			if !ok || err != nil || i < 0 || int(i) >= len(l) {
				return nil, fmt.Errorf("put: place %s of %d", text(a[1]), len(l))
			}
			l = append([]value(nil), l...)
			l[int(i)] = a[2]
			return l, flat(a[2])
		}},
		"time": {0, func(e *environment, _ []value) (value, error) { return (e.clock.Now() - e.began).Seconds(), nil }},
		"clock": {1, func(e *environment, a []value) (value, error) { // Go's layout, in UTC
			return e.clock.Wall().UTC().Format(text(a[0])), nil
		}},
		"rand": {2, func(e *environment, a []value) (value, error) {
			low, err := num(a[0])
			high, err2 := num(a[1])
			return low + e.rand.Float64()*(high-low), errors.Join(err, err2)
		}},
	}
}
