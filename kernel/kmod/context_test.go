package kmod_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
	"github.com/kobench/kobench/kernel/uapi"
)

// newContext is a look at the small tree, indexed, with a configuration and a kernel of its own.
func newContext(t *testing.T, conf string) (*kmod.Context, *kmodtest.System, *[]string) {
	t.Helper()
	dir := writeSmallTree(t, t.TempDir())
	runDepmod(t, dir, kmod.DepmodOptions{})
	sys, log := &kmodtest.System{}, &[]string{}
	c := kmod.NewContext(dir, kmod.ParseConfig([]byte(conf), "test.conf", logInto(log)), sys, logInto(log))
	return c, sys, log
}

func lookup(t *testing.T, c *kmod.Context, alias string) []string {
	t.Helper()
	list, err := c.Lookup(alias)
	require.NoError(t, err)
	out := []string{}
	for _, m := range list {
		out = append(out, m.Name())
	}
	return out
}

func TestLookup(t *testing.T) {
	c, _, log := newContext(t, "alias mine-* top\nalias core dev\ninstall virtual true\nremove gone true\n")
	for alias, want := range map[string][]string{
		"mine-x":            {"top"},
		"core":              {"dev"}, // the configuration goes first
		"mid-dle":           {"mid_dle"},
		"symbol:core_new":   {"core"},
		"virtual":           {"virtual"},
		"gone":              {"gone"},
		"pci:v00008dXYZ":    {"top"},
		"ext4":              {"ext4"},
		"fs-ext2":           {"ext4"},
		"tty-ldisc-5":       {"n_null"},
		"tty-ldisc-9":       {},
		"symbol:core_absen": {},
	} {
		require.Equal(t, want, lookup(t, c, alias), alias)
	}
	_, err := c.Lookup("bad[")
	require.Equal(t, uapi.EINVAL, err)
	require.Equal(t, "core", c.LookupName("core").Name(), "by name alone")
	require.Nil(t, c.LookupName("top-alias"))
	require.Empty(t, *log)

	top := c.LookupName("top")
	require.Equal(t, c.Dir+"/kernel/top.ko.xz", top.Path())
	var deps []string
	for _, d := range top.Dependencies() {
		deps = append(deps, d.Name())
	}
	require.Equal(t, []string{"core", "mid_dle"}, deps, "in the order of loading")
	var dump bytes.Buffer
	require.NoError(t, c.DumpAliases(&dump))
	require.Contains(t, dump.String(), "alias top_alias top\n")
	dump.Reset()
	require.NoError(t, c.DumpSymbols(&dump))
	require.Contains(t, dump.String(), "alias symbol:core_new core\n")
}

func TestByPath(t *testing.T) {
	c, _, log := newContext(t, "")
	m, err := c.ByPath(c.Dir + "/kernel/core.ko")
	require.NoError(t, err)
	require.Equal(t, "core", m.Name())
	_, err = c.ByPath(c.Dir + "/updates/core.ko")
	require.Equal(t, uapi.EEXIST, err)
	require.Equal(t, []string{"ERROR kmod_module 'core' already exists with different path: new-path='" + c.Dir + "/updates/core.ko' old-path='" + c.Dir + "/kernel/core.ko'"}, *log)
	_, err = c.ByPath("none.ko")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = c.ByPath(c.Dir + "/")
	require.Equal(t, uapi.ENOENT, err)

	exports, err := m.Exports()
	require.NoError(t, err)
	require.Len(t, exports, 2)
	_, err = m.Versions()
	require.ErrorIs(t, err, kmod.ErrNoSection)
	info, err := m.Info()
	require.NoError(t, err)
	require.Equal(t, []kmod.Field{{Key: "license", Value: "GPL"}, {Key: "name", Value: "core"}}, info)
	info, err = c.LookupName("n-null").Info()
	require.NoError(t, err)
	require.Equal(t, []kmod.Field{{Key: "alias", Value: "tty-ldisc-[2-7]"}, {Key: "license", Value: "GPL"}}, info)
	_, err = c.ByName("nosuch").Info()
	require.Equal(t, uapi.ENOENT, err)
}

