package daemon

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// liar is a device that says more than it does: a read claims ten bytes and fills two, an ioctl one
// of its 64.
func liar(seen *[]string) *kernel.Module {
	return &kernel.Module{Name: "liar", License: "GPL", Intree: true, Signed: true, Init: func(env *kernel.Env) error {
		return env.MiscRegister(&kernel.Miscdevice{Minor: kernel.MiscDynamicMinor, Name: "liar", Mode: 0o666, Ops: &kernel.FileOperations{
			Read: func(t *kernel.Task, f *kernel.File, p []byte) (int, error) {
				*seen = append(*seen, fmt.Sprintf("%s %d uid %d at %d", t.Comm(), t.PID(), t.Cred().UID, f.Pos()))
				copy(p, "ab")
				f.SetPos(f.Pos() + 10)
				return 10, nil
			},
			Llseek: func(_ *kernel.Task, f *kernel.File, off int64, whence int) (int64, error) {
				return f.SeekSize(off, whence, 100)
			},
			Ioctl: func(_ *kernel.Task, _ *kernel.File, _ uint32, arg kernel.Arg) (int, error) {
				arg.Buf[0] = 'x'
				return 0, nil
			},
		}})
	}}
}

// What lay in a buffer before, another process's data, never reaches who reads now; the driver sees
// who that is, and a seek.
func TestHandle(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.Parallel())
	var seen []string
	kerneltest.Load(t, k, liar(&seen), "")
	n := &node{k: k, path: "/dev/liar"}
	ctx := fuse.NewContext(t.Context(), &fuse.Caller{Owner: fuse.Owner{Uid: 1000, Gid: 1000}, Pid: uint32(os.Getpid())})
	open, flags, e := n.Open(ctx, syscall.O_RDWR)
	require.Zero(t, e)
	require.Zero(t, flags&fuse.FOPEN_NONSEEKABLE)
	h := open.(*handle)
	defer h.Release(ctx)

	stale := []byte(strings.Repeat("secret", 20))
	for _, off := range []int64{0, 10, 20, 7, 17} { // in turn, then after a seek to 7
		p := append([]byte(nil), stale...)
		r, e := h.Read(ctx, p, off)
		require.Zero(t, e)
		got, _ := r.Bytes(nil)
		require.Equal(t, "ab\x00\x00\x00\x00\x00\x00\x00\x00", string(got))
	}
	comm, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	me := fmt.Sprintf("%.15s %d uid 1000 at ", strings.TrimSpace(string(comm)), os.Getpid())
	require.Equal(t, []string{me + "0", me + "10", me + "20", me + "7", me + "17"}, seen)

	out := append([]byte(nil), stale[:64]...)
	_, e = h.Ioctl(ctx, 0x80405801, 0, nil, out) // _IOR('X', 1, char[64])
	require.Zero(t, e)
	require.Equal(t, "x"+strings.Repeat("\x00", 63), string(out))
	out = append([]byte(nil), stale[:64]...)
	_, e = h.Ioctl(ctx, 0xc0405801, 0, []byte("given"), out)
	require.Zero(t, e)
	require.Equal(t, "xiven"+strings.Repeat("\x00", 59), string(out))

	root := fuse.NewContext(t.Context(), &fuse.Caller{})
	stream, flags, e := (&node{k: k, path: "/proc/kmsg"}).Open(root, syscall.O_RDONLY)
	require.Zero(t, e)
	require.Zero(t, stream.(*handle).Release(root))
	require.NotZero(t, flags&fuse.FOPEN_NONSEEKABLE, "it has no position")
}
