package ko_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/kobench/kobench/kernel/ko/object"
)

func TestStub(t *testing.T) {
	build := func() *kernel.Module {
		return &kernel.Module{
			Name: "gomod", License: "GPL", Aliases: []string{"char-major-77-*"}, Needs: []string{"b_sym", "a_sym", "a_sym"},
			Params:  []kernel.Param{{Name: "n", Desc: "a number", Perm: 0o644, Value: &kernel.Int{}}},
			Exports: []kernel.Symbol{{Name: "open_sym"}, {Name: "gpl_sym", GPL: true}},
			Init:    func(env *kernel.Env) error { return nil },
		}
	}
	file := ko.Stub(build())
	o, err := object.Parse(file)
	require.NoError(t, err)
	var names []string
	for _, s := range o.Undefined() {
		names = append(names, s.Name)
	}
	require.Equal(t, []string{"a_sym", "b_sym"}, names)
	_, ok := o.Section("___ksymtab_gpl+gpl_sym")
	require.True(t, ok)

	k := kernel.Boot(kernel.Config{
		Formats: []func(*kernel.Kernel) kernel.Format{ko.New(ko.Config{})},
		Catalog: map[string]func() *kernel.Module{"gomod": func() *kernel.Module { m := build(); m.Needs = nil; return m }},
	})
	require.NoError(t, k.Init().InitModule(file, "n=4", 0), k.Log.Text())
	m, ok := k.Module("gomod")
	require.True(t, ok)
	require.Equal(t, "4", m.Params[0].Value.Get())
	require.NoError(t, k.Init().DeleteModule("gomod", 0))
	require.NoError(t, k.Shutdown())
}
