package machine

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko/object"
)

// kern is a kernel of a few functions, enough for the test modules.
type kern struct {
	m     *Machine
	log   []string
	funcs map[string]HostFunc
}

var ii_i = []ValType{I64, I64}

func newKern(t testing.TB, cfg Config, fns ...HostFunc) *kern {
	t.Helper()
	k := &kern{funcs: map[string]HostFunc{}}
	k.funcs["printk"] = HostFunc{"printk", ii_i, []ValType{I32}, func(th *Thread, s []uint64) {
		f, ok := th.m.CString(s[0], 1024)
		if !ok {
			panic(th.m.BadAddress(s[0]))
		}
		if strings.Contains(f, "%s") {
			p, _ := th.m.U64(s[1])
			str, _ := th.m.CString(p, 64)
			f = strings.Replace(f, "%s", str, 1)
		}
		k.log = append(k.log, f)
		s[0] = uint64(len(f))
	}}
	for _, f := range fns {
		k.funcs[f.Name] = f
	}
	cfg.Host = func(name string) (HostFunc, bool) { f, ok := k.funcs[name]; return f, ok }
	m, err := New(cfg)
	require.NoError(t, err)
	k.m = m
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return k
}

func readObject(t testing.TB, name string) *object.Object {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".ko")
	require.NoError(t, err)
	o, err := object.Parse(b)
	require.NoError(t, err)
	return o
}

func (k *kern) load(t testing.TB, name string) *Module {
	t.Helper()
	mod, err := k.m.Load(readObject(t, name), LoadOptions{Name: name})
	require.NoError(t, err)
	return mod
}

func (k *kern) thread(t testing.TB) *Thread {
	t.Helper()
	th, err := k.m.NewThread("test")
	require.NoError(t, err)
	return th
}

func slotOf(t testing.TB, mod *Module, name string) uint64 {
	t.Helper()
	s, ok := mod.Symbol(name)
	require.True(t, ok, "symbol %s", name)
	require.True(t, s.Func)
	return s.Addr
}

// fop returns the i-th pointer of the module's fops.
func (k *kern) fop(t testing.TB, mod *Module, i uint64) uint64 {
	t.Helper()
	s, ok := mod.Symbol("fops")
	require.True(t, ok)
	var v uint64
	k.m.Do(func() { v, ok = k.m.U64(s.Addr + 8*i) })
	require.True(t, ok)
	return v
}
