package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const mod = "module example.org/house\n\ngo 1.26\n"

// house is a module of the given files, each with its package clause put before it.
func house(t *testing.T, files map[string]string) *module {
	t.Helper()
	root := fstest.MapFS{"go.mod": {Data: []byte(mod)}}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	m, err := load(root)
	require.NoError(t, err)
	return m
}

func texts(found []finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.at+": "+f.text)
	}
	return strings.Join(all, "\n")
}

func TestImports(t *testing.T) {
	for _, tt := range []struct {
		name, file, imported, want string // want "" is: no finding
	}{
		{"kernel to hw", "kernel/a.go", "example.org/house/hw/serial", "imports point down only"},
		{"hw to kernel", "hw/usb/a.go", "example.org/house/kernel", "imports point down only"},
		{"hw to kernel in a test", "hw/usb/a_test.go", "example.org/house/kernel", "imports point down only"},
		{"kernel to drivers", "kernel/a.go", "example.org/house/drivers/mem", "imports point down only"},
		{"kmod to the kernel", "kernel/kmod/a.go", "example.org/house/kernel", "knows no kernel"},
		{"kmod's door to the kernel", "kernel/kmod/local/a.go", "example.org/house/kernel", ""},
		{"hw to a leaf", "hw/usb/a.go", "example.org/house/kernel/uapi", ""},
		{"fixtures to a leaf", "fixtures/a.go", "example.org/house/kernel/uapi", ""},
		{"hw to what is beside a leaf", "hw/usb/a.go", "example.org/house/kernel/uapi2", "imports point down only"},
		{"a leaf to its floor", "kernel/uapi/a.go", "example.org/house/kernel", "standard library alone"},
		{"a leaf to a stranger", "kernel/uapi/a.go", "golang.org/x/sys/unix", "standard library alone"},
		{"a leaf alone", "kernel/uapi/a.go", "errors", ""},
		{"drivers down", "drivers/mem/a.go", "example.org/house/kernel", ""},
		{"cmd to all", "cmd/kobench/a.go", "example.org/house/drivers/mem", ""},
		{"bench to cmd", "bench/a.go", "example.org/house/cmd/x", "imports point down only"},
		{"one driver to another", "drivers/mem/a.go", "example.org/house/drivers/loopback", "no other driver"},
		{"one driver to another behind a build tag", "drivers/mem/a_plan9.go", "example.org/house/drivers/loopback", "no other driver"},
		{"a test may compare drivers", "drivers/mem/a_test.go", "example.org/house/drivers/loopback", ""},
		{"a driver's own part", "drivers/mem/a.go", "example.org/house/drivers/mem/internal/x", ""},
		{"the tty core", "drivers/serial/a.go", "example.org/house/drivers/tty", ""},
		{"the usb core", "drivers/ftdi/a.go", "example.org/house/drivers/usb", ""},
		{"a core to a driver", "drivers/tty/a.go", "example.org/house/drivers/serial", "no other driver"},
		{"catalog gathers", "drivers/catalog/a.go", "example.org/house/drivers/serial", ""},
		{"driver to catalog", "drivers/mem/a.go", "example.org/house/drivers/catalog", "no other driver"},
		{"wazero at home", "kernel/ko/machine/a.go", "github.com/tetratelabs/wazero/api", ""},
		{"wazero elsewhere", "kernel/kmod/a.go", "github.com/tetratelabs/wazero", "stays in kernel/ko"},
		{"a folder's name is no prefix", "kernel/kohl/a.go", "github.com/tetratelabs/wazero", "stays in kernel/ko"},
		{"cobra below", "drivers/mem/a.go", "github.com/spf13/cobra", "stays in cmd"},
		{"tarm at home", "hw/serial/host/a.go", "github.com/tarm/serial", ""},
		{"gousb elsewhere", "hw/usb/a.go", "github.com/google/gousb", "stays in hw/usb/host"},
		{"testify in a test", "hw/a_test.go", "github.com/stretchr/testify/require", ""},
		{"testify in a helper of tests", "kernel/kerneltest/a.go", "github.com/stretchr/testify/require", ""},
		{"testify in a program", "cmd/x/a.go", "github.com/stretchr/testify/require", "is for tests"},
		{"a stranger", "cmd/x/a.go", "github.com/some/body", "no edge is named"},
		{"fixtures up", "fixtures/a.go", "example.org/house/kernel/kbuild", "imports point down only"},
		{"no such floor", "pkg/a.go", "fmt", "no floor pkg"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := house(t, map[string]string{tt.file: "package a\n\nimport _ \"" + tt.imported + "\"\n"})
			got := texts(imports(m))
			if tt.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, tt.want)
		})
	}
}

