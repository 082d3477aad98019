package machine

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko/object"
)

var errKaboom = errors.New("kaboom")

func trapKern(t testing.TB, cfg Config) (*kern, *Module) {
	one := []ValType{I32}
	k := newKern(t, cfg,
		HostFunc{"kaboom", one, one, func(th *Thread, s []uint64) { panic(errKaboom) }},
	)
	var mod *Module
	// back calls null_read and ignores the error: the thread dies anyway.
	k.funcs["back"] = HostFunc{"back", one, one, func(th *Thread, s []uint64) {
		_, err := th.Call(slotOf(t, mod, "null_read"), 0)
		var tr *Trap
		if !errors.As(err, &tr) {
			panic("no trap in the nested call")
		}
		s[0] = 0
	}}
	mod = k.load(t, "trap")
	return k, mod
}

func TestTraps(t *testing.T) {
	k, mod := trapKern(t, Config{Watchdog: 50 * time.Millisecond})
	th := k.thread(t)
	const far, poison = KernelBase + 1<<40, 0x6b6b6b6b6b6b6b6b
	for _, c := range []struct {
		fn   string
		args []uint64
		kind TrapKind
		in   string
		msg  string
	}{
		{"null_read", []uint64{0}, TrapNull, "null_read", "NULL pointer dereference in null_read+0x"},
		{"null_write", []uint64{0}, TrapNull, "null_write", "NULL pointer dereference in null_write+0x"},
		{"null_chain", []uint64{0}, TrapNull, "null_chain", ""},
		{"guard_write", []uint64{0}, TrapNull, "guard_write", "NULL pointer dereference in guard_write+0x"},
		{"guard_write_far", []uint64{0}, TrapNull, "guard_write_far", ""},
		{"wild_read", []uint64{far}, TrapBounds, "wild_read", "bad memory access in wild_read+0x"},
		{"wild_read", []uint64{poison}, TrapBounds, "wild_read", ""},
		{"wild_write", []uint64{UserBase}, TrapBounds, "wild_write", ""},
		{"divide", []uint64{1, 0}, TrapDivide, "divide", "integer divide by zero"},
		{"divide", []uint64{0x80000000, 0xffffffff}, TrapDivide, "divide", "integer overflow"},
		{"bug", []uint64{1}, TrapUnreachable, "bug", "invalid opcode in bug+0x"},
		{"convert", []uint64{0x7ff8000000000000}, TrapConvert, "convert", ""},
		{"call_null", nil, TrapNull, "call_ptr", "call of a null function pointer"},
		{"call_wide", []uint64{1}, TrapCall, "call_ptr", "wide(i64) -> i64 called as (i32) -> i32"},
		{"call_wild", []uint64{1}, TrapCall, "call_ptr", "no function at 0xd431"},
		{"deep_frames", []uint64{1000}, TrapStack, "eat", "stack pointer"},
		{"huge_frame", []uint64{5}, TrapStack, "huge_frame", ""},
		{"alloca_frame", []uint64{0xffff0000}, TrapStack, "alloca_frame", ""},
		{"alloca_frame", []uint64{100000}, TrapStack, "alloca_frame", ""},
		{"spin", []uint64{0}, TrapWatchdog, "spin", "soft lockup: running for 50ms without a sleep in spin"},
		{"tree", []uint64{60}, TrapWatchdog, "tree", ""},
		{"host_panics", []uint64{0}, TrapHost, "host_panics", "kaboom"},
		{"nested_null", []uint64{0}, TrapNull, "null_read", "in null_read+0x"},
		{"call_weak", []uint64{0}, TrapUnreachable, "", ""},
	} {
		t.Run(c.fn, func(t *testing.T) {
			_, err := th.Call(slotOf(t, mod, c.fn), c.args...)
			var tr *Trap
			require.ErrorAs(t, err, &tr)
			require.Equal(t, c.kind, tr.Kind, "%v", tr)
			require.Equal(t, "trap", tr.Module, "%v", tr)
			require.Equal(t, "test", tr.Thread)
			if c.in != "" {
				require.Equal(t, c.in, tr.Func)
			}
			require.ErrorContains(t, err, c.msg)
			require.NotEmpty(t, tr.Stack)
			require.Zero(t, th.Depth())

			r, err := th.Call(slotOf(t, mod, "call_good"), 21)
			require.NoError(t, err, "the thread and the module go on")
			require.EqualValues(t, 42, r)
			other := k.thread(t)
			_, err = other.Call(slotOf(t, mod, "deep_frames"), 20)
			require.NoError(t, err)
		})
	}
	k.m.Do(func() {
		s := k.m.Stats()
		require.Zero(t, s.Inside)
		require.Zero(t, mod.running)
	})
}

