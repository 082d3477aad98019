package capi_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko/capi"
	"github.com/kobench/kobench/kernel/ko/object"
	"github.com/kobench/kobench/kernel/lib"
)

// What the headers promise, the kernel supplies, with the same signature.
func TestExports(t *testing.T) {
	text, err := os.ReadFile("../../include/EXPORTS")
	require.NoError(t, err)
	o, err := object.Parse(lib.Object())
	require.NoError(t, err)
	have := map[string]string{}
	for _, s := range capi.Symbols(o) {
		have[s.Name] = "data"
	}
	for i := range o.Symbols {
		if s := &o.Symbols[i]; s.Defined() && s.Kind == object.SymFunc {
			have[s.Name] = o.SymbolType(s).String()
		}
	}
	for _, f := range capi.Funcs() {
		have[f.Name] = object.FuncType{Params: f.Params, Results: f.Results}.String()
	}
	var missing, differ []string
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) < 3 {
			continue
		}
		if got, ok := have[f[0]]; !ok {
			missing = append(missing, f[0])
		} else if got != f[1] {
			differ = append(differ, f[0]+": "+got+", declared "+f[1])
		}
	}
	require.Empty(t, differ)
	t.Logf("%d missing: %s", len(missing), strings.Join(missing, " "))
	// Buses and drivers come with the USB core.
	require.Subset(t, strings.Fields(`add_uevent_var bus_create_file bus_register bus_remove_file bus_unregister
		driver_create_file driver_register driver_remove_file driver_unregister proc_symlink
		sysfs_create_bin_file sysfs_remove_bin_file`), missing)
}
