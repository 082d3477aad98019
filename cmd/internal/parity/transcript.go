// Package parity holds kobench to what the real kernel answered: it reads transcripts of
// fixtures/oracle/conformance.sh, compares two of them command by command, and runs the script
// against kobench.
//
// A difference is either listed with its reason (fixtures/oracle/differences.yaml) or it is a
// failure; a listed difference that no longer occurs is a failure too, so the list stays true.
package parity

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// A Section is a part of the conformance script, under one heading.
type Section struct {
	Name  string
	Steps []Step
}

// A Step is one command and what it printed; a status other than 0 is the last line, as "[rc=N]".
type Step struct {
	Command string
	Output  []string
	Line    int // of the command in the transcript, from 1
}

// Parse reads a transcript: "=== section" and "$ command" begin something, all other lines are
// output.
//
// Errors: output or a command before the first section, a section named twice, no section at all,
// and what reading r gives.
func Parse(r io.Reader) ([]Section, error) {
	var sections []Section
	names := map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSuffix(lines.Text(), "\r")
		if name, ok := strings.CutPrefix(line, "=== "); ok {
			if names[name] {
				return nil, fmt.Errorf("line %d: section %q a second time", n, name)
			}
			names[name] = true
			dropBlankEnd(sections)
			sections = append(sections, Section{Name: name})
			continue
		}
		if len(sections) == 0 {
			if strings.TrimSpace(line) == "" {
				continue
			}
			return nil, fmt.Errorf("line %d: %q stands before the first section", n, line)
		}
		last := &sections[len(sections)-1]
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			last.Steps = append(last.Steps, Step{Command: command, Line: n})
			continue
		}
		if len(last.Steps) == 0 {
			if line == "" {
				continue
			}
			// What a section's preparation prints belongs to nobody, but is not lost.
			last.Steps = append(last.Steps, Step{Command: "(before the first command)", Line: n})
		}
		step := &last.Steps[len(last.Steps)-1]
		step.Output = append(step.Output, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if len(sections) == 0 {
		return nil, fmt.Errorf("no section in %d lines: not a transcript of conformance.sh", n)
	}
	return sections, nil
}

// dropBlankEnd takes away the empty line that the script prints before a heading.
func dropBlankEnd(sections []Section) {
	if len(sections) == 0 {
		return
	}
	steps := sections[len(sections)-1].Steps
	if len(steps) == 0 {
		return
	}
	out := &steps[len(steps)-1].Output
	if n := len(*out); n > 0 && (*out)[n-1] == "" {
		*out = (*out)[:n-1]
	}
}
