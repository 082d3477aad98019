package kernel_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func ok(*kernel.Env) error { return nil }

func fileText(t testing.TB, k *kernel.Kernel, path string) string {
	t.Helper()
	h, err := k.Init().OpenFile(path, kernel.O_RDONLY)
	require.NoError(t, err)
	defer h.Close()
	buf := make([]byte, 1<<16)
	n, _ := h.Read(buf)
	return string(buf[:n])
}

func writeFile(k *kernel.Kernel, path, text string) error {
	h, err := k.Init().OpenFile(path, kernel.O_WRONLY)
	if err != nil {
		return err
	}
	defer h.Close()
	_, err = h.Write([]byte(text))
	return err
}

func TestDependencies(t *testing.T) {
	k := kerneltest.Boot(t)
	root := k.Init()
	depa := func() *kernel.Module {
		return &kernel.Module{Name: "depa", License: "GPL", Init: ok,
			Exports: []kernel.Symbol{{Name: "depa_add", Value: func(a, b int) int { return a + b }}, {Name: "depa_gpl", GPL: true, Value: 1}}}
	}
	sum := 0
	depb := &kernel.Module{Name: "depb", License: "GPL", Needs: []string{"depa_add"}, Init: func(env *kernel.Env) error {
		sum = env.Symbol("depa_add").(func(int, int) int)(2, 3)
		return nil
	}}
	require.Equal(t, kernel.ENOENT, root.LoadModule(depb, ""))
	require.Contains(t, k.Log.Text(), "depb: Unknown symbol depa_add (err -2)")
	require.NoError(t, root.LoadModule(depa(), ""))
	require.NoError(t, root.LoadModule(depb, ""))
	require.Equal(t, 5, sum)
	require.Regexp(t, `(?m)^depb 16384 0 - Live 0x[0-9a-f]{16} \(OE\)$`, fileText(t, k, "/proc/modules"))
	require.Regexp(t, `(?m)^depa 16384 1 depb, Live 0x[0-9a-f]{16} \(OE\)$`, fileText(t, k, "/proc/modules"))
	holders, err := root.ReadDir("/sys/module/depa/holders")
	require.NoError(t, err)
	require.Len(t, holders, 1)
	require.Equal(t, kernel.EAGAIN, root.DeleteModule("depa", 0))
	gpl := &kernel.Module{Name: "closed", License: "Proprietary", Needs: []string{"depa_gpl"}, Init: ok}
	require.Equal(t, kernel.ENOENT, root.LoadModule(gpl, ""), "GPL-only")
	dup := &kernel.Module{Name: "dupsym", License: "GPL", Init: ok, Exports: []kernel.Symbol{{Name: "depa_add"}}}
	require.Equal(t, kernel.ENOEXEC, root.LoadModule(dup, ""))
	require.Contains(t, k.Log.Text(), "dupsym: exports duplicate symbol depa_add (owned by depa)")
	require.NoError(t, root.DeleteModule("depb", 0))
	require.NoError(t, root.DeleteModule("depa", 0))
	require.Equal(t, kernel.ENOENT, root.DeleteModule("depa", 0))
	require.Empty(t, fileText(t, k, "/proc/modules"))
	require.Contains(t, k.Log.Text(), "depb: loading out-of-tree module taints kernel.")
	require.Equal(t, "12289\n", fileText(t, k, "/proc/sys/kernel/tainted"))
}

func TestInitFails(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.Expect("'one'->init suspiciously returned 1"))
	root := k.Init()
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"errno", kernel.ENODEV, kernel.ENODEV}, {"unknown number", kernel.Errno(999), kernel.Errno(999)},
		{"any error", errors.New("no number"), kernel.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &kernel.Module{Name: "initfail", License: "GPL", Init: func(env *kernel.Env) error {
				_, err := env.RegisterChrdev(240, "half done", &kernel.FileOperations{})
				require.NoError(t, err)
				return c.err
			}}
			require.Equal(t, c.want, root.LoadModule(m, ""))
			require.NotContains(t, fileText(t, k, "/proc/devices"), "half done", "what init did is undone")
		})
	}
	require.NoError(t, root.LoadModule(&kernel.Module{Name: "one", License: "GPL", Init: func(*kernel.Env) error { return kernel.InitValue(1) }}, ""))
	require.Contains(t, k.Log.Text(), "do_init_module: 'one'->init suspiciously returned 1, it should follow 0/-E convention\ndo_init_module: loading module anyway...")
	require.NoError(t, root.DeleteModule("one", 0))
}

