package board

import (
	"testing"

	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

func TestBareBoard(t *testing.T) {
	b, err := Load("bare")
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	require.NoError(t, m.LoadModules())
	_, err = m.Kernel.Init().Stat("/dev/null")
	require.NoError(t, err)
	require.Empty(t, m.Kernel.Modules())
	require.NoError(t, m.Close())
}

func TestBuiltinDrivers(t *testing.T) {
	_, err := Parse("x.yaml", []byte("builtin: [mem, \"8250\"]\n"))
	require.ErrorContains(t, err, `x.yaml:1:16: driver "8250" cannot be built in`)

	b, err := Parse("x.yaml", []byte("builtin: [nosuch]\n"))
	require.NoError(t, err)
	m := b.Power(kernel.Config{})
	require.Contains(t, m.Kernel.Log.Text(), "board x: no driver nosuch in this program's catalog to build in")
	require.NoError(t, m.Close())
}
