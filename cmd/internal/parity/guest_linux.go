package parity

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A Guest is a folder laid out as the oracle's guest is: dash as sh, busybox for the rest, the
// reference modules in /root; only that /dev, /proc, /sys and /tmp are kobench's, and the tools
// too. The script that runs in it, by chroot and in mounts of its own, cannot tell the difference,
// and nothing outside is touched.
type Guest struct {
	Root    string // an empty folder, made by the caller
	Kobench string // the binary, statically linked
	Helper  string // the program of ./guest, statically linked
	Modules string // a folder with the built .ko files
	Script  []byte
}

// tools are what kobench is by name in the guest; ls, dd and the rest meet files, and are
// busybox's.
func tools() []string {
	return []string{"insmod", "rmmod", "lsmod", "modprobe", "modinfo", "depmod", "kmod", "dmesg", "mknod"}
}

//go:embed guest.sh
var launch string

// Run lays the folder out, boots a kernel, runs the script and returns what it printed.
//
// Errors: what is missing on this machine (Missing says it beforehand), what the layout or the
// mounts met, the context's end, and a script that did not come to its end.
func (g *Guest) Run(ctx context.Context) ([]byte, error) {
	if err := g.layOut(); err != nil {
		return nil, fmt.Errorf("laying out %s: %w", g.Root, err)
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", launch, "guest", g.Root)
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + g.Root + "/root", "LC_ALL=C"}
	// A process group and a pid namespace: when it ends, so do the daemon and the mounts, however
	// it ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("the guest: %w\n%s", err, said.Bytes())
	}
	return out.Bytes(), nil
}

// Missing says what this machine lacks to run a guest, and how to get it; "" when it lacks nothing.
func Missing() string {
	for _, need := range []struct{ program, pkg string }{{"busybox", "busybox-static"}, {"dash", "dash"}} {
		if _, err := exec.LookPath(need.program); err != nil {
			return "no " + need.program + " (apt-get install " + need.pkg + ")"
		}
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Sprintf("no FUSE (%v): run as root, or modprobe fuse", err)
	}
	f.Close()
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if os.Geteuid() != 0 {
		probe.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	if err := probe.Run(); err != nil {
		return fmt.Sprintf("no mounts of one's own (%v): run as root, or allow user namespaces", err)
	}
	return ""
}

func (g *Guest) layOut() error {
	for _, dir := range []string{"bin", "sbin", "usr/bin", "usr/sbin", "etc", "dev", "proc", "sys", "tmp", "root", "run", "sim", "lib/modules"} {
		if err := os.MkdirAll(filepath.Join(g.Root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := g.userland(); err != nil {
		return err
	}
	if err := g.copyIn(g.Kobench, "sbin/kobench"); err != nil {
		return err
	}
	for _, tool := range tools() {
		os.Remove(filepath.Join(g.Root, "bin", tool)) // busybox's
		if err := os.Symlink("/sbin/kobench", filepath.Join(g.Root, "sbin", tool)); err != nil {
			return err
		}
	}
	for _, name := range []string{"root/raw", "bin/cat"} {
		os.Remove(filepath.Join(g.Root, name)) // busybox's
		if err := g.copyIn(g.Helper, name); err != nil {
			return err
		}
	}
	modules, err := filepath.Glob(filepath.Join(g.Modules, "*.ko"))
	if err != nil || len(modules) == 0 {
		return errors.Join(err, fmt.Errorf("no modules in %s", g.Modules))
	}
	for _, ko := range modules {
		if err := g.copyIn(ko, "root/"+filepath.Base(ko)); err != nil {
			return err
		}
	}
	files := map[string]string{
		"cmd.sh":     string(g.Script),
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
		"etc/group":  "root:x:0:\n",
		// The one thing that busybox asks the host's kernel for.
		"bin/uname": "#!/bin/sh\n[ \"$1\" = -r ] && exec cat /proc/sys/kernel/osrelease\necho Linux\n",
	}
	for name, text := range files {
		os.Remove(filepath.Join(g.Root, name))
		if err := os.WriteFile(filepath.Join(g.Root, name), []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// userland brings busybox with its applets, and dash as sh with its libraries: busybox's own shell
// would run its own insmod.
func (g *Guest) userland() error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	if err := g.copyIn(busybox, "bin/busybox"); err != nil {
		return err
	}
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("busybox --list: %w", err)
	}
	for _, applet := range strings.Fields(string(applets)) {
		if err := os.Symlink("busybox", filepath.Join(g.Root, "bin", applet)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	dash, err := exec.LookPath("dash")
	if err != nil {
		return err
	}
	if err := g.copyIn(dash, "bin/dash"); err != nil {
		return err
	}
	os.Remove(filepath.Join(g.Root, "bin/sh"))
	if err := os.Symlink("dash", filepath.Join(g.Root, "bin/sh")); err != nil {
		return err
	}
	libraries, err := exec.Command("ldd", dash).Output()
	if err != nil {
		return nil // statically linked
	}
	for _, word := range strings.Fields(string(libraries)) {
		if !strings.HasPrefix(word, "/") {
			continue
		}
		if err := g.copyIn(word, word); err != nil {
			return err
		}
	}
	return nil
}

// copyIn copies a file of the host, by content, to a name below the root, as an executable.
func (g *Guest) copyIn(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	to = filepath.Join(g.Root, to)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}
