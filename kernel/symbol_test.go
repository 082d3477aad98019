package kernel_test

import (
	"testing"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// A capital letter is for what every module may use; EXPORT_SYMBOL_GPL keeps the small one, as on
// the real kernel.
func TestKallsymsLetters(t *testing.T) {
	k := kerneltest.Boot(t)
	kerneltest.Load(t, k, &kernel.Module{Name: "m", License: "GPL", Init: ok,
		Exports: []kernel.Symbol{{Name: "m_all", Addr: 1}, {Name: "m_gpl", GPL: true, Addr: 2}},
		Symtab: []kernel.Symbol{
			{Name: "m_all", Type: 't', Addr: 1}, {Name: "m_gpl", Type: 't', Addr: 2}, {Name: "m_local", Type: 'd', Addr: 3},
		}}, "")
	text := fileText(t, k, "/proc/kallsyms")
	for _, want := range []string{" T m_all\t[m]\n", " t m_gpl\t[m]\n", " d m_local\t[m]\n", " r __ksymtab_m_gpl\t[m]\n"} {
		require.Contains(t, text, want)
	}
}
