package ko_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/stretchr/testify/require"
)

// manners boots a kernel with fixtures/modules/manners.c in it. The answers in these tests are a
// real 6.1's (Debian 6.1.192), to the same calls of the same module.
func manners(t *testing.T, args string, opts ...kerneltest.Option) *kernel.Kernel {
	t.Helper()
	k := kerneltest.Boot(t, append(opts, kerneltest.WithFormat(ko.New(ko.Config{})))...)
	require.NoError(t, k.Init().InitModule(fixtures.MustModule("manners"), args, 0))
	t.Cleanup(func() { require.NoError(t, k.Init().DeleteModule("manners", 0)) })
	k.Log.Clear()
	return k
}

// answer is what a call gave: its number, or its error's name.
func answer[N int | int64](n N, err error) string {
	if err != nil {
		return kernel.ErrnoOf(err).Name()
	}
	return fmt.Sprint(n)
}

// said are the module's own lines in the log.
func said(k *kernel.Kernel) (lines []string) {
	for _, r := range k.Log.All() {
		lines = append(lines, r.Text)
	}
	k.Log.Clear()
	return lines
}

func open(t *testing.T, k *kernel.Kernel, path string, flags uint32) (*kernel.Task, int) {
	t.Helper()
	task := kerneltest.Task(t, k)
	fd, err := task.Open(path, flags)
	require.NoError(t, err)
	return task, fd
}

// What a driver returns reaches the program as on Linux, but for a count above what was asked for.
func TestResultsOfADriver(t *testing.T) {
	k := manners(t, "", kerneltest.Expect("moved 100 bytes of 10"))
	task, fd := open(t, k, "/dev/m_full", kernel.O_RDWR)
	buf := make([]byte, 64)
	for n, want := range map[int]string{10: "10", 11: "ERESTARTSYS", 12: "ENOIOCTLCMD", 13: "EPROBE_DEFER", 15: "ENOTSUPP", 5: "0"} {
		require.Equal(t, want, answer(task.Read(fd, buf[:n])), "read of %d", n)
	}
	require.Equal(t, "10", answer(task.Write(fd, buf[:10])))
	for cmd, want := range map[uint32]string{0x1233: "EBADRQC", 0x1234: "ENOTTY", 0x1235: "ERESTARTSYS", 0x1236: "77"} {
		require.Equal(t, want, answer(task.Ioctl(fd, cmd, kernel.Arg{})), "ioctl %#x", cmd)
	}
	task.Kill(kernel.SIGUSR1) // with a signal the same number is EINTR
	require.Equal(t, "EINTR", answer(task.Read(fd, buf[:11])))
}

// Commands that are the VFS's never reach a driver.
func TestIoctlsOfTheVFS(t *testing.T) {
	k := manners(t, "")
	task, fd := open(t, k, "/dev/m_full", kernel.O_RDWR|kernel.O_CLOEXEC)
	said(k)
	word := make([]byte, 8)
	for _, tt := range []struct {
		name string
		cmd  uint32
		want string
		dev  bool // the driver's
	}{
		{"FIGETBSZ", kernel.FIGETBSZ, "0", false}, {"FIOQSIZE", kernel.FIOQSIZE, "ENOTTY", false},
		{"FIFREEZE", kernel.FIFREEZE, "EOPNOTSUPP", false}, {"FITHAW", kernel.FITHAW, "EINVAL", false},
		{"FS_IOC_FIEMAP", kernel.FS_IOC_FIEMAP, "EOPNOTSUPP", false}, {"FICLONE", kernel.FICLONE, "EINVAL", false},
		{"FIBMAP", 1, "EBADRQC", true}, {"FIONREAD", 0x541b, "EBADRQC", true}, {"FS_IOC_GETFLAGS", 0x80086601, "EBADRQC", true},
	} {
		clear(word)
		require.Equal(t, tt.want, answer(task.Ioctl(fd, tt.cmd, kernel.Arg{Buf: word})), tt.name)
		require.Equal(t, tt.dev, len(said(k)) > 0, tt.name)
		if tt.cmd == kernel.FIGETBSZ {
			require.EqualValues(t, 4096, binary.LittleEndian.Uint32(word))
		}
	}
	require.Equal(t, "EFAULT", answer(task.Ioctl(fd, kernel.FIONBIO, kernel.Arg{})))
	flag := func() string { return answer(task.Fcntl(fd, kernel.F_GETFD, 0)) }
	require.Equal(t, "1", flag(), "O_CLOEXEC")
	require.Equal(t, "0", answer(task.Ioctl(fd, kernel.FIONCLEX, kernel.Arg{})))
	require.Equal(t, "0", flag())
	require.Equal(t, "0", answer(task.Ioctl(fd, kernel.FIOCLEX, kernel.Arg{})))
	require.Equal(t, "1", flag())
	again, err := task.Dup(fd)
	require.NoError(t, err)
	require.Equal(t, "0", answer(task.Fcntl(again, kernel.F_GETFD, 0)), "it is the descriptor's")

	user := kerneltest.Task(t, k, kernel.WithCred(kernel.Cred{UID: 1000, GID: 1000}))
	ufd, err := user.Open("/proc/version", kernel.O_RDONLY)
	require.NoError(t, err)
	require.Equal(t, "EPERM", answer(user.Ioctl(ufd, kernel.FIFREEZE, kernel.Arg{})))
	require.Equal(t, "0", answer(user.Ioctl(ufd, kernel.FIOQSIZE, kernel.Arg{Buf: word})))
	require.Equal(t, "0", answer(user.Ioctl(ufd, kernel.FIGETBSZ, kernel.Arg{Buf: word})))
	require.EqualValues(t, 1024, binary.LittleEndian.Uint32(word), "of /proc")
}