func TestPermanentModule(t *testing.T) {
	k := kerneltest.Boot(t)
	root := k.Init()
	require.NoError(t, root.LoadModule(&kernel.Module{Name: "noexit", License: "GPL", Init: ok, Permanent: true}, ""))
	require.Contains(t, fileText(t, k, "/proc/modules"), "noexit 16384 0 [permanent], Live")
	require.Equal(t, kernel.EBUSY, root.DeleteModule("noexit", 0))
	require.NoError(t, root.DeleteModule("noexit", kernel.DeleteForce))
	require.True(t, k.Tainted(kernel.TaintForcedRmmod))
	require.Contains(t, k.Log.Text(), "Disabling lock debugging due to kernel taint")
}

func TestOnlyRootLoads(t *testing.T) {
	k := kerneltest.Boot(t)
	nobody := kerneltest.Task(t, k, kernel.WithCred(kernel.Cred{UID: 1000}))
	require.Equal(t, kernel.EPERM, nobody.LoadModule(loopback.New(), ""))
	require.Equal(t, kernel.EPERM, nobody.InitModule(nil, "", 0))
	require.Equal(t, kernel.EPERM, nobody.DeleteModule("nosuch", 0))
	require.Equal(t, kernel.ENOEXEC, k.Init().InitModule([]byte("junk"), "", 0))
}

type values struct {
	count, other kernel.Int
	whom         kernel.String
	flag         kernel.Bool
}

func parm(v *values) *kernel.Module {
	v.count.Store(1)
	v.whom.Store("world")
	return &kernel.Module{Name: "parm", License: "GPL", Init: ok, Params: []kernel.Param{
		{Name: "count", Perm: 0o644, Value: &v.count}, {Name: "whom", Perm: 0o444, Value: &v.whom},
		{Name: "flag", Perm: 0o600, Value: &v.flag}, {Name: "hidden_one", Value: &v.other},
	}}
}

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		args, log string
		want      error
	}{
		{"", "", nil},
		{"count=2 whom=mum flag=1", "", nil},
		{"count=0x10 flag", "", nil},
		{`whom="two words" count=3`, "", nil},
		{`"whom=two words"`, "", nil},
		{"hidden-one=5", "", nil},
		{"nosuch=1", "parm: unknown parameter 'nosuch' ignored", nil},
		{"-- count=x", "", nil},
		{"count=abc", "parm: `abc' invalid for parameter `count'", kernel.EINVAL},
		{"count=", "parm: `' invalid for parameter `count'", kernel.EINVAL},
		{"count", "parm: `' invalid for parameter `count'", kernel.EINVAL},
		{"count=99999999999", "parm: `99999999999' invalid for parameter `count'", kernel.ERANGE},
		{"count=1_000", "parm: `1_000' invalid for parameter `count'", kernel.EINVAL},
		{"flag=maybe", "parm: `maybe' invalid for parameter `flag'", kernel.EINVAL},
		{"whom=" + strings.Repeat("x", 2000), "", kernel.ENOSPC},
	} {
		t.Run(c.args[:min(20, len(c.args))], func(t *testing.T) {
			k := kerneltest.Boot(t)
			var v values
			require.Equal(t, c.want, k.Init().LoadModule(parm(&v), c.args))
			if c.log != "" {
				require.Contains(t, k.Log.Text(), c.log)
			}
			if c.want == nil {
				require.NoError(t, k.Init().DeleteModule("parm", 0))
			}
		})
	}
}

