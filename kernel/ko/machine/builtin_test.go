package machine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// linked lists the library functions that have been compiled.
func (k *kern) linked() (names []string) {
	k.m.loadMu.Lock()
	defer k.m.loadMu.Unlock()
	for i, f := range k.m.lib.img.Funcs {
		if k.m.lib.done[i] {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestBuiltinIsLinkedOnDemand(t *testing.T) {
	k := newKern(t, Config{})
	require.Empty(t, k.linked(), "a new machine has compiled nothing of it")
	mod := k.load(t, "hello")
	require.ElementsMatch(t, []string{"_copy_to_user", "_copy_from_user"}, k.linked())

	// Go calls a library function by its address.
	lib := k.m.Builtin()
	th := k.thread(t)
	a, ok := lib.Symbol("strlen")
	require.True(t, ok)
	msg, ok := mod.Section(".modinfo")
	require.True(t, ok)
	for range 2 {
		n, err := th.Call(a.Addr, uint64(msg.Addr))
		require.NoError(t, err)
		require.EqualValues(t, len("license=GPL"), n)
	}
	require.Contains(t, k.linked(), "strlen")
	k.m.Do(func() {
		module, name, typ, ok := k.m.FuncAt(slotOf(t, lib, "memcmp"))
		require.True(t, ok)
		require.Equal(t, "vmlinux memcmp(i64, i64, i64) -> i32", module+" "+name+typ.String())
	})
	require.NotContains(t, k.linked(), "memcmp")
	require.NoError(t, k.m.Need("memcmp", "__kb_window"))
	require.Contains(t, k.linked(), "memcmp")
	require.ErrorContains(t, k.m.Need("no_such"), `no symbol "no_such"`)

	// A trap in the library blames the module that called it.
	_, err := th.Call(k.fop(t, mod, 0), 0, th.SetUser(0, make([]byte, 8)), 8, 0)
	require.NoError(t, err)
	_, err = th.Call(a.Addr, UserBase)
	var tr *Trap
	require.ErrorAs(t, err, &tr)
	require.Equal(t, "strlen", tr.Func)
	require.Equal(t, []Frame{{"vmlinux", "strlen", "(i64) i64"}}, tr.Stack)
}

// Every function of the library links and compiles.
func TestBuiltinWhole(t *testing.T) {
	k := newKern(t, Config{})
	var names []string
	for _, s := range k.m.Builtin().Symbols() {
		names = append(names, s.Name)
		if f, ok := k.m.Builtin().Object().Lookup(s.Name); ok && s.Func {
			require.Equal(t, s.Type, k.m.Builtin().Object().SymbolType(f))
		}
	}
	for _, s := range k.m.Builtin().Object().Undefined() {
		if _, ok := k.funcs[s.Name]; !ok {
			ft := k.m.Builtin().Object().SymbolType(s)
			k.funcs[s.Name] = HostFunc{s.Name, ft.Params, ft.Results, func(*Thread, []uint64) {}}
		}
	}
	require.NoError(t, k.m.Need(names...))
}