// O_ASYNC is a flag at open, which no driver hears of; later the driver hears of each change, with
// the descriptor.
func TestAsync(t *testing.T) {
	k := manners(t, "")
	task, fd := open(t, k, "/dev/m_full", kernel.O_RDWR|kernel.FASYNC)
	require.Equal(t, []string{"open flags=20002"}, said(k))
	require.Equal(t, fmt.Sprint(kernel.O_RDWR|kernel.FASYNC), answer(task.Fcntl(fd, kernel.F_GETFL, 0)))
	on, off := []byte{1, 0, 0, 0}, []byte{0, 0, 0, 0}
	require.Equal(t, "0", answer(task.Ioctl(fd, kernel.FIOASYNC, kernel.Arg{Buf: on})), "no change")
	require.Empty(t, said(k))
	require.Equal(t, "0", answer(task.Ioctl(fd, kernel.FIOASYNC, kernel.Arg{Buf: off})))
	require.Equal(t, "0", answer(task.Fcntl(fd, kernel.F_SETFL, 0)), "the flag is fasync_helper's, which it has not called")
	line := fmt.Sprintf("fasync fd=%d on=0", fd)
	require.Equal(t, []string{line, line}, said(k))
	require.NoError(t, task.Close(fd))
	require.Equal(t, []string{"fasync fd=-1 on=0"}, said(k))

	for _, name := range []string{"m_bare", "m_noop"} { // without the operation
		task, fd := open(t, k, "/dev/"+name, kernel.O_RDWR)
		require.Equal(t, "ENOTTY", answer(task.Ioctl(fd, kernel.FIOASYNC, kernel.Arg{Buf: on})))
		require.Equal(t, "0", answer(task.Fcntl(fd, kernel.F_SETFL, kernel.FASYNC)))
		require.Equal(t, fmt.Sprint(kernel.O_RDWR), answer(task.Fcntl(fd, kernel.F_GETFL, 0)))
	}
}

// Whence values from -1 to 5, of a seek by 3 from where the last one went.
func TestSeeks(t *testing.T) {
	const none = "EINVAL ESPIPE ESPIPE ESPIPE ESPIPE ESPIPE EINVAL"
	k := manners(t, "")
	for _, tt := range []struct{ path, want string }{
		{"/dev/m_full", "EINVAL 3 3 3 3 3 EINVAL"},
		{"/dev/m_bare", none}, {"/dev/m_stream", none}, {"/dev/m_nosk", none}, {"/dev/m_live", none}, {"/proc/m_bare", none},
		{"/dev/m_dflt", "EINVAL 3 6 3 ENXIO ENXIO EINVAL"},
		{"/dev/m_noop", "EINVAL 0 0 0 0 0 EINVAL"},
		{"/proc/version", "EINVAL 3 6 EINVAL EINVAL EINVAL EINVAL"},
		{"/sys/class/misc/m_full/a", "EINVAL 3 6 4099 3 4096 EINVAL"},
		{"/sys/module/manners/parameters/arr", "EINVAL 3 6 4099 3 4096 EINVAL"},
	} {
		task, fd := open(t, k, tt.path, kernel.O_RDONLY)
		var got []string
		for whence := -1; whence < 6; whence++ {
			got = append(got, answer(task.Lseek(fd, 3, whence)))
		}
		require.Equal(t, tt.want, strings.Join(got, " "), tt.path)
	}
	task, fd := open(t, k, "/dev/m_full", kernel.O_RDWR)
	said(k)
	require.Equal(t, "EIO", answer(task.Lseek(fd, -5, kernel.SEEK_SET)), "a negative position is an error number")
	require.Equal(t, "EINVAL", answer(task.Read(fd, make([]byte, 5))))
	require.Equal(t, "EINVAL", answer(task.Write(fd, make([]byte, 5))))
	require.Equal(t, []string{"llseek -5 0"}, said(k), "the driver is not asked")
	require.Equal(t, "0", answer(task.Lseek(fd, 0, kernel.SEEK_SET)))
	require.Equal(t, "0", answer(task.Read(fd, make([]byte, 5))))
}

