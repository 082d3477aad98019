//go:build linux

package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// helperEnv makes the program, started again, the helper: a process in a user and mount name space
// of its own, where it may mount. It gives its descriptors away and waits: for requests, and for
// the end of who has started it.
const helperEnv = "KOBENCH_SUPERVISOR_HELPER"

// The helper is this program itself, whichever it is (kobench, or a test), so that nothing needs to
// be installed; a namespace can only be made by a process of its own.
//
//rules:allow an init: the process must become the helper before anything else of the program runs
func init() {
	if fd, err := strconv.Atoi(os.Getenv(helperEnv)); err == nil {
		runHelper(fd)
		os.Exit(0)
	}
}

// helper is the running process as its starter sees it.
type helper struct {
	mu   sync.Mutex // one request at a time
	cmd  *exec.Cmd
	sock int
	dev  int // /dev/fuse
	root int // what is mounted
}

// ErrNoFUSE says why device descriptors cannot be files of a private FUSE mount.
var ErrNoFUSE = errors.New("no private FUSE mount")

// startHelper starts it and receives the mount.
//
// Errors: ErrNoFUSE, with the reason.
func startHelper() (_ *helper, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(pair[1]), "helper")
	h := &helper{sock: pair[0], dev: -1, root: -1}
	sizes := []int{1}
	// everybody: requests of a program that has become somebody else must be told
	if os.Getuid() == 0 {
		sizes = []int{1 << 31, 1 << 16, 1}
	}
	for _, size := range sizes {
		if err = h.start(theirs, size); err == nil {
			break
		}
	}
	theirs.Close()
	if err != nil {
		_ = unix.Close(h.sock)
		return nil, fmt.Errorf("%w: a user name space cannot be made here: %w", ErrNoFUSE, err)
	}
	text, fds, err := receive(h.sock)
	if err == nil && len(fds) != 2 {
		err = errors.New(text)
	}
	if err != nil {
		h.close()
		return nil, fmt.Errorf("%w: %w", ErrNoFUSE, err)
	}
	h.dev, h.root = fds[0], fds[1]
	return h, nil
}

// start starts the process with as many users mapped.
func (h *helper) start(sock *os.File, users int) error {
	h.cmd = exec.Command("/proc/self/exe")
	h.cmd.Args = []string{"kobench-helper"}
	h.cmd.Env = []string{helperEnv + "=3"}
	h.cmd.ExtraFiles = []*os.File{sock}
	uid, gid := os.Getuid(), os.Getgid()
	if users > 1 {
		gid = 0
	}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: users}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: users}},
		Setsid:      true, // the terminal's signals are not for it
	}
	return h.cmd.Start()
}

// close ends the process; its mount lives as long as somebody has it open.
func (h *helper) close() {
	_ = unix.Close(h.sock)
	_ = h.cmd.Wait()
}

// ask sends a request and receives a descriptor. Errors: what the helper said.
func (h *helper) ask(what string) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := unix.Send(h.sock, []byte(what), 0); err != nil {
		return -1, err
	}
	text, fds, err := receive(h.sock)
	switch {
	case err != nil:
		return -1, err
	case len(fds) == 1:
		return fds[0], nil
	}
	return -1, errors.New(text)
}

// receive takes a message with its descriptors.
func receive(sock int) (text string, fds []int, err error) {
	buf, oob := make([]byte, 512), make([]byte, unix.CmsgSpace(2*4))
	var n, m int
	for {
		n, m, _, _, err = unix.Recvmsg(sock, buf, oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return "", nil, err
	}
	if n == 0 {
		return "", nil, errors.New("the helper has ended")
	}
	list, err := unix.ParseSocketControlMessage(oob[:m])
	if err != nil {
		return "", nil, err
	}
	for i := range list {
		got, err := unix.ParseUnixRights(&list[i])
		if err != nil {
			return "", nil, err
		}
		fds = append(fds, got...)
	}
	return string(buf[:n]), fds, nil
}

func send(sock int, text string, fds ...int) {
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	_ = unix.Sendmsg(sock, []byte(text), oob, nil, 0)
}

// runHelper is the helper's life.
func runHelper(sock int) {
	runtime.LockOSThread() // one thread has the network name space, when there is one
	dev, root, err := mountHere()
	if err != nil {
		send(sock, err.Error())
		return
	}
	send(sock, "mounted", dev, root)
	_ = unix.Close(dev)
	_ = unix.Close(root)
	network := false
	for {
		what, _, err := receive(sock)
		if err != nil {
			return
		}
		fd := -1
		switch what {
		case "uevents":
			if !network {
				err = unix.Unshare(unix.CLONE_NEWNET)
				network = err == nil
			}
			if err == nil {
				fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
			}
		default:
			err = unix.EINVAL
		}
		if err != nil {
			send(sock, err.Error())
			continue
		}
		send(sock, "here", fd)
		_ = unix.Close(fd)
	}
}

// mountHere makes the FUSE mount over the helper's own view of a directory that every system has.
func mountHere() (dev, root int, err error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return -1, -1, fmt.Errorf("mount name space: %w", err)
	}
	dev, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("/dev/fuse cannot be opened: %w", err)
	}
	const where = "/tmp"
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", dev)
	if err := unix.Mount("kobench", where, "fuse.kobench", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		return -1, -1, fmt.Errorf("FUSE cannot be mounted: %w", err)
	}
	root, err = unix.Open(where, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("the mount cannot be opened: %w", err)
	}
	return dev, root, nil
}
