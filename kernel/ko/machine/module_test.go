package machine

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko/object"
)

// from resolves symbols to one module, then to the kernel.
func (k *kern) from(mods ...*Module) func(s *object.Symbol) (Target, error) {
	return func(s *object.Symbol) (Target, error) {
		for _, mod := range mods {
			if t, ok := mod.Target(s.Name); ok {
				return t, nil
			}
		}
		return k.m.Resolve(s)
	}
}

func (k *kern) call(t testing.TB, mod *Module, fn string, args ...uint64) uint64 {
	t.Helper()
	r, err := k.thread(t).Call(slotOf(t, mod, fn), args...)
	require.NoError(t, err)
	return r
}

func TestModulesShareFunctionsAndData(t *testing.T) {
	gate, asleep := make(chan struct{}), make(chan struct{})
	k := newKern(t, Config{}, HostFunc{"nap", []ValType{I32}, []ValType{I32}, func(th *Thread, s []uint64) {
		th.Release(func() { asleep <- struct{}{}; <-gate })
	}})
	p := k.load(t, "provider")
	c, err := k.m.Load(readObject(t, "consumer"), LoadOptions{Name: "consumer", Resolve: k.from(p)})
	require.NoError(t, err)

	require.EqualValues(t, 8, k.call(t, c, "bump"), "exported data is shared")
	require.EqualValues(t, 13, k.call(t, c, "through", 3), "pointers to another module's function and data")
	require.EqualValues(t, 1, k.call(t, c, "same", slotOf(t, p, "add")), "one function, one address")
	require.EqualValues(t, 0, k.call(t, c, "register_cb"))
	require.EqualValues(t, 5+8+3, k.call(t, p, "run", 5), "a callback from one module into the other")

	_, err = k.thread(t).Call(slotOf(t, c, "crash"))
	var tr *Trap
	require.ErrorAs(t, err, &tr)
	require.Equal(t, "provider", tr.Module)
	require.Equal(t, []Frame{{"provider", "boom", "(i64) i32"}, {"consumer", "crash", "() i32"}}, tr.Stack)

	_, err = p.Unload()
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, "1 modules import from provider")

	// A call that sleeps inside the module.
	done := make(chan error)
	go func() {
		_, err := k.thread(t).Call(slotOf(t, c, "sleepy"), 1)
		done <- err
	}()
	<-asleep
	_, err = c.Unload()
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, "1 calls are inside module consumer")
	require.ErrorIs(t, k.m.Close(), ErrBusy)
	gate <- struct{}{}
	require.NoError(t, <-done)

	// The kernel's reference counts should prevent this: consumer goes while a
	// thread that entered provider sleeps in consumer's callback.
	require.EqualValues(t, 0, k.call(t, c, "register_sleepy"))
	var got uint64
	go func() {
		var err error
		got, err = k.thread(t).Call(slotOf(t, p, "run"), 7)
		done <- err
	}()
	<-asleep
	_, err = c.Unload()
	require.NoError(t, err)
	k.m.Do(func() { require.Len(t, k.m.graves, 1) })
	for range 3 {
		runtime.GC()
	}
	gate <- struct{}{}
	require.NoError(t, <-done)
	require.EqualValues(t, 107, got)
	k.m.Do(func() { require.Empty(t, k.m.graves) })
	_, err = k.thread(t).Call(slotOf(t, p, "run"), 7)
	require.ErrorContains(t, err, "no function at", "the callback dangles")
	_, err = p.Unload()
	require.NoError(t, err)
}

func TestSignatures(t *testing.T) {
	k := newKern(t, Config{})
	mod := k.load(t, "sigs")
	f32 := func(f float32) uint64 { return uint64(math.Float32bits(f)) }
	require.EqualValues(t, -17, int64(k.call(t, mod, "llseek", 0, math.MaxUint64-9, 3)))
	require.Equal(t, math.Float64bits(5), k.call(t, mod, "scale", math.Float64bits(2.5), f32(2)))
	require.Equal(t, f32(1.5), k.call(t, mod, "half", f32(3)))
	require.Equal(t, uint64(1<<40+1+1+2+3+4+5), k.call(t, mod, "call_many", 1, 1<<40))
	k.call(t, mod, "nothing")
	require.EqualValues(t, 1, k.call(t, mod, "count"))
	s, err := k.m.HostFunc("printk")
	require.NoError(t, err)
	require.EqualValues(t, s, k.call(t, mod, "addr"), "one host function, one address")
	require.EqualValues(t, len("via pointer\n"), k.call(t, mod, "via", 0))
	require.Equal(t, []string{"via pointer\n"}, k.log)
	_, err = k.m.HostFunc("nobody")
	require.ErrorContains(t, err, `no host function "nobody"`)
	k.m.Do(func() {
		_, name, typ, ok := k.m.FuncAt(s)
		require.True(t, ok)
		require.Equal(t, "printk(i64, i64) -> i32", name+typ.String())
	})
}

