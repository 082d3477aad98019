package kmod_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
)

func TestParseConfig(t *testing.T) {
	var log []string
	c := kmod.ParseConfig([]byte(`# comment
alias a-b[0-9-]* c-d
blacklist bad-mod
options m-n  a=1	b=2
options joined a=1 \
b=2
install i /bin/true $CMDLINE_OPTS
remove i /bin/false
softdep s pre: a-b c post: d
softdep t  d pre: x
include x

   alias blanks before
alias
alias a]b c
options none
what is this
last line`), "f.conf", logInto(&log))
	require.Equal(t, &kmod.Config{
		Aliases:   []kmod.Rule{{Key: "a_b[0-9-]*", Value: "c_d"}, {Key: "blanks", Value: "before"}},
		Blacklist: []string{"bad_mod"},
		Options:   []kmod.Rule{{Key: "m_n", Value: " a=1 b=2"}, {Key: "joined", Value: "a=1 b=2"}},
		Install:   []kmod.Rule{{Key: "i", Value: "/bin/true $CMDLINE_OPTS"}},
		Remove:    []kmod.Rule{{Key: "i", Value: "/bin/false"}},
		Softdeps:  []kmod.Softdep{{Name: "s", Pre: []string{"a-b", "c"}, Post: []string{"d"}}, {Name: "t", Pre: []string{"x"}}},
	}, c)
	require.Equal(t, []string{
		"ERROR f.conf: command include is deprecated and not parsed anymore",
		"ERROR f.conf line 14: ignoring bad line starting with 'alias'",
		"ERROR f.conf line 15: ignoring bad line starting with 'alias'",
		"ERROR f.conf line 16: ignoring bad line starting with 'options'",
		"ERROR f.conf line 17: ignoring bad line starting with 'what'",
		"ERROR f.conf line 18: ignoring bad line starting with 'last'",
	}, log)
	require.Equal(t, "pre: a-b cpost: d", c.Softdeps[0].String())
}

func TestReadConfig(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) { kmodtest.WriteFile(t, filepath.Join(root, path), []byte(text+"\n")) }
	write("etc/modprobe.d/20-x.conf", "options x from=etc")
	write("etc/modprobe.d/ignored", "options x from=noconf")
	write("etc/modprobe.d/.hidden.conf", "options x from=hidden")
	write("run/modprobe.d/10-x.conf", "options x from=run")
	write("lib/modprobe.d/20-x.conf", "options x from=masked")
	write("lib/modprobe.d/30-x.alias", "alias y x")
	write("tree/modules.softdep", "softdep x pre: y")
	require.NoError(t, os.MkdirAll(root+"/etc/modprobe.d/dir.conf", 0o755))
	var log []string
	c := kmod.ReadConfig(kmod.ConfigDirs(root, "modprobe.d"), root+"/tree", []byte("quiet x.a=1 modprobe.blacklist=u,v-w m-n.o\n"), logInto(&log))
	require.Equal(t, &kmod.Config{
		Aliases:   []kmod.Rule{{Key: "y", Value: "x"}},
		Options:   []kmod.Rule{{Key: "x", Value: "from=run"}, {Key: "x", Value: "from=etc"}, {Key: "x", Value: "a=1"}, {Key: "m_n", Value: "o"}},
		Blacklist: []string{"u", "v-w"},
		Softdeps:  []kmod.Softdep{{Name: "x", Pre: []string{"y"}}},
	}, c)
	require.Equal(t, []string{"ERROR Directories inside directories are not supported: " + root + "/etc/modprobe.d/dir.conf"}, log)

	c = kmod.ReadConfig([]string{root + "/lib/modprobe.d/20-x.conf"}, root+"/none", nil, nil)
	require.Equal(t, []kmod.Rule{{Key: "x", Value: "from=masked"}}, c.Options, "a single file")
}

func TestKernelCommandLine(t *testing.T) {
	for _, c := range []struct{ line, module, options string }{
		{"m.p=1", "m", "p=1"},
		{"m.p", "m", "p"},
		{"quiet ro root=/dev/sda1.x m.p=a.b=c", "m", "p=a.b=c"},
		{`m.p="two words" x`, "m", `p="two words"`},
		{`"m.p=two words"`, "m", `p="two words"`},
		{`m."p"=1`, "", ""},
		{`m.p.q=1`, "", ""},
		{`m"x.p=1`, "", ""},
		{`plain`, "", ""},
		{`a]b.c=1`, "", ""},
	} {
		got := kmod.ReadConfig(nil, t.TempDir(), []byte(c.line), nil).Options
		if c.module == "" {
			require.Empty(t, got, c.line)
			continue
		}
		require.Equal(t, []kmod.Rule{{Key: c.module, Value: c.options}}, got, c.line)
	}
}
