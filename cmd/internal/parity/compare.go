package parity

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Result is what a comparison found.
type Result struct {
	Sections []SectionResult
	// Wrong are the differences that no rule explains, the commands that one transcript lacks, and
	// the rules that explained nothing. None: the two kernels agree.
	Wrong []Mismatch
}

// A SectionResult counts the steps of one section.
type SectionResult struct {
	Name                         string
	Same, Listed, LeftOut, Wrong int
}

// A Mismatch is one failure of the comparison, with the lines in question.
type Mismatch struct {
	Section, Command string
	Text             string // may be several lines
}

// Compare holds ours against real, step by step. It marks the rules that were of use, so a Rules
// serves one comparison.
func (r *Rules) Compare(real, ours []Section) *Result {
	res := &Result{}
	for i := range max(len(real), len(ours)) {
		switch {
		case i >= len(real) || i >= len(ours) || real[i].Name != ours[i].Name:
			res.wrong("", "", fmt.Sprintf("the sections differ from the %d. on: the real kernel has %s, we have %s\n"+
				"  the transcript is of another script: record it again (make transcripts)", i+1, nameOf(real, i), nameOf(ours, i)))
			return res
		default:
			r.section(res, real[i], ours[i])
		}
	}
	r.unused(res)
	return res
}

func nameOf(sections []Section, i int) string {
	if i >= len(sections) {
		return "no more"
	}
	return fmt.Sprintf("%q", sections[i].Name)
}

func (r *Rules) section(res *Result, real, ours Section) {
	count := SectionResult{Name: real.Name}
	for i := range max(len(real.Steps), len(ours.Steps)) {
		a, b := stepAt(real, i), stepAt(ours, i)
		if a.Command != b.Command {
			count.Wrong++
			res.wrong(real.Name, a.Command, fmt.Sprintf("commands differ: the real kernel's is %q, ours %q", a.Command, b.Command))
			break
		}
		if e := find(r.LeaveOut, real.Name, a.Command); e != nil {
			e.used = true
			count.LeftOut++
			continue
		}
		want, got := r.lines(a.Output), r.lines(b.Output)
		listed := false
		for d := range r.Differences {
			diff := &r.Differences[d]
			if !diff.matches(real.Name, a.Command) {
				continue
			}
			diff.used = true
			var n, m int
			want, n = without(want, diff.real)
			got, m = without(got, diff.ours)
			listed = listed || n+m > 0
		}
		if e := find(r.Unordered, real.Name, a.Command); e != nil && !slices.Equal(want, got) {
			e.used = true
			listed = true
			slices.Sort(want)
			slices.Sort(got)
		}
		switch {
		case !slices.Equal(want, got):
			count.Wrong++
			res.wrong(real.Name, a.Command, unified(want, got))
		case listed:
			count.Listed++
		default:
			count.Same++
		}
	}
	res.Sections = append(res.Sections, count)
}

func stepAt(s Section, i int) Step {
	if i >= len(s.Steps) {
		return Step{Command: "(no more)"}
	}
	return s.Steps[i]
}

// find returns the first exception that names the step, or nil.
func find(list []Exception, section, command string) *Exception {
	for i := range list {
		if e := &list[i]; e.matches(section, command) {
			return e
		}
	}
	return nil
}

func (r *Rules) lines(output []string) []string {
	normal := make([]string, len(output))
	for i, line := range output {
		normal[i] = r.normal(line)
	}
	return normal
}

// without takes away the lines that a pattern matches, and says how many they were.
func without(lines []string, patterns []*linePattern) (kept []string, taken int) {
	for _, line := range lines {
		i := slices.IndexFunc(patterns, func(p *linePattern) bool { return p.MatchString(line) })
		if i < 0 {
			kept = append(kept, line)
			continue
		}
		patterns[i].used = true
		taken++
	}
	return kept, taken
}

// unused reports the rules that explained nothing: the list must stay true.
func (r *Rules) unused(res *Result) {
	stale := func(e *Exception, text string) { res.wrong(e.Section, e.Command, text) }
	for i := range r.LeaveOut {
		if e := &r.LeaveOut[i]; !e.used {
			stale(e, "is listed as left out, but there is no such command")
		}
	}
	for i := range r.Unordered {
		if e := &r.Unordered[i]; !e.used {
			stale(e, "is listed as unordered, but the order is the same, or there is no such command")
		}
	}
	for i := range r.Differences {
		d := &r.Differences[i]
		if d.Sometimes {
			continue
		}
		if !d.used {
			stale(&d.Exception, "is listed as different, but there is no such command")
			continue
		}
		for side, patterns := range map[string][]*linePattern{"the real kernel": d.real, "kobench": d.ours} {
			for _, p := range patterns {
				if !p.used {
					stale(&d.Exception, fmt.Sprintf("is listed as different, but %s prints no line like %s: take it off the list", side, p))
				}
			}
		}
	}
}

func (res *Result) wrong(section, command, text string) {
	res.Wrong = append(res.Wrong, Mismatch{Section: section, Command: command, Text: text})
}

// unified shows the lines around what differs, those of the real kernel with -, ours with +.
func unified(want, got []string) string {
	start := 0
	for start < len(want) && start < len(got) && want[start] == got[start] {
		start++
	}
	endWant, endGot := len(want), len(got)
	for endWant > start && endGot > start && want[endWant-1] == got[endGot-1] {
		endWant, endGot = endWant-1, endGot-1
	}
	var b strings.Builder
	show := func(mark string, lines []string) {
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s %s\n", mark, line)
		}
	}
	if start > 0 {
		show(" ", want[start-1:start])
	}
	show("-", want[start:endWant])
	show("+", got[start:endGot])
	return strings.TrimSuffix(b.String(), "\n")
}

// Report writes what differs, then a line for each section and the sum.
func (res *Result) Report(w io.Writer) {
	for _, m := range res.Wrong {
		fmt.Fprintf(w, "=== %s\n$ %s\n%s\n\n", m.Section, m.Command, m.Text)
	}
	sum := SectionResult{Name: "together"}
	fmt.Fprintf(w, "%-52s %5s %7s %8s %6s\n", "section", "same", "listed", "left out", "wrong")
	row := func(s SectionResult) {
		fmt.Fprintf(w, "%-52s %5d %7d %8d %6d\n", s.Name, s.Same, s.Listed, s.LeftOut, s.Wrong)
	}
	for _, s := range res.Sections {
		row(s)
		sum.Same += s.Same
		sum.Listed += s.Listed
		sum.LeftOut += s.LeftOut
		sum.Wrong += s.Wrong
	}
	row(sum)
}