func TestLoadErrors(t *testing.T) {
	k := newKern(t, Config{})
	before := k.stats()
	for _, c := range []struct {
		obj  string
		opt  LoadOptions
		want []string
	}{
		{"consumer", LoadOptions{Name: "consumer"}, []string{"load consumer: ", "symbol add: unknown symbol: the kernel has no function of this name", "symbol shared: unknown symbol: the kernel has no data"}},
		{"hello", LoadOptions{Name: "vmlinux"}, []string{`a module "vmlinux" is loaded already`}},
		{"hello", LoadOptions{Name: "a.b"}, []string{`module name "a.b" contains '.'`}},
		{"hello", LoadOptions{Name: "kernel"}, []string{`module name "kernel"`}},
		{"hello", LoadOptions{Name: "hello", Resolve: func(s *object.Symbol) (Target, error) {
			return Target{Module: "vmlinux", Name: "strlen", Type: object.FuncType{Params: []ValType{F64}, Results: []ValType{I32}}}, nil
		}}, []string{"symbol printk: symbol has another signature: used as (i64, i64) -> i32, but is (f64) -> i32"}},
	} {
		t.Run(c.obj+"/"+c.opt.Name, func(t *testing.T) {
			_, err := k.m.Load(readObject(t, c.obj), c.opt)
			for _, w := range c.want {
				require.ErrorContains(t, err, w)
			}
			require.Equal(t, before, k.stats(), "nothing is left behind")
		})
	}
	_, err := k.m.Load(readObject(t, "consumer"), LoadOptions{Name: "consumer"})
	require.ErrorIs(t, err, object.ErrUndefined)
}

func (k *kern) stats() (s Stats) {
	k.m.Do(func() { s = k.m.Stats() })
	s.Calls, s.Switches = 0, 0
	return s
}

func TestUnloadGivesBack(t *testing.T) {
	k := newKern(t, Config{RedZones: true})
	before := k.stats()
	mod := k.load(t, "hello")
	require.NotEqual(t, before, k.stats())
	core, init := mod.Size()
	require.NotZero(t, core)
	require.NotZero(t, init)
	bss, ok := mod.Section(".modinfo")
	require.True(t, ok)
	require.True(t, bss.Init)
	var leak uint64
	k.m.Do(func() {
		var err error
		leak, err = k.m.Alloc(100, 0, mod)
		require.NoError(t, err)
		other, err := k.m.Alloc(64, 0, mod)
		require.NoError(t, err)
		require.NoError(t, k.m.Free(other))
		require.NoError(t, mod.FreeInit())
		require.NoError(t, mod.FreeInit())
		require.Equal(t, 1, mod.Allocated())
	})
	_, err := k.thread(t).Call(slotOf(t, mod, "init_module"))
	require.ErrorContains(t, err, "no function at", "init code is gone")
	require.NotZero(t, slotOf(t, mod, "cleanup_module"))
	_, err = k.thread(t).Call(slotOf(t, mod, "cleanup_module"))
	require.NoError(t, err)
	leaks, err := mod.Unload()
	require.NoError(t, err)
	require.Equal(t, []Leak{{leak, 100}}, leaks)
	k.m.Do(func() { require.NoError(t, k.m.Free(leak)) })
	after := k.stats()
	after.Used -= DefaultStackSize // lent to the threads that called
	require.Equal(t, before, after)
	_, err = mod.Unload()
	require.ErrorContains(t, err, "module hello is not loaded")
	_, err = k.m.Builtin().Unload()
	require.ErrorIs(t, err, ErrBusy)
}

func TestReloadLandsInTheSamePlace(t *testing.T) {
	k := newKern(t, Config{})
	o := readObject(t, "hello")
	var first []Symbol
	var compiled int
	for i := range 3 {
		mod, err := k.m.Load(o, LoadOptions{Name: "hello"})
		require.NoError(t, err)
		if i == 0 {
			first = mod.Symbols()
		}
		require.Equal(t, first, mod.Symbols())
		_, err = mod.Unload()
		require.NoError(t, err)
		k.m.loadMu.Lock()
		n := len(k.m.code)
		k.m.loadMu.Unlock()
		if i == 0 {
			compiled = n
		}
		require.Equal(t, compiled, n, "the code is taken from the cache")
	}
}

func rss(t testing.TB) uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc: cannot measure the resident set")
	}
	n, err := strconv.ParseUint(strings.Fields(string(b))[1], 10, 64)
	require.NoError(t, err)
	return n * uint64(os.Getpagesize())
}

