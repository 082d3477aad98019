package learn

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// writer makes the parts of a table.
type writer struct {
	f             framing
	vars          []string
	rules, timers []string
}

// exchange writes a rule, or a timer for what came unasked.
func (w *writer) exchange(x *exchange) {
	answers := slices.DeleteFunc(slices.Clone(x.answers), func(a []message) bool { return len(a) == 0 })
	var sets, says, notes []string
	if len(answers) > 0 {
		n := len(answers[0])
		// not always as many: all of each in one
		if slices.ContainsFunc(answers, func(a []message) bool { return len(a) != n }) {
			for i, a := range answers {
				var parts [][]byte
				for _, m := range a {
					parts = append(parts, m.data)
				}
				answers[i] = []message{{bytes.Join(parts, []byte(w.f.out)), a[0].after}}
			}
			n = 1
		}
		for i := range n {
			var column [][]byte
			for _, a := range answers {
				column = append(column, a[i].data)
			}
			say, set, note := w.vary(column)
			says, sets, notes = append(says, say), append(sets, set...), append(notes, note...)
		}
	}
	var b strings.Builder
	var pauses []time.Duration
	for _, a := range answers {
		pauses = append(pauses, a[0].after)
	}
	slices.Sort(pauses)
	pause := time.Duration(0)
	if len(pauses) > 0 {
		pause = pauses[len(pauses)/2]
	}
	if x.request == nil {
		fmt.Fprintf(&b, "  - every: %v\n", max(pause, 10*time.Millisecond))
	} else {
		fmt.Fprintf(&b, "  - when: %s\n", w.when(x.request))
		if pause >= 5*time.Millisecond {
			fmt.Fprintf(&b, "    delay: %v\n", pause)
		}
	}
	if len(sets) > 0 {
		fmt.Fprintf(&b, "    set: {%s}\n", strings.Join(sets, ", "))
	}
	if len(says) > 0 {
		fmt.Fprintf(&b, "    say: [%s]\n", strings.Join(says, ", "))
	}
	text := b.String()
	if len(notes) > 0 {
		text = strings.Replace(text, "\n", "    # "+strings.Join(notes, "; ")+"\n", 1)
	}
	if x.request == nil {
		w.timers = append(w.timers, text)
	} else {
		w.rules = append(w.rules, text)
	}
}

func (w *writer) when(request []byte) string {
	switch {
	case len(request) == 0:
		return "{regex: \"\"}"
	case w.f.text:
		return "{text: " + quote(string(request)) + "}"
	}
	return fmt.Sprintf("{hex: \"% x\"}", request)
}

// literal is a message as a template.
func (w *writer) literal(b []byte) string {
	if w.f.text {
		return quote(braces(string(b)))
	}
	return fmt.Sprintf("{hex: \"% x\"}", b)
}

func braces(s string) string { return strings.NewReplacer("{", "{{", "}", "}}").Replace(s) }

var numberRE = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// vary writes what is said where it was not always the same: a template, what it sets, and what
// varies.
func (w *writer) vary(column [][]byte) (say string, sets, notes []string) {
	same := func(list []string) bool { return len(slices.Compact(slices.Clone(list))) == 1 }
	var texts []string
	for _, b := range column {
		texts = append(texts, string(b))
	}
	if same(texts) {
		return w.literal(column[0]), nil, nil
	}
	if !w.f.text {
		v, set := w.cycle(texts, func(s string) string { return fmt.Sprintf("\"%x\"", s) })
		return "{hex: \"{unhex(" + v + ")}\"}", []string{set}, []string{"varies: the recorded answers in turn"}
	}
	shape := func(s string) string { return numberRE.ReplaceAllString(s, "0") }
	var shapes []string
	for _, t := range texts {
		shapes = append(shapes, shape(t))
	}
	if !same(shapes) {
		v, set := w.cycle(texts, quote)
		return quote("{" + v + "}"), []string{set}, []string{"varies: the recorded answers in turn"}
	}
	var b strings.Builder
	places, at := numberRE.FindAllStringIndex(texts[0], -1), 0
	var numbers [][]string
	for _, t := range texts {
		numbers = append(numbers, numberRE.FindAllString(t, -1))
	}
	for i, place := range places {
		b.WriteString(braces(texts[0][at:place[0]]))
		at = place[1]
		var values []string
		for _, n := range numbers {
			values = append(values, n[i])
		}
		if same(values) {
			b.WriteString(values[0])
			continue
		}
		e, set, note := w.number(values)
		b.WriteString("{" + e + "}")
		if set != "" {
			sets = append(sets, set)
		}
		notes = append(notes, note)
	}
	b.WriteString(braces(texts[0][at:]))
	return quote(b.String()), sets, notes
}

