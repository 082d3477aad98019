package machine

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllocIsDeterministic(t *testing.T) {
	k := newKern(t, Config{})
	run := func(seed uint64) (addrs []uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		type block struct{ addr, size uint64 }
		var live []block
		for range 3000 {
			if len(live) > 0 && rnd.IntN(2) == 0 {
				i := rnd.IntN(len(live))
				b := live[i]
				mem, ok := k.m.Bytes(b.addr, b.size)
				require.True(t, ok)
				if i := slices.IndexFunc(mem, func(c byte) bool { return c != byte(b.addr>>3) }); i >= 0 {
					t.Fatalf("byte %d of the allocation at %#x was overwritten", i, b.addr)
				}
				require.NoError(t, k.m.Free(b.addr))
				live[i] = live[len(live)-1]
				live = live[:len(live)-1]
				continue
			}
			size, align := uint64(rnd.IntN(300)), uint32(1)<<rnd.IntN(8)
			if rnd.IntN(20) == 0 {
				size = uint64(rnd.IntN(20000))
			}
			a, err := k.m.Alloc(size, align, nil)
			require.NoError(t, err)
			require.Zero(t, a%uint64(align))
			require.GreaterOrEqual(t, a, uint64(KernelBase+pageSize))
			mem, ok := k.m.Bytes(a, size)
			require.True(t, ok)
			fill(mem, byte(a>>3))
			live = append(live, block{a, size})
			addrs = append(addrs, a)
		}
		for _, b := range live {
			require.NoError(t, k.m.Free(b.addr))
		}
		return addrs
	}
	k.m.Do(func() {
		first := run(7)
		used := k.m.heap.used
		run(8)
		require.Equal(t, first, run(7), "history leaves no trace")
		require.Equal(t, used, k.m.heap.used)
	})
}

func TestHeapErrors(t *testing.T) {
	k := newKern(t, Config{RedZones: true})
	k.m.Do(func() {
		small, err := k.m.Alloc(20, 0, nil)
		require.NoError(t, err)
		large, err := k.m.Alloc(9000, 0, nil)
		require.NoError(t, err)
		require.Zero(t, large%pageSize)
		for _, c := range []struct {
			addr uint64
			want string
		}{
			{small + 4, "4 bytes inside an allocation of 20 bytes"},
			{large + 4096, "4096 bytes inside an allocation of 9000 bytes"},
			{0, "not kernel memory"},
			{0xfffffff0, "not kernel memory"},
			{KernelBase, "not allocated"},
			{KernelBase + 1<<20, "not allocated"},
		} {
			err := k.m.Free(c.addr)
			var he *HeapError
			require.ErrorAs(t, err, &he)
			require.ErrorContains(t, err, c.want)
		}
		size, _, ok := k.m.AllocSize(large)
		require.True(t, ok)
		require.EqualValues(t, 9000, size)
		require.True(t, k.m.PutU8(small+20, 0), "one byte too far")
		require.ErrorContains(t, k.m.Free(small), "byte 0 behind an allocation of 20 bytes was overwritten with 0x00")
		require.ErrorContains(t, k.m.Free(small), "not allocated")
		v, _ := k.m.U8(large)
		require.EqualValues(t, poisonInuse, v)
		require.NoError(t, k.m.Free(large))
		v, _ = k.m.U8(large)
		require.EqualValues(t, poisonFree, v)
		_, err = k.m.Alloc(8, 3, nil)
		require.ErrorContains(t, err, "alignment 3")
	})
}

