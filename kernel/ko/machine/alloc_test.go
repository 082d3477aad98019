package machine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllocIsDeterministic(t *testing.T) {
	k := newKern(t, Config{})
	run := func(seed uint64) (addrs []uint32) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		type block struct{ addr, size uint32 }
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
			size, align := uint32(rnd.IntN(300)), uint32(1)<<rnd.IntN(8)
			if rnd.IntN(20) == 0 {
				size = uint32(rnd.IntN(20000))
			}
			a, err := k.m.Alloc(size, align, nil)
			require.NoError(t, err)
			require.Zero(t, a%align)
			require.GreaterOrEqual(t, a, uint32(GuardSize))
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
			addr uint32
			want string
		}{
			{small + 4, "4 bytes inside an allocation of 20 bytes"},
			{large + 4096, "4096 bytes inside an allocation of 9000 bytes"},
			{0, "not allocated"},
			{0xfffffff0, "not allocated"},
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
		for _, addr := range []uint32{0, GuardSize - 1, uint32(len(k.m.mem)), UserBase, 0xffffffff} {
			_, ok := k.m.U8(addr)
			require.False(t, ok, "%#x", addr)
			require.False(t, k.m.PutU64(addr, 0))
			_, ok = k.m.CString(addr, 4)
			require.False(t, ok)
		}
		_, ok = k.m.Bytes(uint32(len(k.m.mem))-4, 5)
		require.False(t, ok)
		_, ok = k.m.Bytes(a, 0xffffffff)
		require.False(t, ok)
		require.NoError(t, k.m.Free(a))
	})
}

func TestUserWindows(t *testing.T) {
	k := newKern(t, Config{})
	th := k.thread(t)
	b := make([]byte, 100)
	a0, a3 := th.SetUser(0, b), th.SetUserRO(3, []byte("const"))
	require.Equal(t, uint32(UserBase), a0)
	require.Equal(t, uint32(UserBase+3<<28), a3)
	p, ok := th.User(a3+1, 3)
	require.True(t, ok)
	require.Equal(t, "ons", string(p))
	_, ok = th.UserW(a3, 1)
	require.False(t, ok, "read-only")
	for _, c := range []struct{ addr, n uint32 }{{a0, 101}, {a0 + 100, 1}, {a3, 6}, {a0 - 1, 1}, {a3 + 1<<28, 1}, {0xffffffff, 2}} {
		_, ok := th.User(c.addr, c.n)
		require.False(t, ok, "%#x %d", c.addr, c.n)
	}
	require.EqualValues(t, 40, th.UserRoom(a0+60, 1000))
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