func TestParametersInSysfs(t *testing.T) {
	k := kerneltest.Boot(t)
	var v values
	kerneltest.Load(t, k, parm(&v), "count=2 whom=mum")
	list, err := k.Init().ReadDir("/sys/module/parm/parameters")
	require.NoError(t, err)
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	require.Equal(t, []string{"count", "flag", "whom"}, names)
	require.Equal(t, "mum\n", fileText(t, k, "/sys/module/parm/parameters/whom"))
	require.Equal(t, "N\n", fileText(t, k, "/sys/module/parm/parameters/flag"))
	require.NoError(t, writeFile(k, "/sys/module/parm/parameters/count", "5\n"))
	require.EqualValues(t, 5, v.count.Load())
	require.ErrorIs(t, writeFile(k, "/sys/module/parm/parameters/count", "x"), kernel.EINVAL)
	require.ErrorIs(t, writeFile(k, "/sys/module/parm/parameters/whom", "x"), kernel.EACCES)
	require.Equal(t, "5\n", fileText(t, k, "/sys/module/parm/parameters/count"))
}

func TestOopsInRead(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.Expect("^oops: BUG: kernel NULL pointer dereference"), kerneltest.Expect("^oops: BUG: made up"))
	var nothing *kernel.Module
	m := &kernel.Module{Name: "bad", License: "GPL", Init: func(env *kernel.Env) error {
		_, err := env.RegisterChrdev(240, "bad", &kernel.FileOperations{
			Read:  func(*kernel.Task, *kernel.File, []byte) (int, error) { return len(nothing.Name), nil },
			Write: func(*kernel.Task, *kernel.File, []byte) (int, error) { return 0, &kernel.Fault{What: "made up"} },
		})
		return err
	}}
	require.NoError(t, k.Init().LoadModule(m, ""))
	require.NoError(t, k.Init().Mknod("/dev/bad", kernel.S_IFCHR|0o666, kernel.MkDev(240, 0)))
	for i, op := range []string{"read", "write"} {
		task := k.NewTask(kernel.WithComm("victim"))
		fd, err := task.Open("/dev/bad", kernel.O_RDWR)
		require.NoError(t, err)
		if op == "read" {
			_, err = task.Read(fd, make([]byte, 1))
		} else {
			_, err = task.Write(fd, make([]byte, 1))
		}
		require.Equal(t, kernel.ErrKilled, err)
		_, err = task.Open("/dev/bad", kernel.O_RDONLY)
		require.Equal(t, kernel.ErrKilled, err, "the task is dead")
		log := k.Log.Text()
		require.Contains(t, log, []string{"BUG: kernel NULL pointer dereference", "BUG: made up"}[i])
		require.Contains(t, log, "Comm: victim Tainted: G")
		require.Contains(t, log, "Modules linked in: bad(OE)")
	}
	require.Contains(t, k.Log.Text(), "RIP: 0010:kernel_test.TestOopsInRead")
	require.True(t, k.Tainted(kernel.TaintDie))
	require.NoError(t, k.Init().DeleteModule("bad", 0), "the dead tasks' files are closed")
}

func TestOopsInInitSticks(t *testing.T) {
	k := kernel.Boot(kernel.Config{})
	m := &kernel.Module{Name: "oops", License: "GPL", Init: func(*kernel.Env) error { panic("on purpose") }}
	victim := k.NewTask()
	require.Equal(t, kernel.ErrKilled, victim.LoadModule(m, ""))
	require.Contains(t, fileText(t, k, "/proc/modules"), " 1 - Loading 0x")
	require.Contains(t, fileText(t, k, "/proc/modules"), "(OE+)")
	require.Equal(t, kernel.EBUSY, k.Init().DeleteModule("oops", 0))
	require.ErrorContains(t, k.Shutdown(), "module oops is stuck: Loading, in use by 1")
}

func TestSecondLoadWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kerneltest.Boot(t, kerneltest.Parallel())
		gate := make(chan struct{})
		slow := func() *kernel.Module {
			return &kernel.Module{Name: "slow", License: "GPL", Init: func(*kernel.Env) error { <-gate; return kernel.ENODEV }}
		}
		res := make(chan error, 2)
		for range 2 {
			task := kerneltest.Task(t, k)
			go func() { res <- task.LoadModule(slow(), "") }()
		}
		synctest.Wait()
		require.Len(t, k.Modules(), 1)
		close(gate)
		require.Equal(t, kernel.ENODEV, <-res)
		require.Equal(t, kernel.ENODEV, <-res, "the second had its own try")
	})
}
