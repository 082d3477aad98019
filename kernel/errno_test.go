package kernel_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"
)

// A driver finds every number here: the list of names is that of package uapi.
func TestErrnoNamesAreComplete(t *testing.T) {
	names := func(file string) (list []string) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, s := range g.Specs {
					for _, n := range s.(*ast.ValueSpec).Names {
						list = append(list, n.Name)
					}
				}
			}
		}
		return list
	}
	require.NotEmpty(t, names("errno.go"))
	require.ElementsMatch(t, names("uapi/errno_table.go"), names("errno.go"))
}
