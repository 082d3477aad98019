package gousbtest_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAPI: whatever gousb exports, with whatever signature, is here too. It reads both sources, so
// it needs no cgo.
func TestAPI(t *testing.T) {
	// A build without libusb leaves gousb out, so that its source need not be in the module cache
	// yet.
	out, err := exec.Command("go", "mod", "download", "-json", "github.com/google/gousb").Output()
	var module struct{ Dir, Error string }
	require.NoError(t, json.Unmarshal(out, &module), "%v", err)
	require.Empty(t, module.Error)
	real := api(t, module.Dir)
	require.Greater(t, len(real), 200, "gousb's source was read")
	ours, names := api(t, "."), api(t, "gousb")
	for _, line := range real {
		require.Contains(t, ours, line)
	}
	for _, line := range real { // and the stand-in has a name for each
		kind, rest, _ := strings.Cut(line, " ")
		name, _, _ := strings.Cut(rest, " ")
		switch kind {
		case "type":
			require.Contains(t, names, "type "+name)
		case "const", "func":
			require.Contains(t, names, line)
		}
	}
}

// api is one line for each exported thing of the package in dir: "type T", "const C", "func F …",
// "field T.F …", "method T.M …".
func api(t *testing.T, dir string) []string {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var lines []string
	add := func(words ...string) { lines = append(lines, strings.Join(words, " ")) }
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				recv := ""
				if d.Recv != nil {
					recv = strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*")
				}
				switch {
				case !d.Name.IsExported() || recv != "" && !ast.IsExported(recv) && recv != "endpoint":
				case recv == "":
					add("func", d.Name.Name, signature(d.Type))
				default:
					add("method", recv+"."+d.Name.Name, signature(d.Type))
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						for _, n := range s.Names {
							if n.IsExported() {
								add("const", n.Name)
							}
						}
					case *ast.TypeSpec:
						if !s.Name.IsExported() && s.Name.Name != "endpoint" {
							continue
						}
						if s.Name.IsExported() {
							add("type", s.Name.Name)
						}
						if st, ok := s.Type.(*ast.StructType); ok {
							for _, field := range st.Fields.List {
								if len(field.Names) == 0 {
									add("embedded", s.Name.Name, types.ExprString(field.Type))
								}
								for _, n := range field.Names {
									if n.IsExported() {
										add("field", s.Name.Name+"."+n.Name, types.ExprString(field.Type))
									}
								}
							}
						}
					}
				}
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// signature is a function's types without the names.
func signature(f *ast.FuncType) string {
	list := func(l *ast.FieldList) string {
		var s []string
		if l != nil {
			for _, field := range l.List {
				typ := types.ExprString(field.Type)
				if ft, ok := field.Type.(*ast.FuncType); ok {
					typ = "func" + signature(ft)
				}
				s = append(s, slices.Repeat([]string{typ}, max(1, len(field.Names)))...)
			}
		}
		return "(" + strings.Join(s, ", ") + ")"
	}
	return list(f.Params) + list(f.Results)
}
