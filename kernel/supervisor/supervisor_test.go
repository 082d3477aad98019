//go:build linux

package supervisor_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/kobench/kobench/kernel/supervisor"
	"github.com/stretchr/testify/require"
)

// limit ends a test's program, whatever it does.
const limit = 2 * time.Minute

// world is a kernel with a supervisor.
type world struct {
	t testing.TB
	k *kernel.Kernel
	s *supervisor.Supervisor
}

func boot(t testing.TB, cfg supervisor.Config) *world {
	t.Helper()
	k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})))
	kerneltest.Load(t, k, mem.New(), "")
	kerneltest.Load(t, k, loopback.New(), "")
	s, err := supervisor.New(k, cfg)
	if errors.Is(err, supervisor.ErrNoFUSE) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return &world{t, k, s}
}

// run runs a shell script and gives what it prints and its status.
func (w *world) run(script string) (out string, status int) {
	w.t.Helper()
	return w.program("sh", "-c", script)
}

func (w *world) program(name string, args ...string) (out string, status int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var b bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &b, &b
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	require.NoError(w.t, w.s.Start(cmd))
	err := w.s.Wait(cmd)
	require.NoError(w.t, ctx.Err(), "the program took longer than %v; so far it has said:\n%s", limit, b.String())
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(w.t, err)
	}
	return b.String(), cmd.ProcessState.ExitCode()
}

func TestShell(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "lib/modules", kernel.Release), 0o755))
	w := boot(t, supervisor.Config{Root: root})
	for _, c := range []struct {
		name, script, out string
		status            int
	}{
		{"redirections", "echo hello >/dev/loop0; head -c 6 /dev/loop0", "hello\n", 0},
		{"a device is a character device", "test -c /dev/loop0 && stat -c %F /dev/loop0", "character special file\n", 0},
		{"by descriptor too", "exec 3</dev/loop0; stat -L -c %F /dev/fd/3; readlink /proc/self/fd/3 <&3", "character special file\n/dev/loop0\n", 0},
		{"dup and exec", "exec 3<>/dev/loop0; sh -c 'echo x >&3'; head -c 2 <&3", "x\n", 0},
		{"dd byte by byte", "dd if=/dev/zero of=/dev/loop0 bs=1 count=5 2>/dev/null; head -c 5 /dev/loop0 | od -An -c", "  \\0  \\0  \\0  \\0  \\0\n", 0},
		{"uname", "uname -r", kernel.Release + "\n", 0},
		{"/proc is the kernel's", "cat /proc/modules | cut -d' ' -f1", "loopback\nmem\n", 0},
		{"and the host's", "test -r /proc/self/status && test -d /proc/$$ && echo yes", "yes\n", 0},
		{"/sys", "ls -d /sys/module/loopback && test -L /sys/class/loopback/loop0/subsystem && echo link", "/sys/module/loopback\nlink\n", 0},
		{"nothing there", "cat /dev/nosuch", "cat: /dev/nosuch: No such file or directory\n", 1},
		{"null stays the host's", "echo x >/dev/null; cat </dev/null", "", 0},
		{"a link leads there", "ln -s /dev/loop0 l$$; echo via >l$$; head -c 4 /dev/loop0; rm l$$", "via\n", 0},
		{"mknod", "mknod /dev/mine c 254 1 && ls -l /dev/mine | cut -c1-10 && rm /dev/mine && ls /dev/mine", "crw-r--r--\nls: cannot access '/dev/mine': No such file or directory\n", 2},
		{"names of directories", "ls /dev | grep -x -e loop0 -e null; ls -a /sys | head -2", "loop0\nnull\n.\n..\n", 0},
		{"the log", "dmesg >/dev/null; tail -n 1 /var/log/syslog | grep -c 'kernel: \\['", "1\n", 0},
		{"modules", "ls /lib/modules", kernel.Release + "\n", 0},
		{"an open directory", "cd /; find /sys/module/loopback -maxdepth 1 -name refcnt", "/sys/module/loopback/refcnt\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(root)
			w.t = t
			out, status := w.run(c.script)
			require.Equal(t, c.out, out)
			require.Equal(t, c.status, status)
		})
	}
}

// TestModules loads a module as kmod does, uses its device and removes it.
func TestModules(t *testing.T) {
	kmod := need(t, "kmod")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "chrb.ko"), fixtures.MustModule("chrb"), 0o644))
	for _, name := range []string{"insmod", "rmmod"} {
		require.NoError(t, os.Symlink(kmod, filepath.Join(dir, name)))
	}
	w := boot(t, supervisor.Config{})
	out, status := w.run("cd " + dir + "; ./insmod chrb.ko && head -c 3 /dev/chrb | od -An -tx1; exec 3</dev/chrb; ./rmmod chrb; exec 3<&-; ./rmmod chrb; ls /dev/chrb")
	require.Equal(t, " 00 00 00\nrmmod: ERROR: Module chrb is in use\nls: cannot access '/dev/chrb': No such file or directory\n", out)
	require.Equal(t, 2, status)
	for range 3 {
		out, status = w.run("cd " + dir + "; for i in 1 2 3; do ./insmod chrb.ko && head -c 1 /dev/chrb >/dev/null && ./rmmod chrb || exit 1; done")
		require.Zero(t, status, out)
	}
}

// TestKilled ends a program in the middle of a read: nothing may be left, which kerneltest checks.
func TestKilled(t *testing.T) {
	w := boot(t, supervisor.Config{})
	out, status := w.run("cat /dev/loop0 & sleep 0.1; kill -9 $!; wait $!; echo $?")
	require.Equal(t, "Killed\n137\n", out)
	require.Zero(t, status)
}

// TestNotFound: what cannot be started leaves nothing.
func TestNotFound(t *testing.T) {
	w := boot(t, supervisor.Config{})
	err := w.s.Start(exec.Command(filepath.Join(t.TempDir(), "nosuch")))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestUevents: a socket of NETLINK_KOBJECT_UEVENT gets the bench's, as from the kernel.
func TestUevents(t *testing.T) {
	w := boot(t, supervisor.Config{})
	out, status := w.goProgram("uevents")
	require.Equal(t, `change@/devices/virtual/loopback/loop0
ACTION=change
DEVPATH=/devices/virtual/loopback/loop0
SUBSYSTEM=loopback
MAJOR=254
MINOR=0
DEVNAME=loop0
DEVMODE=0666

from 0
`, out)
	require.Zero(t, status)
}
