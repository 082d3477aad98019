package main

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
)

// A file holds one idea: above longLines a warning, above tooLong a broken rule. Written programs
// are exempt.
const (
	longLines = 400
	tooLong   = 600
)

func size(m *module) []finding {
	var found []finding
	for _, f := range m.files {
		if !slices.Contains([]string{".go", ".c", ".h", ".sh"}, path.Ext(f.path)) || f.generated() {
			continue
		}
		switch n := bytes.Count(f.text, []byte("\n")); {
		case n > tooLong:
			found = append(found, finding{at: f.path, text: fmt.Sprintf("%d lines; a file holds one idea in about %d, and never over %d", n, longLines, tooLong)})
		case n > longLines:
			found = append(found, finding{at: f.path, text: fmt.Sprintf("%d lines; aim at %d", n, longLines), warning: true})
		}
	}
	return found
}

// places looks for the paths of the machine that a file was written on. They are spelled here in
// pieces.
func places(m *module) []finding {
	machine := regexp.MustCompile(`(?:^|[^\w.$})-])(/wo` + `rk/(?:main|shared|\.)|/ho` + `me/\w+/)`)
	var found []finding
	for _, f := range m.files {
		for i, line := range bytes.Split(f.text, []byte("\n")) {
			if hit := machine.FindSubmatch(line); hit != nil {
				found = append(found, finding{
					at:   fmt.Sprintf("%s:%d", f.path, i+1),
					text: fmt.Sprintf("names a place of one machine (%s…)", hit[1]),
				})
			}
		}
	}
	return found
}
