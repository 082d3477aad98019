package ko_test

import (
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
)

func TestParameters(t *testing.T) {
	k := boot(t, ko.Config{})
	for _, tc := range []struct {
		args string
		err  error
		log  string
	}{
		{"", nil, "parm: Hello world flag=0 narr=0 us=7"},
		{"whom=you flag=y arr=1,2,3 us=9", nil, "parm: Hello you flag=1 narr=3 us=9"},
		{`whom="two words" flag`, nil, "parm: Hello two words flag=1 narr=0 us=7"},
		{"count=x", kernel.EINVAL, "parm: `x' invalid for parameter `count'"},
		{"us=70000", kernel.ERANGE, "parm: `70000' invalid for parameter `us'"},
		{"count", kernel.EINVAL, "parm: `' invalid for parameter `count'"},
		{"arr=1,2,3,4,5", kernel.EINVAL, "arr: can only take 4 arguments"},
		{"bogus=1", nil, "parm: unknown parameter 'bogus' ignored"},
		{"whom=" + strings.Repeat("x", 1025), kernel.ENOSPC, "whom: string parameter too long"},
	} {
		k.Log.Clear()
		err := insmod(t, k, "parm", tc.args)
		if tc.err != nil {
			require.ErrorIs(t, err, tc.err, tc.args)
		} else {
			require.NoError(t, err, tc.args)
			rmmod(t, k, "parm")
		}
		require.Contains(t, strings.Join(logged(k), "\n"), tc.log, tc.args)
	}
}

func TestModuleErrors(t *testing.T) {
	k := boot(t, ko.Config{})
	require.ErrorIs(t, insmod(t, k, "unk", ""), kernel.ENOENT)
	require.Contains(t, logged(k), "unk: Unknown symbol no_such_symbol (err -2)")
	require.ErrorIs(t, insmod(t, k, "depb", ""), kernel.ENOENT)
	err := insmod(t, k, "initfail", "")
	require.Error(t, err)
	require.Empty(t, k.Modules())
	require.NoError(t, insmod(t, k, "depa", ""))
	require.NoError(t, insmod(t, k, "depb", ""), k.Log.Text())
	require.ErrorIs(t, insmod(t, k, "dupsym", ""), kernel.ENOEXEC)
	task := k.NewTask()
	require.ErrorIs(t, task.DeleteModule("depa", 0), kernel.EAGAIN)
	task.Exit()
	rmmod(t, k, "depb")
	rmmod(t, k, "depa")
}

func TestDevices(t *testing.T) {
	k := boot(t, ko.Config{})
	t.Run("chrb", func(t *testing.T) {
		require.NoError(t, insmod(t, k, "chrb", ""), k.Log.Text())
		task := k.NewTask()
		fd, err := task.Open("/dev/chrb", kernel.O_RDWR)
		require.NoError(t, err, k.Log.Text())
		p := []byte("xyz")
		n, err := task.Read(fd, p)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, "\x00\x00\x00", string(p))
		n, err = task.Write(fd, p)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		pos, err := task.Lseek(fd, 0, kernel.SEEK_CUR)
		require.NoError(t, err)
		require.EqualValues(t, 6, pos)
		r, err := task.Ioctl(fd, 0x6b01, kernel.Arg{Val: 41})
		require.NoError(t, err)
		require.Equal(t, 42, r)
		_, err = task.Ioctl(fd, 1, kernel.Arg{})
		require.ErrorIs(t, err, kernel.ENOTTY)
		m, _ := k.Module("chrb")
		require.Equal(t, 2, m.Refcount())
		require.NoError(t, task.Close(fd))
		task.Exit()
		rmmod(t, k, "chrb")
	})
	t.Run("evdev", func(t *testing.T) {
		require.NoError(t, insmod(t, k, "evdev", ""), k.Log.Text())
		task := k.NewTask()
		fd, err := task.Open("/dev/evdev0", kernel.O_RDWR)
		require.NoError(t, err)
		_, err = task.Ioctl(fd, 0x40046501, kernel.Arg{Buf: []byte{5, 0, 0, 0}})
		require.NoError(t, err)
		fds := []kernel.PollFD{{FD: fd, Events: kernel.PollIn}}
		n, err := task.Poll(fds, 0)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		p := make([]byte, 8)
		_, err = task.Read(fd, p)
		require.NoError(t, err)
		require.Equal(t, byte(5), p[0])
		require.NoError(t, task.Close(fd))
		task.Exit()
		rmmod(t, k, "evdev")
	})
}

func TestOops(t *testing.T) {
	for _, tc := range []struct{ name, what string }{
		{"oops", "BUG: kernel NULL pointer dereference, address: 00000000"},
		{"oopsread", "BUG: "},
		{"oopswild", "BUG: unable to handle page fault"},
		{"oopsdiv", "divide error"},
		{"oopsbug", "kernel BUG at "},
		{"oopscall", "BUG: "},
		{"oopsstack", "stack"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := boot(t, ko.Config{})
			task := k.NewTask(kernel.WithComm("insmod"))
			require.ErrorIs(t, task.InitModule(fixtures.MustModule(tc.name), "", 0), kernel.ErrKilled, k.Log.Text())
			m, ok := k.Module(tc.name)
			require.True(t, ok)
			require.Equal(t, kernel.ModuleComing, m.State())
			require.Equal(t, 1, m.Refcount())
			require.Contains(t, strings.Join(logged(k), "\n"), tc.what)
			require.True(t, k.Tainted(kernel.TaintDie))
			t.Log(k.Log.Text())
		})
	}
}

