package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// A source is one file of the tree; ast and imports are set for Go files alone.
type source struct {
	path    string // slash-separated, from the module's root
	text    []byte
	ast     *ast.File
	imports []string
	test    bool // a _test.go file
}

// A pkg is one folder of Go files, whatever their build tags.
type pkg struct {
	dir   string // "." is the root
	files []*source
}

// A module is what the rules are about.
type module struct {
	path     string // from go.mod
	files    []*source
	packages []*pkg
	fset     *token.FileSet
}

// A finding is one place where a rule is broken, or nearly so.
type finding struct {
	at      string
	text    string
	warning bool
}

func (m *module) at(pos token.Pos) string {
	p := m.fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// local returns the folder of an import path of this module; ok is false for all others.
func (m *module) local(imported string) (dir string, ok bool) {
	if imported == m.path {
		return ".", true
	}
	return strings.CutPrefix(imported, m.path+"/")
}

// standard reports whether an import path belongs to the standard library: its first element has no
// dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// largest is how much of a file is read: what is larger is data, not source.
const largest = 2 << 20

// load reads every text file below root but what git ignores by this project's rules (bin,
// bench/out, .git).
func load(root fs.FS) (*module, error) {
	m := &module{fset: token.NewFileSet()}
	mod, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return nil, fmt.Errorf("not the root of a module (run it where go.mod is): %w", err)
	}
	for line := range strings.Lines(string(mod)) {
		if p, ok := strings.CutPrefix(line, "module "); ok {
			m.path = strings.TrimSpace(p)
		}
	}
	if m.path == "" {
		return nil, errors.New("go.mod names no module")
	}
	byDir := map[string]*pkg{}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", ".cache", "bench/out"}, name) {
				return fs.SkipDir
			}
			return nil
		}
		if name == ".git" {
			return nil // of a work tree beside its repository
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > largest {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return nil // binary
		}
		s := &source{path: name, text: text, test: strings.HasSuffix(name, "_test.go")}
		m.files = append(m.files, s)
		if path.Ext(name) != ".go" || ignoredByGo(name) {
			return nil
		}
		if s.ast, err = parser.ParseFile(m.fset, name, text, parser.ParseComments); err != nil {
			return err
		}
		for _, spec := range s.ast.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
			}
			s.imports = append(s.imports, p)
		}
		dir := path.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir}
		}
		byDir[dir].files = append(byDir[dir].files, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range byDir {
		m.packages = append(m.packages, p)
	}
	sort.Slice(m.packages, func(i, j int) bool { return m.packages[i].dir < m.packages[j].dir })
	return m, nil
}

// ignoredByGo follows the go command: testdata, and names that begin with _ or a dot, hold no
// packages.
func ignoredByGo(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "testdata" || strings.HasPrefix(part, "_") || strings.HasPrefix(part, ".") {
			return true
		}
	}
	return false
}

// generated reports whether a program wrote the file.
func (s *source) generated() bool {
	return s.ast != nil && ast.IsGenerated(s.ast)
}
