package main

import (
	"go/ast"
	"go/token"
	"strings"
)

const directive = "//rules:allow "

// state looks for mutable package-level variables and for init functions, in all files but tests.
//
// Without types it cannot know everything, so it works the other way round: a variable is fine when
// what it is set to is a constant table, an error or a compiled pattern, and nothing in its package
// writes to it or takes its address. Everything else needs a reason in the source.
func state(m *module) []finding {
	var found []finding
	for _, p := range m.packages {
		written := p.written()
		for _, f := range p.files {
			if f.test || f.generated() {
				continue
			}
			for _, decl := range f.ast.Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					if d.Name.Name == "init" && d.Recv == nil && !allowed(d.Doc) {
						found = append(found, finding{at: m.at(d.Pos()), text: "func init: pass what it sets up as a value"})
					}
				case *ast.GenDecl:
					if d.Tok == token.VAR {
						found = append(found, m.variables(d, written)...)
					}
				}
			}
		}
	}
	return found
}

func (m *module) variables(d *ast.GenDecl, written map[string]bool) []finding {
	var found []finding
	if allowed(d.Doc) {
		return nil
	}
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		if allowed(v.Doc) || allowed(v.Comment) || embedded(v.Doc) || (!d.Lparen.IsValid() && embedded(d.Doc)) {
			continue
		}
		for i, name := range v.Names {
			why := ""
			switch {
			case name.Name == "_":
			case written[name.Name]:
				why = "is written to, or its address is taken"
			case len(v.Values) == 0:
				why = "has no value yet, so somebody will write to it"
			case len(v.Values) != len(v.Names):
				why = "is the result of a call"
			default:
				why = mutable(v.Values[i])
			}
			if why != "" {
				found = append(found, finding{
					at:   m.at(name.Pos()),
					text: "package-level variable " + name.Name + " " + why + "; keep state in a value (or say why not: " + directive + "REASON)",
				})
			}
		}
	}
	return found
}

// allowed reports whether a comment has the directive, with a reason.
func allowed(doc *ast.CommentGroup) bool { return hasDirective(doc, directive) }

func embedded(doc *ast.CommentGroup) bool { return hasDirective(doc, "//go:embed ") }

func hasDirective(doc *ast.CommentGroup, prefix string) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if rest, ok := strings.CutPrefix(c.Text, prefix); ok && strings.TrimSpace(rest) != "" {
			return true
		}
	}
	return false
}

// mutable says why a variable with this initial value could hold state; "" when it is a constant in
// all but name.
func mutable(value ast.Expr) string {
	switch v := value.(type) {
	case *ast.BasicLit, *ast.Ident, *ast.SelectorExpr, *ast.FuncLit, *ast.BinaryExpr, *ast.IndexExpr:
		return ""
	case *ast.ParenExpr:
		return mutable(v.X)
	case *ast.CompositeLit:
		if s, ok := v.Type.(*ast.SelectorExpr); ok {
			if base, ok := s.X.(*ast.Ident); ok && (base.Name == "sync" || base.Name == "atomic") {
				return "is a " + base.Name + "." + s.Sel.Name
			}
		}
		return ""
	case *ast.UnaryExpr:
		if lit, ok := v.X.(*ast.CompositeLit); ok && v.Op == token.AND && len(lit.Elts) == 0 {
			return "points to an empty value, so somebody will fill it"
		}
		return mutable(v.X)
	case *ast.CallExpr:
		if pure(v) {
			return ""
		}
		return "is the result of a call"
	}
	return "has a value that the rules do not know"
}

// pure reports whether a call makes a value that cannot change: an error, a pattern, a replacer, a
// conversion.
func pure(call *ast.CallExpr) bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident: // a conversion or a builtin, or a function of the package
		switch fun.Name {
		case "make", "new", "append":
			return false
		}
		return len(call.Args) == 1 && mutable(call.Args[0]) == "" && (fun.IsExported() || fun.Obj == nil || fun.Obj.Kind == ast.Typ)
	case *ast.ArrayType: // []byte("…")
		return true
	case *ast.SelectorExpr:
		base, ok := fun.X.(*ast.Ident)
		if !ok {
			return false
		}
		switch base.Name + "." + fun.Sel.Name {
		case "errors.New", "fmt.Errorf", "fmt.Sprintf", "regexp.MustCompile", "strings.NewReplacer", "strings.Repeat",
			"reflect.TypeFor", "template.Must", "template.New", "crc32.MakeTable", "big.NewInt", "binary.BigEndian", "unsafe.Sizeof":
			return true
		}
		return false
	}
	return false
}

// written are the package-level names that some function of the package assigns to, whole or in
// part, or takes the address of. A local name hides a package-level one; the parser has resolved
// those.
func (p *pkg) written() map[string]bool {
	names := map[string]bool{}
	for _, f := range p.files {
		if f.test {
			continue
		}
		unresolved := map[*ast.Ident]bool{}
		for _, id := range f.ast.Unresolved {
			unresolved[id] = true
		}
		top := f.ast.Scope
		note := func(e ast.Expr) {
			if id := root(e); id != nil {
				if unresolved[id] || (id.Obj != nil && top != nil && top.Lookup(id.Name) == id.Obj) {
					names[id.Name] = true
				}
			}
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				ast.Inspect(fn.Body, func(n ast.Node) bool { writes(n, note); return true })
			}
		}
	}
	return names
}

// writes calls note for everything that n itself writes to.
func writes(n ast.Node, note func(ast.Expr)) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			return
		}
		for _, left := range n.Lhs {
			note(left)
		}
	case *ast.IncDecStmt:
		note(n.X)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			note(n.X)
		}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			if n.Key != nil {
				note(n.Key)
			}
			if n.Value != nil {
				note(n.Value)
			}
		}
	case *ast.CallExpr:
		if fun, ok := n.Fun.(*ast.Ident); ok && (fun.Name == "delete" || fun.Name == "clear" || fun.Name == "copy") && len(n.Args) > 0 {
			note(n.Args[0])
		}
	}
}

// root is the name at the bottom of x.y[z].w, or nil.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
