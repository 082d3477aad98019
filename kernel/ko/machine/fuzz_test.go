package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/ko/object"
)

// Whatever bytes are loaded, the machine stays whole: an error and nothing
// left behind, or a module that loads and unloads.
func FuzzLoad(f *testing.F) {
	list, err := filepath.Glob("testdata/*.ko")
	require.NoError(f, err)
	for _, name := range list {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b)
	}
	cache := NewCache()
	f.Cleanup(func() { cache.Close() })
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := object.Parse(b)
		if err != nil {
			return
		}
		m, err := New(Config{Cache: cache, MemoryLimit: 4 << 20})
		require.NoError(t, err)
		defer func() { require.NoError(t, m.Close()) }()
		m.cfg.Host = func(name string) (HostFunc, bool) {
			for i := range o.Symbols {
				if s := &o.Symbols[i]; s.Name == name && s.Kind == object.SymFunc && !s.Defined() {
					t := o.SymbolType(s)
					return HostFunc{name, t.Params, t.Results, func(*Thread, []uint64) {}}, true
				}
			}
			return HostFunc{}, false
		}
		stats := func() (s Stats) { m.Do(func() { s = m.Stats() }); return s }
		before := stats()
		mod, err := m.Load(o, LoadOptions{Name: "fuzz", Resolve: func(s *object.Symbol) (Target, error) {
			if s.Kind == object.SymData {
				return DataTarget(0x2000), nil
			}
			return m.Resolve(s)
		}})
		if err != nil {
			after := stats()
			require.Equal(t, before.Used, after.Used)
			require.Equal(t, before.Modules, after.Modules)
			return
		}
		_, err = mod.Unload()
		require.NoError(t, err)
		require.Equal(t, before.Used, stats().Used)
	})
}
