package object

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// bodies are the functions of an emitted module, by the name that it exports them under.
func bodies(t *testing.T, img *Image) map[string][]byte {
	t.Helper()
	exports, code := map[uint32]string{}, [][]byte(nil)
	r := &reader{b: img.Wasm, p: 8}
	for r.more() {
		id := r.byte()
		s := &reader{b: r.bytes(r.u32(), "a section")}
		switch id {
		case 7:
			for n := s.u32(); n > 0; n-- {
				name := s.name()
				s.byte()
				exports[s.u32()] = name
			}
		case 10:
			for n := s.u32(); n > 0; n-- {
				code = append(code, s.bytes(s.u32(), "a body"))
			}
		}
		require.Nil(t, s.err)
	}
	require.Nil(t, r.err)
	first := ^uint32(0)
	for i := range exports {
		first = min(first, i)
	}
	named := map[string][]byte{}
	for i, name := range exports {
		named[name] = code[i-first]
	}
	return named
}

// How many checks a function keeps: what must hold is not asked again.
func TestChecksThatStay(t *testing.T) {
	o := parse(t, "facts.ko")
	opt := anything(o)
	opt.Memory = 1 << 20
	img, err := o.Link(Placement{Core: 0x4000, Slot: 1}, opt)
	require.NoError(t, err)
	code := bodies(t, img)
	for name, want := range map[string]int{
		"same_base": 1, // the second and third access go by the first one's
		"chain":     3, // p, and each value that was read from p->next: it is volatile
		"in_loop":   1, // before the loop
		"walk":      1, // each turn has a pointer of its own
		"both_ways": 2, // and none where they meet
		"one_way":   2, // not known where they meet
		"over_call": 1, // a local is nobody else's
		"symbols":   0,
		"frame":     0,
		"indexed":   2, // wherever i points
		"copied":    1, // q is p and a little
		"late":      1,
	} {
		require.Equal(t, want, bytes.Count(code[name], []byte{opCall, funcFault, opUnreachable}), name)
	}
}

// FuncAddr and FuncSlot are each other's inverse, and know no other address.
func TestFunctionAddresses(t *testing.T) {
	require.Zero(t, FuncAddr(0))
	for _, slot := range []uint32{1, 2, 1000, MaxFuncs - 1} {
		got, ok := FuncSlot(FuncAddr(slot))
		require.True(t, ok)
		require.Equal(t, slot, got)
	}
	for _, addr := range []uint64{0, 1, TextBase, TextBase + 8, TextBase + MaxFuncs<<textShift, KernelBase + 16, 1 << 40, 1<<64 - 1} {
		_, ok := FuncSlot(addr)
		require.False(t, ok, "%#x", addr)
	}
}
