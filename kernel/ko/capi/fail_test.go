package capi

import (
	"testing"

	"github.com/kobench/kobench/kernel/ko/machine"
	"github.com/stretchr/testify/require"
)

// Every function that is said to fail exists and has a result.
func TestFailures(t *testing.T) {
	byName := map[string]Func{}
	for _, f := range Funcs() {
		byName[f.Name] = f
	}
	for name := range failures() {
		require.Contains(t, byName, name)
		require.Len(t, byName[name].Results, 1, name)
	}
}

// A function that fails is not called; one that does not is, and without a hook nothing is wrapped.
func TestMayFail(t *testing.T) {
	calls := 0
	f := machine.HostFunc{Name: "misc_register", Params: kinds(machine.I32), Results: kinds(machine.I32),
		Fn: func(_ *machine.Thread, s []uint64) { calls++; s[0] = 0 }}
	fail := true
	hooked := mayFail(f, func(name string) bool { return name == "misc_register" && fail })
	s := []uint64{7}
	hooked.Fn(nil, s)
	require.Equal(t, uint64(0xfffffff0), s[0], "-EBUSY as an int")
	require.Zero(t, calls)
	fail = false
	hooked.Fn(nil, s)
	require.Zero(t, s[0])
	require.Equal(t, 1, calls)
}
