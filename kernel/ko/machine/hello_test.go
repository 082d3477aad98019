package machine

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHello(t *testing.T) {
	k := newKern(t, Config{})
	mod := k.load(t, "hello")
	th := k.thread(t)
	r, err := th.Call(slotOf(t, mod, "init_module"))
	require.NoError(t, err)
	require.Zero(t, r)
	require.Equal(t, []string{"hello: loaded %d\n"}, k.log)

	buf := []byte("abcdefghijklmnopqrst")
	r, err = th.Call(k.fop(t, mod, 0), 0, th.SetUser(0, buf), 5, 0)
	require.NoError(t, err)
	require.EqualValues(t, 5, r)
	require.Equal(t, "hellofghijklmnopqrst", string(buf))

	r, err = th.Call(k.fop(t, mod, 1), 0, th.SetUserRO(0, []byte("HEL")), 3, 0)
	require.NoError(t, err)
	require.EqualValues(t, 3, r)

	big := make([]byte, 4096) // not through the bounce buffer
	r, err = th.Call(k.fop(t, mod, 0), 0, th.SetUser(0, big), 4096, 0)
	require.NoError(t, err)
	require.EqualValues(t, 16, r)
	require.Equal(t, "HELlo\x00", string(big[:6]))

	r, err = th.Call(k.fop(t, mod, 0), 0, th.SetUserRO(0, buf), 5, 0)
	require.NoError(t, err)
	require.EqualValues(t, -14, int32(r), "copy_to_user into a read-only window")

	leaks, err := mod.Unload()
	require.NoError(t, err)
	require.Empty(t, leaks)
}

// A call of a driver's function allocates nothing, with or without user memory.
func TestCallDoesNotAllocate(t *testing.T) {
	k := newKern(t, Config{})
	mod := k.load(t, "hello")
	th := k.thread(t)
	open, read := k.fop(t, mod, 2), k.fop(t, mod, 0)
	small, large := make([]byte, 1), make([]byte, 1000)
	for name, f := range map[string]func(){
		"empty":      func() { _, _ = th.Call(open, 0, 0) },
		"1 byte":     func() { _, _ = th.Call(read, 0, th.SetUser(0, small), 1, 0) },
		"1000 bytes": func() { _, _ = th.Call(read, 0, th.SetUser(0, large), 1000, 0) },
	} {
		require.Zero(t, testing.AllocsPerRun(1000, f), name)
	}
}

func BenchmarkRead1(b *testing.B) {
	k := newKern(b, Config{})
	mod := k.load(b, "hello")
	th := k.thread(b)
	read := k.fop(b, mod, 0)
	buf := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		if r, err := th.Call(read, 0, th.SetUser(0, buf), 1, 0); err != nil || r != 1 {
			b.Fatal(r, err)
		}
	}
}

func BenchmarkLoadUnload(b *testing.B) {
	k := newKern(b, Config{})
	o := readObject(b, "hello")
	for b.Loop() {
		mod, err := k.m.Load(o, LoadOptions{Name: "hello"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := mod.Unload(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, shared := range []bool{false, true} {
		name := "own-cache"
		var cfg Config
		if shared {
			name = "shared-cache"
			cfg.Cache = NewCache()
			defer cfg.Cache.Close()
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m, err := New(cfg)
				if err != nil {
					b.Fatal(err)
				}
				if err := m.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Each round is another module, so that it is linked and compiled anew.
func BenchmarkLoadUnloadCold(b *testing.B) {
	k := newKern(b, Config{})
	o := readObject(b, "hello")
	i := 0
	for b.Loop() {
		i++
		mod, err := k.m.Load(o, LoadOptions{Name: "hello" + strconv.Itoa(i)})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := mod.Unload(); err != nil {
			b.Fatal(err)
		}
	}
}