// Operations are read at each open; a stream's have no position; a file of /proc without them gives
// EIO.
func TestOperationsAtOpen(t *testing.T) {
	k := manners(t, "")
	buf := make([]byte, 5)
	task, fd := open(t, k, "/dev/m_live", kernel.O_RDWR)
	require.Equal(t, "0", answer(task.Read(fd, buf)), "set after misc_register")
	require.Equal(t, []string{"read n=5 pos=given"}, said(k))
	require.Equal(t, "EINVAL", answer(task.Write(fd, buf)))
	task, fd = open(t, k, "/dev/m_stream", kernel.O_RDWR)
	require.Equal(t, "0", answer(task.Read(fd, buf)))
	require.Equal(t, []string{"read n=5 pos=NULL"}, said(k))
	task, fd = open(t, k, "/proc/m_bare", kernel.O_RDWR)
	require.Equal(t, "EIO", answer(task.Read(fd, buf)))
	require.Equal(t, "EIO", answer(task.Write(fd, buf)))
	require.Equal(t, "ENOTTY", answer(task.Ioctl(fd, 0x1234, kernel.Arg{})))
}

// Attributes of sysfs: the mode decides who may open, the function what happens; store's result is
// write's.
func TestAttributes(t *testing.T) {
	k := manners(t, "")
	root := k.Init()
	for _, tt := range []struct {
		name   string
		writes string // of 0, 1, 2, 3, 4 and 5000 bytes
		read   string
	}{
		{"a", "0 0 100 EDOM 3 3", "6"},
		{"noshow", "0 0 100 EDOM 3 3", "EIO"},
		{"nostore", "0 EIO EIO EIO EIO EIO", "6"},
		{"ro", "EACCES", "6"},
		{"wo", "0 0 100 EDOM 3 3", "EACCES"},
		{"big", "EACCES", "4095"},
	} {
		path, text := "/sys/class/misc/m_full/"+tt.name, make([]byte, 5000)
		var got []string
		if fd, err := root.Open(path, kernel.O_WRONLY); err != nil {
			got = append(got, answer(0, err))
		} else {
			for _, n := range []int{0, 1, 2, 3, 4, 5000} {
				got = append(got, answer(root.Write(fd, text[:n])))
			}
			require.NoError(t, root.Close(fd))
		}
		require.Equal(t, tt.writes, strings.Join(got, " "), tt.name)
		k.Log.Clear()
		fd, err := root.Open(path, kernel.O_RDONLY)
		if err != nil {
			require.Equal(t, tt.read, answer(0, err), tt.name)
			continue
		}
		require.Equal(t, tt.read, answer(root.Read(fd, make([]byte, 8192))), tt.name)
		require.NoError(t, root.Close(fd))
		if tt.name == "big" {
			require.Regexp(t, `dev_attr_show: big_show\+0x0/0x[0-9a-f]+ \[manners\] returned bad count`, k.Log.Text())
			require.Contains(t, k.Log.Text(), "fill_read_buffer: dev_attr_show+0x0/0x40 returned bad count")
		}
	}
	arr, err := root.Open("/sys/module/manners/parameters/arr", kernel.O_WRONLY)
	require.NoError(t, err)
	said(k)
	require.Equal(t, "3", answer(root.Write(arr, []byte("1,2"))))
	require.Equal(t, "EINVAL", answer(root.Write(arr, []byte("1,2,3"))))
	require.Equal(t, []string{"arr: can only take 2 arguments"}, said(k))
	require.NoError(t, root.Close(arr))
}