func TestWhatWritesFixturesMayUseTheHouse(t *testing.T) {
	m := house(t, map[string]string{"fixtures/build/a.go": "package main\n\nimport _ \"example.org/house/kernel/kbuild\"\n"})
	require.Empty(t, texts(imports(m)))
}

func TestCoreFindsWhatIsBehindAPackage(t *testing.T) {
	m := house(t, map[string]string{
		"kernel/a.go":      "package kernel\n\nimport _ \"example.org/house/kernel/x\"\n",
		"kernel/x/x.go":    "package x\n\nimport _ \"golang.org/x/sys/unix\"\n",
		"kernel/a_test.go": "package kernel\n\nimport _ \"github.com/stretchr/testify/require\"\n",
	})
	found := core(m)
	require.Len(t, found, 1)
	require.Equal(t, "kernel/x/x.go:3", found[0].at)
	require.Contains(t, found[0].text, "kernel → kernel/x")
}

func TestState(t *testing.T) {
	for _, tt := range []struct{ name, source, want string }{
		{"an error", "import \"errors\"\nvar ErrX = errors.New(\"x\")", ""},
		{"an interface is met", "var _ error = (*T)(nil)\ntype T struct{ error }", ""},
		{"a table", "var names = map[int]string{1: \"a\"}\nfunc f() string { return names[1] }", ""},
		{"a table that is filled", "var names = map[int]string{}\nfunc f() { names[1] = \"a\" }", "names is written to"},
		{"a table that is emptied", "var names = map[int]string{1: \"a\"}\nfunc f() { delete(names, 1) }", "names is written to"},
		{"a field", "var t = struct{ n int }{1}\nfunc f() { t.n++ }", "t is written to"},
		{"an address", "var n = 1\nfunc f() *int { return &n }", "n is written to"},
		{"hidden by a local", "var n = 1\nfunc f() { n := 2; n = 3; _ = n }", ""},
		{"a counter", "var n int\nfunc f() { n++ }", "n is written to"},
		{"not yet set", "var n int", "has no value yet"},
		{"a lock", "import \"sync\"\nvar mu = sync.Mutex{}", "is a sync.Mutex"},
		{"a pool", "import \"sync\"\nvar pool sync.Pool", "has no value yet"},
		{"a registry", "var r = make(map[string]int)", "result of a call"},
		{"a pointer to be filled", "type T struct{ n int }\nvar x = &T{}", "points to an empty value"},
		{"a pointer to a table", "type T struct{ n int }\nvar x = &T{n: 1}", ""},
		{"a pointer to a table that is written", "type T struct{ n int }\nvar x = &T{n: 1}\nfunc f() { x.n = 2 }", "x is written to"},
		{"a call", "func g() int { return 1 }\nvar x = g()", "result of a call"},
		{"allowed", "//rules:allow one per process: the host has one\nvar n int", ""},
		{"allowed without a reason", "//rules:allow \nvar n int", "has no value yet"},
		{"embedded", "import _ \"embed\"\n//go:embed x\nvar x string", ""},
		{"init", "func init() {}", "func init"},
		{"a method init", "type T struct{}\nfunc (T) init() {}", ""},
		{"written in another file", "var shared = 1", "shared is written to"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := house(t, map[string]string{
				"hw/a.go":      "package a\n\n" + tt.source + "\n",
				"hw/b.go":      "package a\n\nfunc other() { shared = 2 }\n",
				"hw/c_test.go": "package a\n\nvar update = flag()\n\nfunc flag() int { return 0 }\n",
			})
			got := texts(state(m))
			if tt.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, tt.want)
		})
	}
}