func TestMemoryAccess(t *testing.T) {
	k := newKern(t, Config{})
	k.m.Do(func() {
		a, err := k.m.Alloc(64, 0, nil)
		require.NoError(t, err)
		room, ok := k.m.AllocRoom(a)
		require.True(t, ok)
		require.EqualValues(t, 64, room)
		require.True(t, k.m.PutU64(a+1, 0x1122334455667788))
		v64, _ := k.m.U64(a + 1)
		require.EqualValues(t, uint64(0x1122334455667788), v64)
		v32, _ := k.m.U32(a + 1)
		require.EqualValues(t, 0x55667788, v32)
		v16, _ := k.m.U16(a + 1)
		require.EqualValues(t, 0x7788, v16)
		require.True(t, k.m.PutU16(a, 0x6f68))
		require.True(t, k.m.PutU8(a+2, 0))
		s, ok := k.m.CString(a, 10)
		require.True(t, ok)
		require.Equal(t, "ho", s)
		s, ok = k.m.CString(a, 1)
		require.True(t, ok)
		require.Equal(t, "h", s)
		for _, addr := range []uint64{0, 16, KernelBase - 1, KernelBase + uint64(len(k.m.mem)), UserBase, 1<<64 - 1} {
			_, ok := k.m.U8(addr)
			require.False(t, ok, "%#x", addr)
			require.False(t, k.m.PutU64(addr, 0))
			_, ok = k.m.CString(addr, 4)
			require.False(t, ok)
		}
		_, ok = k.m.Bytes(KernelBase+uint64(len(k.m.mem))-4, 5)
		require.False(t, ok)
		_, ok = k.m.Bytes(a, 1<<64-1)
		require.False(t, ok)
		require.NoError(t, k.m.Free(a))
	})
}

// program is a program's memory of one page.
type program struct {
	base uint64
	b    []byte
}

func (p *program) ReadUser(b []byte, addr uint64) (int, error) {
	if addr-p.base >= uint64(len(p.b)) {
		return 0, os.ErrInvalid
	}
	return copy(b, p.b[addr-p.base:]), nil
}

func (p *program) WriteUser(b []byte, addr uint64) (int, error) {
	if addr-p.base >= uint64(len(p.b)) {
		return 0, os.ErrInvalid
	}
	return copy(p.b[addr-p.base:], b), nil
}

func TestUserMemory(t *testing.T) {
	k := newKern(t, Config{})
	th := k.thread(t)
	b := make([]byte, 100)
	a0, a3 := th.SetUser(0, b), th.SetUserRO(3, []byte("const"))
	require.EqualValues(t, UserBase, a0)
	require.EqualValues(t, UserBase+3<<28, a3)
	p := make([]byte, 3)
	require.Equal(t, 3, th.ReadUser(p, a3+1))
	require.Equal(t, "ons", string(p))
	require.Zero(t, th.WriteUser(p, a3), "read-only")
	require.Equal(t, 3, th.WriteUser(p, a0+97))
	require.Equal(t, "ons", string(b[97:]))
	const heap = 0x7f1234567000
	for _, c := range []struct {
		addr uint64
		n    int
	}{{a0 + 98, 2}, {a0 + 100, 0}, {a3 + 4, 1}, {a0 - 1, 0}, {a3 + 1<<28, 0}, {heap, 0}, {1<<64 - 1, 0}, {0, 0}, {KernelBase + 8192, 0}} {
		require.Equal(t, c.n, th.ReadUser(p, c.addr), "%#x", c.addr)
	}

	prog := &program{heap, []byte("the program's own")}
	th.Program = func() UserMemory { return prog }
	require.Equal(t, 3, th.ReadUser(p, heap+4))
	require.Equal(t, "pro", string(p))
	require.Equal(t, 3, th.WriteUser([]byte("and"), heap))
	require.Equal(t, "and program's own", string(prog.b))
	require.Equal(t, 1, th.ReadUser(p, heap+uint64(len(prog.b))-1), "over the end")
	th.SetUserAt(1, heap+0x1000, []byte("arg"))
	require.Equal(t, 3, th.ReadUser(p, heap+0x1000))
	require.Equal(t, "arg", string(p))
}

func BenchmarkAllocFree(b *testing.B) {
	k := newKern(b, Config{})
	k.m.Do(func() {
		keep, _ := k.m.Alloc(64, 0, nil)
		for b.Loop() {
			a, err := k.m.Alloc(64, 0, nil)
			if err != nil || k.m.Free(a) != nil {
				b.Fatal(err)
			}
		}
		_ = k.m.Free(keep)
	})
}