func TestTrapStackTrace(t *testing.T) {
	k, mod := trapKern(t, Config{})
	_, err := k.thread(t).Call(slotOf(t, mod, "nested_null"), 0)
	var tr *Trap
	require.ErrorAs(t, err, &tr)
	var names []string
	for _, f := range tr.Stack {
		names = append(names, f.String())
	}
	require.Equal(t, []string{"null_read [trap]", "back", "nested_null [trap]"}, names)
	_, err = k.thread(t).Call(slotOf(t, mod, "host_panics"), 0)
	require.ErrorIs(t, err, errKaboom)
}

func TestTrapEngineStack(t *testing.T) {
	k, mod := trapKern(t, Config{})
	th := k.thread(t)
	_, err := th.Call(slotOf(t, mod, "forever"), 0)
	var tr *Trap
	require.ErrorAs(t, err, &tr)
	require.Equal(t, TrapStack, tr.Kind)
	require.ErrorContains(t, err, "calls too deep in forever [trap]")
	_, err = th.Call(slotOf(t, mod, "call_good"), 1)
	require.NoError(t, err)
}

// Every address that is no kernel memory is named exactly, whatever touches it.
func TestTrapAddress(t *testing.T) {
	k, mod := trapKern(t, Config{})
	th := k.thread(t)
	end := KernelBase + uint64(len(k.m.mem))
	for _, c := range []struct {
		fn   string
		args []uint64
		addr uint64
	}{
		{"null_read", []uint64{0}, 400},
		{"null_write", []uint64{0}, 400},
		{"guard_write", []uint64{8}, 24},
		{"guard_write_far", []uint64{0}, 3000},
		{"wild_read", []uint64{0x7ffc12345678}, 0x7ffc12345678},
		{"wild_write", []uint64{0xdead000000000100}, 0xdead000000000100},
		{"wild_read", []uint64{0xffff}, 0xffff},
		{"wild_read", []uint64{end}, end},
		{"wild_read", []uint64{1<<64 - 22}, 1<<64 - 22},
		{"fetch_add", []uint64{4}, 4},
		{"copy", []uint64{0, KernelBase + 8192, 10}, 0},
		{"copy", []uint64{KernelBase + 8192, 0x7fff00000000, 10}, 0x7fff00000000},
		{"copy", []uint64{end - 4, KernelBase + 8192, 10}, end},
		{"copy", []uint64{KernelBase + 8192, KernelBase + 16384, 1 << 40}, end},
		{"fill", []uint64{16, 0, 100}, 16},
		{"constant", nil, 0x10},
		{"store_after_call", []uint64{0, 5}, 8},
	} {
		t.Run(fmt.Sprintf("%s/%x", c.fn, c.addr), func(t *testing.T) {
			_, err := th.Call(slotOf(t, mod, c.fn), c.args...)
			var tr *Trap
			require.ErrorAs(t, err, &tr)
			require.Equal(t, fmt.Sprintf("%#x", c.addr), fmt.Sprintf("%#x", tr.Addr), "%v", tr)
			require.Equal(t, c.addr < NullLimit, tr.Kind == TrapNull, "%v", tr)
			require.Equal(t, c.fn, tr.Func)
		})
	}
	called, _ := mod.Symbol("called")
	k.m.Do(func() {
		n, _ := k.m.U32(called.Addr)
		require.EqualValues(t, 1, n, "the call before the store has happened")
	})
	_, err := th.Call(slotOf(t, mod, "copy"), 0, 0, 0)
	require.NoError(t, err, "nothing is copied")
}

func TestTrapBadSlot(t *testing.T) {
	k, mod := trapKern(t, Config{})
	th := k.thread(t)
	_, err := th.Call(0)
	require.ErrorContains(t, err, "call of a null function pointer")
	_, err = th.Call(60000)
	require.ErrorContains(t, err, "no function at 0xea60")
	_, err = th.Call(object.FuncAddr(60000))
	require.ErrorContains(t, err, "no function at 0xffffffff810ea600")
	_, err = th.Call(slotOf(t, mod, "divide"), 1)
	require.ErrorContains(t, err, "called with 1 arguments, but it is divide(i32, i32) -> i32")
	r, err := th.Call(slotOf(t, mod, "divide"), 6, 3)
	require.NoError(t, err)
	require.EqualValues(t, 2, r)
	r, err = th.Call(slotOf(t, mod, "ask_weak"))
	require.NoError(t, err)
	require.Zero(t, r, "the address of a missing weak function")
}

func TestTrapHostGoexit(t *testing.T) {
	one := []ValType{I32}
	k := newKern(t, Config{},
		HostFunc{"back", one, one, nil},
		HostFunc{"kaboom", one, one, func(th *Thread, s []uint64) { th.m.mu.TryLock(); panic("text") }})
	mod := k.load(t, "trap")
	th := k.thread(t)
	_, err := th.Call(slotOf(t, mod, "host_panics"), 0)
	require.ErrorContains(t, err, "kernel function panicked: text in host_panics [trap]")
	_, err = th.Call(slotOf(t, mod, "nested_null"), 0)
	require.ErrorContains(t, err, "nil pointer", "a bug in a host function is contained too")
	_, err = th.Call(slotOf(t, mod, "call_good"), 1)
	require.NoError(t, err)
}