func TestLocks(t *testing.T) {
	for _, tt := range []struct{ name, source, want string }{
		{"alone", "type t struct {\n\tmu sync.Mutex\n\tn int // +checklocks:mu\n}", ""},
		{"text behind", "type t struct {\n\tmu sync.Mutex\n\tn int // +checklocks:mu  of things\n}", "makes it void"},
		{"text before", "type t struct {\n\tmu sync.Mutex\n\tn int // of things, +checklocks:mu\n}", "makes it void"},
		{"text above", "type t struct {\n\tmu sync.Mutex\n\t// of things\n\tn int // +checklocks:mu\n}", ""},
		{"a reason to look away", "func f() {\n\tn++ // +checklocksignore: nobody else has it\n}", ""},
		{"two in a line", "type t struct {\n\tmu sync.Mutex\n\ta, b int\n\tn int // +checklocks:mu\n}", "the analyser counts lines"},
		{"two in a line elsewhere", "type t struct {\n\tmu sync.Mutex\n\ta, b int\n}", ""},
		{"kept", "func (x *t) f() {\n\tx.mu.Lock()\n\tx.n++\n}", "f locks x.mu and nowhere unlocks it"},
		{"kept for the caller", "// +checklocksacquire:x.mu\nfunc (x *t) f() {\n\tx.mu.Lock()\n\tx.n++\n}", ""},
		{"given back", "func (x *t) f() {\n\tx.mu.Lock()\n\tdefer x.mu.Unlock()\n}", ""},
		{"another one given back", "func (x *t) f() {\n\tx.mu.Lock()\n\tx.io.Unlock()\n}", "f locks x.mu"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := texts(locks(house(t, map[string]string{"hw/a.go": "package a\n\n" + tt.source + "\n"})))
			if tt.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, tt.want)
		})
	}
}

func TestSizeAndPlaces(t *testing.T) {
	machine := "/wo" + "rk/shared/x"
	m := house(t, map[string]string{
		"hw/long.go":    "package a\n" + strings.Repeat("\n", tooLong),
		"hw/longish.go": "package a\n" + strings.Repeat("\n", longLines),
		"hw/made.go":    "// Code generated by x. DO NOT EDIT.\n\npackage a\n" + strings.Repeat("\n", tooLong),
		"README.md":     "see " + machine + "\nnot $x" + machine + "\n",
	})
	sizes := size(m)
	require.Len(t, sizes, 2)
	for _, f := range sizes {
		require.Equal(t, f.at == "hw/longish.go", f.warning, f.at)
	}
	where := places(m)
	require.Len(t, where, 1, texts(where))
	require.Equal(t, "README.md:1", where[0].at)
}

func TestRunSaysWhereItIs(t *testing.T) {
	var out bytes.Buffer
	require.Equal(t, 2, run(fstest.MapFS{}, &out))
	require.Contains(t, out.String(), "run it where go.mod is")
	out.Reset()
	root := fstest.MapFS{
		"go.mod":  {Data: []byte(mod)},
		"hw/a.go": {Data: []byte("package a\n\nimport _ \"example.org/house/kernel\"\n")},
	}
	require.Equal(t, 1, run(root, &out))
	require.Contains(t, out.String(), "hw/a.go:3: hw imports example.org/house/kernel")
}

// The house itself obeys. Reading it here also tells Go's test cache which files this depends on.
func TestThisHouse(t *testing.T) {
	var out bytes.Buffer
	require.Zero(t, run(os.DirFS("../../.."), &out), "\n"+out.String())
}