// Files of debugfs, as a real kernel (6.1) showed them for the same module.
func TestDebugfs(t *testing.T) {
	k := boot(t, ko.Config{})
	require.NoError(t, insmod(t, k, "debug", ""), k.Log.Text())
	require.Contains(t, k.Log.Text(), "debugfs: Directory 'kobench-debug' with parent '/' already present!")
	const dir = "/sys/kernel/debug/kobench-debug/"
	read := func(name string) string {
		h, err := k.Init().OpenFile(dir+name, kernel.O_RDONLY)
		require.NoError(t, err, name)
		defer h.Close()
		b, err := io.ReadAll(h)
		require.NoError(t, err, name)
		return string(b)
	}
	write := func(name, text string) error {
		h, err := k.Init().OpenFile(dir+name, kernel.O_WRONLY)
		if err != nil {
			return err
		}
		defer h.Close()
		_, err = h.Write([]byte(text))
		return err
	}
	for name, want := range map[string]string{
		"u8": "200", "u16": "48879", "sub/u32": "4000000000", "sub/x32": "0x0000cafe", "sub/u64": "1099511627776", "sub/bool": "Y",
		"sub/atomic": "-5", "sub/square": "49", "sub/text": "words, a8 200",
	} {
		require.Equal(t, want+"\n", read(name), name)
	}
	for _, c := range []struct {
		name, text string
		err        error
		want       string
	}{
		{"u8", "300", nil, "44"}, {"u8", "0x10", nil, "16"}, {"u8", "-1", kernel.EINVAL, "16"}, {"u8", "x", kernel.EINVAL, "16"},
		{"u16", "5", kernel.EACCES, "48879"}, {"sub/bool", "n", nil, "N"}, {"sub/bool", "on", nil, "Y"}, {"sub/bool", "maybe", nil, "Y"},
		{"sub/atomic", "-7", nil, "-7"}, {"sub/atomic", "9999999999", nil, "1410065407"}, {"sub/square", "12", nil, "144"},
		{"sub/square", "1001", kernel.ERANGE, "144"}, {"sub/square", "-1", kernel.EINVAL, "144"}, {"sub/x32", "7", nil, "0x00000007"},
		{"sub/u32", "010", nil, "8"}, {"sub/u32", "", kernel.EINVAL, "8"}, {"sub/u32", "+5", nil, "5"}, {"sub/u32", " 5", kernel.EINVAL, "5"},
	} {
		err := write(c.name, c.text+"\n")
		if c.err == nil {
			require.NoError(t, err, "%s <- %s", c.name, c.text)
		} else {
			require.ErrorIs(t, err, c.err, "%s <- %s", c.name, c.text)
		}
		require.Equal(t, c.want+"\n", read(c.name), "%s <- %s", c.name, c.text)
	}
	rmmod(t, k, "debug")
	_, err := k.Init().Stat(dir)
	require.ErrorIs(t, err, kernel.ENOENT)
	require.NoError(t, insmod(t, k, "debug", ""), "nothing of it is left")
	rmmod(t, k, "debug")
}

// A line of a C driver: switched off and on, not shared unless it says so.
func TestIRQ(t *testing.T) {
	k := boot(t, ko.Config{})
	const dir = "/sys/kernel/debug/kobench-irq/"
	count := func() int {
		h, err := k.Init().OpenFile(dir+"count", kernel.O_RDONLY)
		require.NoError(t, err)
		defer h.Close()
		b, err := io.ReadAll(h)
		require.NoError(t, err)
		n, err := strconv.Atoi(strings.TrimSpace(string(b)))
		require.NoError(t, err)
		return n
	}
	ctl := func(c string) {
		h, err := k.Init().OpenFile(dir+"ctl", kernel.O_WRONLY)
		require.NoError(t, err)
		defer h.Close()
		_, err = h.Write([]byte(c))
		require.NoError(t, err)
	}
	more := func(than int) func() bool { return func() bool { return count() > than } }
	line := k.IRQ(40)
	pin := line.Source()
	free, _, _, err := line.RequestExclusive("other", false, func() bool { return false })
	require.NoError(t, err)
	require.ErrorIs(t, insmod(t, k, "irq", "shared=1"), kernel.EBUSY)
	require.Contains(t, k.Log.Text(), "genirq: Flags mismatch irq 40. 00000080 (irqtest) vs. 00000000 (other)")
	free()

	require.NoError(t, insmod(t, k, "irq", ""))
	_, with, _, err := line.RequestExclusive("other", true, func() bool { return false })
	require.ErrorIs(t, err, kernel.EBUSY)
	require.Equal(t, "irqtest", with)
	pin(true)
	require.Eventually(t, more(0), 10*time.Second, time.Millisecond)
	for _, off := range []string{"d", "n"} {
		ctl(off)
		n := count()
		time.Sleep(5 * time.Millisecond)
		require.Equal(t, n, count(), "the line is up, and nobody is called")
		ctl("e")
		require.Eventually(t, more(n), 10*time.Second, time.Millisecond)
	}
	pin(false)
	ctl("e")
	require.Contains(t, k.Log.Text(), "Unbalanced enable for IRQ 40")
	rmmod(t, k, "irq")
}
