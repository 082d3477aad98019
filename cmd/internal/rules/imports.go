package main

import (
	"fmt"
	"slices"
	"strings"
)

// floors says, for each top-level folder, which others its packages may import. A folder may always
// import itself; what is not named here does not belong into the root.
func floors() map[string][]string {
	return map[string][]string{
		"fixtures": {},
		"hw":       {"fixtures"},
		"kernel":   {"fixtures"},
		"drivers":  {"kernel", "hw", "fixtures"},
		"bench":    {"drivers", "kernel", "hw", "fixtures"},
		"cmd":      {"bench", "drivers", "kernel", "hw", "fixtures"},
	}
}

// leaves are the packages that every floor may import: numbers and texts of the standards that two
// floors speak. A leaf imports the standard library alone.
func leaves() []string { return []string{"kernel/uapi"} }

// apart are the packages below kernel that must not import it: libraries that work without one.
func apart() []string { return []string{"kernel/kmod", "kernel/kmod/kmodtest"} }

// edges says where third-party code may be imported: a module or a part of it, and the folders.
// Longest prefix wins.
func edges() map[string][]string {
	return map[string][]string{
		"github.com/tetratelabs/wazero":       {"kernel/ko"},
		"github.com/tarm/serial":              {"hw/serial/host", "cmd/internal/doors"},
		"github.com/google/gousb":             {"hw/usb/host", "hw/usb/gousbtest"},
		"github.com/creack/pty":               {"hw/serial", "cmd"},
		"github.com/gopacket/gopacket":        {"hw", "cmd"},
		"github.com/klauspost/compress":       {"kernel/kmod", "cmd"},
		"github.com/ulikunitz/xz":             {"kernel/kmod", "cmd"},
		"github.com/goccy/go-yaml":            {"drivers/board", "bench", "cmd", "hw/internal/sheet"},
		"github.com/spf13/cobra":              {"cmd"},
		"github.com/spf13/pflag":              {"cmd"},
		"github.com/hanwen/go-fuse":           {"cmd"},
		"github.com/schollz/progressbar":      {"cmd"},
		"github.com/jstemmer/go-junit-report": {"cmd"},
		"mvdan.cc/sh":                         {"cmd"},
		"golang.org/x/sys":                    {"hw", "bench", "cmd", "fixtures/oracle", "kernel/supervisor"},
		"golang.org/x/term":                   {"hw", "cmd"},
		"golang.org/x/sync":                   {"hw", "drivers", "bench", "cmd"},
		"gonum.org/v1/plot":                   {"bench", "cmd"},
		"golang.org/x/perf":                   {"bench"},
	}
}

// testOnly are the modules that tests use everywhere, and packages named …test too.
func testOnly() []string {
	return []string{
		"github.com/stretchr/testify", "github.com/rogpeppe/go-internal", "go.uber.org/goleak", "pgregory.net/rapid",
	}
}

// sharedCores are the packages below drivers that any driver may import, and the ones that may
// import any driver.
func sharedCores() (cores, gatherers []string) {
	return []string{"drivers/tty", "drivers/tty/terminal", "drivers/usb", "drivers/usb/usbserial"}, []string{"drivers/catalog", "drivers/board"}
}

// within reports whether dir is one of folders or lies below it.
func within(dir string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		return dir == f || strings.HasPrefix(dir, f+"/")
	})
}

// imports checks the direct imports of every file, which proves the floors for indirect ones as
// well.
func imports(m *module) []finding {
	var found []finding
	for _, p := range m.packages {
		for _, f := range p.files {
			for i, imported := range f.imports {
				if why := m.forbidden(p.dir, imported, f.test); why != "" {
					at := m.at(f.ast.Imports[i].Pos())
					found = append(found, finding{at: at, text: fmt.Sprintf("%s imports %s: %s", p.dir, imported, why)})
				}
			}
		}
		if floor := topLevel(p.dir); p.dir != "." && floors()[floor] == nil {
			found = append(found, finding{at: p.dir, text: "the house has no floor " + floor + " (hw drivers kernel bench fixtures cmd)"})
		}
	}
	return found
}

func topLevel(dir string) string {
	floor, _, _ := strings.Cut(dir, "/")
	return floor
}

// forbidden says why a package in dir may not import what it does; "" when it may.
func (m *module) forbidden(dir, imported string, test bool) string {
	if standard(imported) {
		return ""
	}
	target, ok := m.local(imported)
	if !ok && slices.Contains(leaves(), dir) && !test {
		return "a leaf imports the standard library alone"
	}
	if !ok {
		return thirdParty(dir, imported, test)
	}
	if slices.Contains(leaves(), dir) && !test {
		return "a leaf imports the standard library alone"
	}
	if slices.Contains(leaves(), target) {
		return ""
	}
	if slices.Contains(apart(), dir) && target == "kernel" && !test {
		return dir + " knows no kernel; what does is a package of its own"
	}
	from, to := topLevel(dir), topLevel(target)
	if from != to {
		if from == "fixtures" && m.program(dir) {
			// what writes the fixtures stands above what it uses, and nobody can import it
			return ""
		}
		if test && from == "kernel" && to == "drivers" {
			return "" // the kernel's tests drive real drivers, from outside of its packages
		}
		if !slices.Contains(floors()[from], to) {
			return from + " stands below " + to + " or beside it; imports point down only"
		}
		return ""
	}
	if from != "drivers" || test || within(dir, target) || within(target, dir) {
		return ""
	}
	cores, gatherers := sharedCores()
	if slices.Contains(cores, target) || slices.Contains(gatherers, dir) {
		return ""
	}
	return "a driver imports no other driver, only " + strings.Join(cores, ", ")
}

// program reports whether the package in dir is a command.
func (m *module) program(dir string) bool {
	i := slices.IndexFunc(m.packages, func(p *pkg) bool { return p.dir == dir })
	return i >= 0 && slices.ContainsFunc(m.packages[i].files, func(f *source) bool { return f.ast.Name.Name == "main" })
}

func thirdParty(dir, imported string, test bool) string {
	for _, mod := range testOnly() {
		if within(imported, mod) {
			if test || strings.HasSuffix(dir, "test") {
				return ""
			}
			return mod + " is for tests"
		}
	}
	best := ""
	for mod := range edges() {
		if within(imported, mod) && len(mod) > len(best) {
			best = mod
		}
	}
	if best == "" {
		return "no edge is named for it in cmd/internal/rules/imports.go"
	}
	if folders := edges()[best]; !within(dir, folders...) {
		return best + " stays in " + strings.Join(folders, ", ")
	}
	return ""
}

// core proves that package kernel, with all it imports, needs the standard library alone.
func core(m *module) []finding {
	byDir := map[string]*pkg{}
	for _, p := range m.packages {
		byDir[p.dir] = p
	}
	var found []finding
	seen := map[string]bool{}
	var visit func(dir string, chain []string)
	visit = func(dir string, chain []string) {
		p := byDir[dir]
		if p == nil || seen[dir] {
			return
		}
		seen[dir] = true
		chain = append(chain, dir)
		for _, f := range p.files {
			if f.test {
				continue
			}
			for i, imported := range f.imports {
				if target, ok := m.local(imported); ok {
					visit(target, chain)
				} else if !standard(imported) {
					found = append(found, finding{
						at:   m.at(f.ast.Imports[i].Pos()),
						text: fmt.Sprintf("the kernel core needs %s (%s); it uses the standard library alone", imported, strings.Join(chain, " → ")),
					})
				}
			}
		}
	}
	visit("kernel", nil)
	return found
}