// Names that exist are refused in sysfs's words; children are visited in the order in which they
// came.
func TestNamesThatExist(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})),
		kerneltest.Expect("cannot create duplicate filename '/class/twice'"),
		kerneltest.Expect("cannot create duplicate filename '/devices/virtual/twice/dad'"),
		kerneltest.Expect("cannot create duplicate filename '/devices/virtual/twice/dad/noshow'"),
		kerneltest.Expect("Attribute nostore: write permission without 'store'"),
		kerneltest.Expect("Attribute noshow: read permission without 'show'"))
	require.NoError(t, k.Init().InitModule(fixtures.MustModule("manners"), "what=class", 0))
	require.NoError(t, k.Init().DeleteModule("manners", 0))
	text := k.Log.Text()
	at := 0
	for _, line := range []string{
		"sysfs: cannot create duplicate filename '/class/twice'",
		"kobject_add_internal failed for twice with -EEXIST, don't try to register things with the same name in the same directory.",
		"class: 0 -17",
		"sysfs: cannot create duplicate filename '/devices/virtual/twice/dad'",
		"kobject_add_internal failed for dad with -EEXIST",
		"device: 0 -17", "child kid3", "child kid2", "each: 42",
		"Attribute nostore: write permission without 'store'", "file: 0", "Attribute noshow: read permission without 'show'", "file: 0",
		"sysfs: cannot create duplicate filename '/devices/virtual/twice/dad/noshow'", "file: -17",
	} {
		i := strings.Index(text[at:], line)
		require.GreaterOrEqual(t, i, 0, "%s\nin its place in\n%s", line, text)
		at += i + len(line)
	}
}

// register_chrdev_region of major 0 takes a free major, which unregister_chrdev_region of major 0
// does not find.
func TestRegionOfMajorZero(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})), kerneltest.Left(":5 to 7 of zero$"), kerneltest.Expect("left behind: device numbers 0:5 zero"))
	require.NoError(t, k.Init().InitModule(fixtures.MustModule("manners"), "what=major0", 0))
	require.Contains(t, k.Log.Text(), "region: 0")
	b := make([]byte, 4096)
	fd, err := k.Init().Open("/proc/devices", kernel.O_RDONLY)
	require.NoError(t, err)
	n, err := k.Init().Read(fd, b)
	require.NoError(t, err)
	require.NoError(t, k.Init().Close(fd))
	require.Regexp(t, `(?m)^\d{3} zero$`, string(b[:n]))
	require.NoError(t, k.Init().DeleteModule("manners", 0))
}

// module_put below zero is a WARN, and the module cannot go.
func TestModulePut(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})), kerneltest.Left("^module manners: Live, in use by -1$|/sys/module/manners"),
		kerneltest.Expect("kernel/module/main.c:857 module_put"))
	require.NoError(t, k.Init().InitModule(fixtures.MustModule("manners"), "what=put", 0))
	require.Error(t, k.Init().DeleteModule("manners", 0))
	n := 0
	for _, trouble := range k.Troubles() {
		if strings.Contains(trouble.Text, "module_put") {
			n++
		}
	}
	require.Equal(t, 2, n, "the third put, and the kernel's own after init")
}

// A list that is not one any more says so in the words of CONFIG_DEBUG_LIST, and BUG follows.
func TestListCorruption(t *testing.T) {
	for mode, want := range map[int]string{
		1: `list_del corruption, [0-9a-f]+->next is LIST_POISON1 \([0-9a-f]+\)`,
		2: `list_del corruption. prev->next should be [0-9a-f]+, but was [0-9a-f]+. \(prev=[0-9a-f]+\)`,
		3: `list_add double add: new=[0-9a-f]+, prev=[0-9a-f]+, next=[0-9a-f]+.`,
		4: `list_add double add: new=[0-9a-f]+, prev=[0-9a-f]+, next=[0-9a-f]+.`,
	} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})), kerneltest.Expect(`oops: kernel BUG at .*list_debug.c:\d+!`),
				kerneltest.Left("manners"))
			require.ErrorIs(t, k.NewTask().InitModule(fixtures.MustModule("manners"), fmt.Sprintf("list=%d", mode), 0), kernel.ErrKilled)
			require.Regexp(t, want, k.Log.Text())
			require.NotContains(t, k.Log.Text(), "went through")
		})
	}
}
