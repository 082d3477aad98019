package main

import (
	"fmt"
	"go/token"
	"strings"
	"unicode/utf8"
)

// A comment is read beside its code: it has at most so many columns, with a tab for four.
const (
	columns  = 100
	tabWidth = 4
)

// words finds comments that are too wide. A line of a drawing is as wide as it must be, an
// example's output as wide as it is, and a directive is no comment.
func words(m *module) []finding {
	var found []finding
	for _, f := range m.files {
		if f.ast == nil || f.generated() {
			continue
		}
		lines := strings.Split(string(f.text), "\n")
		for _, group := range f.ast.Comments {
			if strings.HasPrefix(group.Text(), "Output:") {
				continue
			}
			for _, c := range group.List {
				if speaksToPrograms(c.Text) {
					continue
				}
				first, last := m.fset.Position(c.Pos()).Line, m.fset.Position(c.End()-token.Pos(1)).Line
				for n := first; n <= last && n <= len(lines); n++ {
					if w := width(lines[n-1]); w > columns && !strings.ContainsAny(lines[n-1], "─│") {
						found = append(found, finding{
							at:   fmt.Sprintf("%s:%d", f.path, n),
							text: fmt.Sprintf("a comment of %d columns; at most %d", w, columns),
						})
					}
				}
			}
		}
	}
	return found
}

// speaksToPrograms reports whether a comment speaks to a program: //go:build, //nolint,
// //rules:allow.
func speaksToPrograms(text string) bool {
	rest, ok := strings.CutPrefix(text, "//")
	return ok && rest != "" && rest[0] >= 'a' && rest[0] <= 'z'
}

func width(line string) int {
	return utf8.RuneCountInString(line) + strings.Count(line, "\t")*(tabWidth-1)
}