func TestProbeAndState(t *testing.T) {
	c, sys, _ := newContext(t, "options mid_dle o=1\nsoftdep mid_dle post: dev\nblacklist dev\ninstall old true\n")
	top := c.LookupName("top")
	_, err := top.State()
	require.Equal(t, uapi.ENOENT, err)

	var steps []string
	show := func(s kmod.Step) { steps = append(steps, s.Module.Name()+"|"+s.Command+"|"+s.Options) }
	require.NoError(t, top.Probe(kmod.ProbeOptions{DryRun: true, Show: show, Extra: "x=2"}))
	require.Equal(t, []string{"core||", "mid_dle||o=1 ", "dev||", "top||x=2"}, steps)
	require.Empty(t, sys.Names())

	var inserted []string
	require.NoError(t, top.Probe(kmod.ProbeOptions{Inserted: func(m *kmod.Module) { inserted = append(inserted, m.Name()) }}))
	require.Equal(t, []string{"core", "mid_dle", "dev", "top"}, inserted)
	require.NoError(t, top.Probe(kmod.ProbeOptions{}))
	require.Equal(t, uapi.EEXIST, top.Probe(kmod.ProbeOptions{FailOnLoaded: true}))
	require.Len(t, sys.Calls(), 4)

	loaded, err := c.Loaded()
	require.NoError(t, err)
	require.Len(t, loaded, 4)
	state, err := top.State()
	require.NoError(t, err)
	require.Equal(t, kmod.StateLive, state)
	core := c.LookupName("core")
	uses, err := core.RefCount()
	require.NoError(t, err)
	require.Equal(t, 2, uses)
	require.Len(t, core.Holders(), 2)
	size, err := core.Size()
	require.NoError(t, err)
	require.Equal(t, 16384, size)
	require.Equal(t, uapi.EAGAIN, core.Remove(false, false))
	require.NoError(t, top.Remove(true, false))

	require.NoError(t, c.LookupName("dev").Remove(false, false))
	aliased, err := c.Lookup("devname:net/tun")
	require.NoError(t, err)
	require.NoError(t, aliased[0].Probe(kmod.ProbeOptions{}))
	require.NoError(t, c.LookupName("dev").Probe(kmod.ProbeOptions{UseBlacklist: true}))
	require.NotContains(t, sys.Names(), "dev", "blacklisted, by alias and with -b")
	require.NoError(t, c.LookupName("dev").Probe(kmod.ProbeOptions{}))
	require.Contains(t, sys.Names(), "dev")

	require.Equal(t, uapi.EINVAL, c.LookupName("old").Probe(kmod.ProbeOptions{}), "nobody runs install commands here")
	builtin, err := c.LookupName("ext4").State()
	require.NoError(t, err)
	require.Equal(t, kmod.StateBuiltin, builtin)
	require.Equal(t, uapi.ENOENT, c.ByName("nosuch").Probe(kmod.ProbeOptions{}))
}

func TestContextWithoutKernelOrTree(t *testing.T) {
	c := kmod.NewContext(t.TempDir(), nil, nil, nil)
	require.Empty(t, lookup(t, c, "anything"))
	_, err := c.Loaded()
	require.Equal(t, uapi.ENOENT, err)
	require.Nil(t, c.ByName("m").Holders())
	require.Equal(t, uapi.ENOSYS, c.ByName("m").Remove(false, true))
	require.NoError(t, c.DumpAliases(&bytes.Buffer{}))

	var log []string
	kmodtest.WriteFile(t, c.Dir+"/modules.dep.bin", []byte("this is no index file"))
	c = kmod.NewContext(c.Dir, nil, nil, logInto(&log))
	require.Empty(t, lookup(t, c, "anything"))
	require.Len(t, log, 1)
	require.Contains(t, log[0], "damaged module index, run depmod: magic check fail")
}

func TestDepmodAddFile(t *testing.T) {
	dir := writeSmallTree(t, t.TempDir())
	d := kmod.NewDepmod(dir, kmod.DepmodOptions{})
	require.NoError(t, d.AddFile(dir+"/kernel/core.ko"))
	require.NoError(t, d.AddFile(dir+"/kernel/mid-dle.ko"))
	require.Equal(t, uapi.EEXIST, d.AddFile(dir+"/updates/core.ko"))
	require.ErrorIs(t, d.AddFile(dir+"/none.ko"), os.ErrNotExist)
	require.NoError(t, d.Load())
	var out bytes.Buffer
	require.NoError(t, d.Show(&out))
	require.Contains(t, out.String(), "kernel/core.ko:\nkernel/mid-dle.ko: kernel/core.ko\n# Aliases")

	require.ErrorIs(t, kmod.NewDepmod(dir+"/none", kmod.DepmodOptions{}).Search(), os.ErrNotExist)
}

func TestUpToDate(t *testing.T) {
	dir := writeSmallTree(t, t.TempDir())
	_, err := kmod.UpToDate(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = kmod.UpToDate(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	runDepmod(t, dir, kmod.DepmodOptions{})
	ok, err := kmod.UpToDate(dir)
	require.NoError(t, err)
	require.True(t, ok)
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(dir+"/kernel/dev.ko", later, later))
	ok, err = kmod.UpToDate(dir)
	require.NoError(t, err)
	require.False(t, ok)
}
