package machine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko/object"
)

// A call by another prototype works, as on machines, and is told.
func TestPrototypesThatDiffer(t *testing.T) {
	k := newKern(t, Config{})
	p := k.load(t, "provider")
	mod, err := k.m.Load(readObject(t, "proto"), LoadOptions{Name: "proto", Resolve: k.from(p)})
	require.NoError(t, err)
	require.EqualValues(t, 12, k.call(t, mod, "call_add", 5, 7), "an argument too many, another too wide")
	require.EqualValues(t, -2, int64(k.call(t, mod, "call_add", 0xffffffff, 1<<64-1)), "the sign is kept")
	require.EqualValues(t, 0, k.call(t, mod, "call_set"), "an argument too few is 0")
	require.EqualValues(t, -1, int64(k.call(t, mod, "call_run")))
	var names []string
	for _, a := range mod.Adapted() {
		names = append(names, a.Symbol+": "+a.Is.String()+", used as "+a.Used.String())
	}
	require.Equal(t, []string{
		"add: (i32, i32) -> i32, used as (i32, i64, i32) -> i64",
		"set_callback: (i64) -> i32, used as () -> i32",
		"run: (i32) -> i32, used as () -> i64",
	}, names)
}

// What the linker leaves out changes nothing: the functions of facts.c compute what they say.
func TestLoweredAccesses(t *testing.T) {
	k := newKern(t, Config{})
	mod := k.load(t, "facts")
	var a, b uint64
	k.m.Do(func() {
		a, _ = k.m.Alloc(48, 0, nil)
		b, _ = k.m.Alloc(48, 0, nil)
		for i, v := range []uint32{1, 2, 3} {
			k.m.PutU32(a+4*uint64(i), v)
			k.m.PutU32(b+4*uint64(i), 10*v)
		}
		k.m.PutU64(a+16, b)
		k.m.PutU64(b+16, 0)
	})
	for _, c := range []struct {
		fn   string
		args []uint64
		want uint64
	}{
		{"same_base", []uint64{a}, 6}, {"chain", []uint64{a}, 30}, {"walk", []uint64{a}, 11}, {"in_loop", []uint64{b, 5}, 30},
		{"both_ways", []uint64{a, 1}, 3}, {"both_ways", []uint64{a, 0}, 3}, {"one_way", []uint64{a, 0}, 3},
		{"over_call", []uint64{a}, 2}, {"symbols", nil, 0}, {"indexed", []uint64{3}, 0},
		{"wide_sum", []uint64{a}, 1<<40 + 1<<32*2 + 1},
	} {
		if c.fn == "wide_sum" {
			k.m.Do(func() { k.m.PutU64(a, 1<<33+1) })
		}
		require.Equal(t, c.want, k.call(t, mod, c.fn, c.args...), c.fn)
	}
}

// A driver reaches the memory of the program itself, at the program's addresses.
func TestCopyToAProgram(t *testing.T) {
	k := newKern(t, Config{})
	mod := k.load(t, "hello")
	th := k.thread(t)
	const at = 0x7ffe00001000
	prog := &program{at, []byte("......................")}
	th.Program = func() UserMemory { return prog }
	r, err := th.Call(k.fop(t, mod, 0), 0, at+3, 5, 0)
	require.NoError(t, err)
	require.EqualValues(t, 5, r)
	require.Equal(t, "...hello..............", string(prog.b))
	r, err = th.Call(k.fop(t, mod, 0), 0, at+20, 5, 0)
	require.NoError(t, err)
	require.EqualValues(t, -14, int64(r), "over the end")
	copy(prog.b, "HELLO")
	r, err = th.Call(k.fop(t, mod, 1), 0, at, 5, 0)
	require.NoError(t, err)
	require.EqualValues(t, 5, r)
	r, err = th.Call(k.fop(t, mod, 0), 0, th.SetUserAt(0, at+0x1000, make([]byte, 8)), 5, 0)
	require.NoError(t, err)
	require.EqualValues(t, 5, r, "a buffer of the call, at its own address")
	r, err = th.Call(k.fop(t, mod, 0), 0, object.KernelBase+0x4000, 5, 0)
	require.NoError(t, err)
	require.EqualValues(t, -14, int64(r), "kernel memory is not the user's")
}
