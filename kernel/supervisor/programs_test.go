//go:build linux

package supervisor_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain makes this program the one that a test starts under the supervisor, where that asks for
// it.
func TestMain(m *testing.M) {
	if name := os.Getenv("SUPERVISED"); name != "" {
		if err := programs()[name](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// programs are what runs under the supervisor.
func programs() map[string]func() error {
	return map[string]func() error{"uevents": ueventProgram}
}

// goProgram runs one of programs.
func (w *world) goProgram(name string, args ...string) (out string, status int) {
	w.t.Helper()
	w.t.Setenv("SUPERVISED", name)
	return w.program("/proc/self/exe", args...)
}

// ueventProgram has a device announce itself and prints what a socket of libudev's kind receives.
func ueventProgram() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return err
	}
	if err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		return err
	}
	if err = os.WriteFile("/sys/class/loopback/loop0/uevent", []byte("change"), 0); err != nil {
		return err
	}
	b := make([]byte, 4096)
	n, from, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return err
	}
	for _, s := range strings.Split(string(b[:n]), "\x00") {
		if !strings.HasPrefix(s, "SEQNUM=") {
			fmt.Println(s)
		}
	}
	fmt.Println("from", from.(*unix.SockaddrNetlink).Pid)
	return nil
}