// number finds out what a number that varies is: a time of day, a counter, or something else.
func (w *writer) number(values []string) (e, set, note string) {
	if layout := w.clock(values); layout != "" {
		return "clock(" + strconv.Quote(layout) + ")", "", "time: " + values[0]
	}
	var nums []float64
	plain := true
	for _, v := range values {
		f, err := strconv.ParseFloat(v, 64)
		plain = plain && err == nil && len(v) == len(values[0])
		nums = append(nums, f)
	}
	step := nums[1] - nums[0]
	counts := len(nums) > 2 && step != 0
	for i := 1; i < len(nums); i++ {
		d := nums[i] - nums[i-1] - step
		counts = counts && d < 1e-9 && d > -1e-9
	}
	if counts {
		name := fmt.Sprintf("c%d", len(w.vars)+1)
		short := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
		w.vars = append(w.vars, name+": "+short(nums[0]-step))
		format := "d"
		if _, tail, ok := strings.Cut(values[0], "."); ok {
			format = fmt.Sprintf("0%d.%df", len(values[0]), len(tail))
		} else if plain && strings.HasPrefix(values[0], "0") {
			format = fmt.Sprintf("0%dd", len(values[0]))
		}
		return name + ":" + format, fmt.Sprintf("%s: %s + %s", name, name, short(step)), "counter: " + values[0] + ", " + values[1] + " …"
	}
	v, set := w.cycle(values, strconv.Quote)
	return v, set, "varies: " + values[0] + ", " + values[1] + " …"
}

// clock is the layout of times of day that do not go back, or "". Six digits alone are one in
// NMEA's sentences.
func (w *writer) clock(values []string) string {
	for _, layout := range []string{"150405.000", "150405.00", "150405.0", "150405"} {
		last, ok := time.Time{}, strings.Contains(layout, ".") || w.f.check == "nmea"
		for i, v := range values {
			t, err := time.Parse(layout, v)
			ok = ok && err == nil && len(v) == len(layout) && (i == 0 || !t.Before(last))
			last = t
		}
		if ok {
			return layout
		}
	}
	return ""
}

// cycle makes a variable with recorded values, and gives the expression for the one whose turn it
// is.
func (w *writer) cycle(values []string, write func(string) string) (e, set string) {
	n := len(w.vars) + 1
	var list []string
	for _, v := range values {
		list = append(list, write(v))
	}
	w.vars = append(w.vars, fmt.Sprintf("v%d: [%s]", n, strings.Join(list, ", ")), fmt.Sprintf("n%d: -1", n))
	return fmt.Sprintf("v%d[n%d %% len(v%d)]", n, n, n), fmt.Sprintf("n%d: n%d + 1", n, n)
}

// table puts the parts together.
func (w *writer) table(name string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "about: %s\n", quote("learned from "+name))
	switch {
	case w.f.end != "":
		fmt.Fprintf(&b, "frame: {end: %s, out: %s}\n", quote(w.f.end), quote(w.f.out))
	default:
		fmt.Fprintln(&b, "frame: {gap: 20ms}    # nothing ends all messages: a pause does")
	}
	if w.f.check != "" {
		fmt.Fprintf(&b, "check: %s    # all messages had one that was right; it is made anew\n", w.f.check)
	}
	for _, part := range []struct {
		name  string
		lines []string
		head  string
	}{{"vars", w.vars, "  "}, {"rules", w.rules, ""}, {"timers", w.timers, ""}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "%s:\n", part.name)
			for _, l := range part.lines {
				fmt.Fprintf(&b, "%s%s\n", part.head, strings.TrimSuffix(l, "\n"))
			}
		}
	}
	return b.Bytes()
}
