package report

import (
	"math"
	"strconv"
	"strings"
)

// scaled writes a number with three digits and the largest unit that leaves it at least one; units
// grow by step.
func scaled(v, step float64, units ...string) string {
	i := 0
	for i < len(units)-1 && math.Abs(v) >= step*0.9995 {
		v /= step
		i++
	}
	return strings.TrimSuffix(digits(v)+" "+units[i], " ")
}

// digits writes a number with three significant digits, and never in scientific notation below a
// billion.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e9:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 1e9 || a < 1e-3:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.9995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// nanoseconds writes a duration given in nanoseconds.
func nanoseconds(v float64) string { return scaled(v, 1000, "ns", "µs", "ms", "s") }

// megabytes writes a rate given in 10^6 bytes a second.
func megabytes(v float64) string {
	if v > 0 && v < 0.9995 {
		return scaled(v*1000, 1000, "kB/s", "MB/s")
	}
	return scaled(v, 1000, "MB/s", "GB/s", "TB/s")
}

// bytesOf writes a number of bytes.
func bytesOf(v float64) string { return scaled(v, 1024, "B", "KiB", "MiB", "GiB") }

// count writes a number of things.
func count(v float64) string { return strings.ReplaceAll(scaled(v, 1000, "", "k", "M", "G"), " ", "") }

// perSecond writes how often something happens.
func perSecond(v float64) string { return scaled(v, 1000, "/s", "k/s", "M/s", "G/s") }

// grouped writes a whole number with its thousands apart.
func grouped(v float64) string {
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// times writes a ratio.
func times(v float64) string { return digits(v) + "×" }

// short drops zeros behind the point from what format wrote: 2.50 µs is 2.5 µs at a tick.
func short(format func(float64) string) func(float64) string {
	return func(v float64) string {
		text := format(v)
		end := strings.LastIndexAny(text, "0123456789") + 1
		number, unit := text[:end], text[end:]
		if strings.ContainsRune(number, '.') && !strings.ContainsRune(number, 'e') {
			number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
		}
		return number + unit
	}
}
