package parity

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/goccy/go-yaml"
)

// Rules say how two transcripts are compared. Patterns are Go regular expressions; those for a line
// match the whole line.
type Rules struct {
	Normalise   []Substitution // both transcripts, every line of output
	LeaveOut    []Exception    // steps that are not compared
	Unordered   []Exception    // steps whose lines are compared in sorted order
	Differences []Difference   // lines that one kernel prints and the other does not
}

// A Substitution makes alike what no two runs have in common, such as a time stamp.
type Substitution struct {
	Pattern string
	To      string // as in regexp.ReplaceAllString
	Reason  string

	pattern *regexp.Regexp
}

// An Exception names steps by section and command; an empty pattern means all.
type Exception struct {
	Section string
	Command string
	Reason  string

	section, command *regexp.Regexp
	used             bool
}

// A Difference takes lines out of the steps it names before they are compared: Real from the real
// kernel's output, Ours from kobench's. Each pattern must find a line in each step it applies to at
// least once in a comparison.
type Difference struct {
	Exception `yaml:",inline"`
	Real      []string
	Ours      []string
	// Sometimes is for what comes and goes with the load of the machine: its patterns need not find
	// a line.
	Sometimes bool

	real, ours []*linePattern
}

type linePattern struct {
	*regexp.Regexp
	used bool
}

// ReadRules reads the YAML form of Rules.
//
// Errors: YAML that does not parse or has unknown keys, a pattern that does not compile, an entry
// without a reason.
func ReadRules(text []byte) (*Rules, error) {
	var file struct {
		Normalise   []Substitution
		LeaveOut    []Exception `yaml:"leave-out"`
		Unordered   []Exception
		Differences []Difference
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return nil, err
	}
	r := &Rules{Normalise: file.Normalise, LeaveOut: file.LeaveOut, Unordered: file.Unordered, Differences: file.Differences}
	if err := r.compile(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Rules) compile() error {
	var failed []error
	compile := func(what string, n int, pattern string) *regexp.Regexp {
		re, err := regexp.Compile(pattern)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s %d: %w", what, n+1, err))
		}
		return re
	}
	exception := func(what string, n int, e *Exception) {
		e.section = compile(what, n, e.Section)
		e.command = compile(what, n, e.Command)
		if e.Reason == "" {
			failed = append(failed, fmt.Errorf("%s %d (section %q, command %q) gives no reason", what, n+1, e.Section, e.Command))
		}
	}
	line := func(n int, patterns []string) []*linePattern {
		var all []*linePattern
		for _, p := range patterns {
			all = append(all, &linePattern{Regexp: compile("difference", n, "^(?:"+p+")$")})
		}
		return all
	}
	for i := range r.Normalise {
		s := &r.Normalise[i]
		s.pattern = compile("substitution", i, s.Pattern)
		if s.Reason == "" {
			failed = append(failed, fmt.Errorf("substitution %d (%s) gives no reason", i+1, s.Pattern))
		}
	}
	for i := range r.LeaveOut {
		exception("left-out step", i, &r.LeaveOut[i])
	}
	for i := range r.Unordered {
		exception("unordered step", i, &r.Unordered[i])
	}
	for i := range r.Differences {
		d := &r.Differences[i]
		exception("difference", i, &d.Exception)
		d.real, d.ours = line(i, d.Real), line(i, d.Ours)
		if len(d.real)+len(d.ours) == 0 {
			failed = append(failed, fmt.Errorf("difference %d (section %q, command %q) names no line", i+1, d.Section, d.Command))
		}
	}
	return errors.Join(failed...)
}

func (e *Exception) matches(section, command string) bool {
	return e.section.MatchString(section) && e.command.MatchString(command)
}

// normal is a line with all substitutions made, in their order.
func (r *Rules) normal(line string) string {
	for i := range r.Normalise {
		line = r.Normalise[i].pattern.ReplaceAllString(line, r.Normalise[i].To)
	}
	return line
}