// settle collects garbage and the executable memory that hangs on finalizers,
// which run in their own time.
func settle() (heap uint64) {
	var ms runtime.MemStats
	for calm, i := 0, 0; calm < 3 && i < 50; i++ {
		done := make(chan struct{})
		runtime.SetFinalizer(new([16]byte), func(*[16]byte) { close(done) })
		debug.FreeOSMemory()
		<-done
		runtime.ReadMemStats(&ms)
		if calm++; ms.HeapAlloc+64<<10 < heap || heap == 0 {
			calm = 0
		}
		heap = ms.HeapAlloc
	}
	return heap
}

// cycles loads, calls and unloads a module n times. With names it comes as another
// module each time, so that it is compiled again.
func cycles(t testing.TB, k *kern, o *object.Object, n int, names bool) {
	th := k.thread(t)
	for i := range n {
		name := "hello"
		if names {
			name = fmt.Sprintf("hello%07d", i)
		}
		mod, err := k.m.Load(o, LoadOptions{Name: name})
		require.NoError(t, err)
		s, _ := mod.Symbol("init_module")
		_, err = th.Call(s.Addr)
		require.NoError(t, err)
		k.m.Do(func() { err = mod.FreeInit() })
		require.NoError(t, err)
		_, err = mod.Unload()
		require.NoError(t, err)
		k.log = k.log[:0]
	}
}

// Memory after many cycles is where it was. KOBENCH_CYCLES=100000 makes it long.
func TestCyclesKeepMemory(t *testing.T) {
	n := 2000
	if s := os.Getenv("KOBENCH_CYCLES"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	for _, c := range []struct {
		name  string
		names bool
		n     int
	}{{"same bytes", false, n}, {"compiled anew", true, max(n/20, 2*keepCode)}} {
		t.Run(c.name, func(t *testing.T) {
			k := newKern(t, Config{})
			o := readObject(t, "hello")
			cycles(t, k, o, max(c.n/10, keepCode+10), c.names)
			before := k.stats()
			heap, res := settle(), rss(t)
			cycles(t, k, o, c.n, c.names)
			heap2, res2 := settle(), rss(t)
			t.Logf("%d cycles: heap %d -> %d KiB, resident %d -> %d KiB", c.n, heap>>10, heap2>>10, res>>10, res2>>10)
			require.Equal(t, before, k.stats())
			require.Less(t, int64(heap2)-int64(heap), int64(512<<10), "Go heap grew")
			require.Less(t, int64(res2)-int64(res), int64(8<<20), "resident set grew")
		})
	}
}

func TestClosedMachine(t *testing.T) {
	m, err := New(Config{})
	require.NoError(t, err)
	th, err := m.NewThread("late")
	require.NoError(t, err)
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	_, err = th.Call(1)
	require.ErrorIs(t, err, ErrClosed)
	_, err = m.NewThread("later")
	require.ErrorIs(t, err, ErrClosed)
	_, err = m.Load(readObject(t, "hello"), LoadOptions{Name: "hello"})
	require.ErrorIs(t, err, ErrClosed)
	_, err = m.HostFunc("printk")
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, m.Need("strlen"), ErrClosed)
	m.Do(func() {
		_, ok := m.Bytes(KernelBase, 1)
		require.False(t, ok)
		require.False(t, m.PutU32(KernelBase, 1))
		_, err := m.Alloc(8, 0, nil)
		require.Error(t, err)
	})
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{MemoryLimit: 1 << 31}, "memory limit 2147483648 bytes, want 1 MiB to 1 GiB"},
		{Config{MemoryLimit: 4096}, "memory limit 4096 bytes"},
		{Config{StackSize: 1000}, "stack size 1000 bytes, want a multiple of 4096 up to 1 MiB"},
	} {
		_, err := New(c.cfg)
		require.ErrorContains(t, err, c.want)
	}
}

func TestOutOfMemory(t *testing.T) {
	k := newKern(t, Config{MemoryLimit: 1 << 20})
	k.m.Do(func() {
		var list []uint64
		for {
			a, err := k.m.Alloc(5000, 0, nil)
			if err != nil {
				require.True(t, errors.Is(err, ErrNoMemory))
				break
			}
			list = append(list, a)
		}
		require.Greater(t, len(list), 100)
		for _, a := range list {
			require.NoError(t, k.m.Free(a))
		}
		a, err := k.m.Alloc(800<<10, 0, nil)
		require.NoError(t, err, "free pages join again")
		require.NoError(t, k.m.Free(a))
	})
}

func TestInterpreter(t *testing.T) {
	k := newKern(t, Config{Interpreter: true})
	mod := k.load(t, "sigs")
	require.Equal(t, uint64(1<<40+1+1+2+3+4+5), k.call(t, mod, "call_many", 1, 1<<40))
	_, err := mod.Unload()
	require.NoError(t, err)
}
