package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// locks looks at how locks are annotated, for `make locks` takes an annotation that it cannot read
// as none at all, and does not see a lock that is still held where a function ends without a
// return:
//
//   - an annotation stands alone in its comment: text around it makes it void;
//   - in a struct with annotations a line has one field: the analyser counts lines;
//   - who takes a lock gives it back, or says by +checklocksacquire that the caller will. A method
//     Lock is a lock itself.
func locks(m *module) []finding {
	var found []finding
	for _, p := range m.packages {
		for _, f := range p.files {
			found = append(found, m.voidAnnotations(f)...)
			ast.Inspect(f.ast, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.StructType:
					found = append(found, m.sharedLines(n)...)
				case *ast.FuncDecl:
					if n.Body != nil && n.Name.Name != "Lock" && !annotated(n.Doc, "+checklocksacquire") && !annotated(n.Doc, "+checklocksignore") {
						found = append(found, m.keptLocks(n)...)
					}
				}
				return true
			})
		}
	}
	return found
}

func (m *module) voidAnnotations(f *source) []finding {
	annotation := regexp.MustCompile(`\+checklocks[a-z]*:[\w.]`)
	alone := regexp.MustCompile(`^// \+checklocks[a-z]*:[\w.=]+$`)
	var found []finding
	for _, g := range f.ast.Comments {
		for _, c := range g.List {
			if annotation.MatchString(c.Text) && !alone.MatchString(c.Text) {
				found = append(found, finding{at: m.at(c.Pos()), text: "text around a lock annotation makes it void: it stands alone in its comment, text goes above"})
			}
		}
	}
	return found
}

// sharedLines finds the lines of an annotated struct that have several fields.
func (m *module) sharedLines(s *ast.StructType) []finding {
	var found []finding
	some := false
	for _, f := range s.Fields.List {
		some = some || annotated(f.Comment, "+checklocks:") || annotated(f.Doc, "+checklocks:")
		if len(f.Names) > 1 {
			found = append(found, finding{at: m.at(f.Pos()), text: "several fields in one line of a struct with lock annotations: the analyser counts lines"})
		}
	}
	if !some {
		return nil
	}
	return found
}

// keptLocks finds the locks that a function takes and nowhere gives back.
func (m *module) keptLocks(d *ast.FuncDecl) []finding {
	taken, given := map[string]token.Pos{}, map[string]bool{}
	ast.Inspect(d.Body, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch lock := types.ExprString(s.X); s.Sel.Name {
		case "Lock", "RLock":
			if taken[lock] == 0 {
				taken[lock] = s.Pos()
			}
		case "Unlock", "RUnlock":
			given[lock] = true
		}
		return true
	})
	var found []finding
	for _, lock := range slices.Sorted(maps.Keys(taken)) {
		if !given[lock] {
			found = append(found, finding{at: m.at(taken[lock]), text: fmt.Sprintf("%s locks %s and nowhere unlocks it: if its caller does, +checklocksacquire says so", d.Name.Name, lock)})
		}
	}
	return found
}

func annotated(g *ast.CommentGroup, what string) bool {
	if g == nil {
		return false
	}
	for _, c := range g.List {
		if strings.HasPrefix(c.Text, "// "+what) {
			return true
		}
	}
	return false
}
