package usbtmc_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/usb/usbtmc"
	"github.com/kobench/kobench/hw/scpi"
	hw "github.com/kobench/kobench/hw/usb"
	emulated "github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// Every ioctl on an instrument that does as the specifications say, in an order in which each shows
// what those before it did.
func TestIoctls(t *testing.T) {
	r := start(t)
	r.plug(emulated.New(&scpi.Supply{}), hw.HighSpeed)
	i := r.open()
	ren := []byte{1}
	caps := make([]byte, 16+24)
	copy(caps, []byte{hw.DirIn | hw.TypeClass | hw.ToInterface, 7, 0, 0, 0, 0, 24, 0})
	pulse := make([]byte, 16+1)
	copy(pulse, []byte{hw.DirIn | hw.TypeClass | hw.ToInterface, 64, 0, 0, 0, 0, 1, 0})
	huge := make([]byte, 16+5000)
	copy(huge, []byte{hw.DirIn | hw.TypeClass | hw.ToInterface, 7, 0, 0, 0, 0, 0x01, 0x10})
	stalled := make([]byte, 16)
	copy(stalled, []byte{hw.TypeVendor, 99})
	for _, c := range []struct {
		name string
		cmd  uint32
		in   []byte
		n    int
		out  []byte // nil: not looked at
		err  error
	}{
		{"version", usbtmc.USBTMC_IOCTL_API_VERSION, le32(0), 0, le32(3), nil},
		{"capabilities", usbtmc.USBTMC488_IOCTL_GET_CAPS, []byte{0}, 0, []byte{6 | 14<<4}, nil},
		{"indicator", usbtmc.USBTMC_IOCTL_INDICATOR_PULSE, nil, 0, nil, nil},
		{"remote", usbtmc.USBTMC488_IOCTL_REN_CONTROL, ren, 0, nil, nil},
		{"local", usbtmc.USBTMC488_IOCTL_GOTO_LOCAL, nil, 0, nil, nil},
		{"lock-out", usbtmc.USBTMC488_IOCTL_LOCAL_LOCKOUT, nil, 0, nil, nil},
		{"trigger", usbtmc.USBTMC488_IOCTL_TRIGGER, nil, 0, nil, nil},
		{"*TRG is no header of the supply", usbtmc.USBTMC_IOCTL_GET_STB, []byte{0}, 0, []byte{4}, nil},
		{"status byte", usbtmc.USBTMC488_IOCTL_READ_STB, []byte{0}, 0, []byte{4}, nil},
		{"no service request", usbtmc.USBTMC_IOCTL_GET_SRQ_STB, []byte{0}, 0, []byte{0}, kernel.ENOMSG},
		{"nor for as long", usbtmc.USBTMC488_IOCTL_WAIT_SRQ, le32(10), 0, nil, kernel.ETIMEDOUT},
		{"time-out", usbtmc.USBTMC_IOCTL_GET_TIMEOUT, le32(0), 0, le32(5000), nil},
		{"too short a time-out", usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(99), 0, nil, kernel.EINVAL},
		{"shortest time-out", usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(100), 0, nil, nil},
		{"time-out that was set", usbtmc.USBTMC_IOCTL_GET_TIMEOUT, le32(0), 0, le32(100), nil},
		{"EOM 2", usbtmc.USBTMC_IOCTL_EOM_ENABLE, []byte{2}, 0, nil, kernel.EINVAL},
		{"EOM", usbtmc.USBTMC_IOCTL_EOM_ENABLE, []byte{1}, 0, nil, nil},
		{"terminator 2", usbtmc.USBTMC_IOCTL_CONFIG_TERMCHAR, []byte{',', 2}, 0, nil, kernel.EINVAL},
		{"terminator", usbtmc.USBTMC_IOCTL_CONFIG_TERMCHAR, []byte{',', 1}, 0, nil, nil},
		{"abort", usbtmc.USBTMC_IOCTL_AUTO_ABORT, []byte{1}, 0, nil, nil},
		{"attributes", usbtmc.USBTMC_IOCTL_MSG_IN_ATTR, []byte{9}, 0, []byte{0}, nil},
		{"halt out", usbtmc.USBTMC_IOCTL_CLEAR_OUT_HALT, nil, 0, nil, nil},
		{"halt in", usbtmc.USBTMC_IOCTL_CLEAR_IN_HALT, nil, 0, nil, nil},
		{"clear", usbtmc.USBTMC_IOCTL_CLEAR, nil, 0, nil, nil},
		{"nothing to abort out", usbtmc.USBTMC_IOCTL_ABORT_BULK_OUT, nil, 0, nil, kernel.EPERM},
		{"request", usbtmc.USBTMC_IOCTL_CTRL_REQUEST, pulse, 1, append(pulse[:16:16], 1), nil},
		{"request of more", usbtmc.USBTMC_IOCTL_CTRL_REQUEST, caps, 24, nil, nil},
		{"request without room", usbtmc.USBTMC_IOCTL_CTRL_REQUEST, caps[:20], 0, nil, kernel.EFAULT},
		{"request too large", usbtmc.USBTMC_IOCTL_CTRL_REQUEST, huge, 0, nil, kernel.EMSGSIZE},
		{"request unknown", usbtmc.USBTMC_IOCTL_CTRL_REQUEST, stalled, 0, nil, kernel.EPIPE},
		{"nothing written", usbtmc.USBTMC_IOCTL_WRITE_RESULT, le32(7), 0, le32(0), nil},
		{"cancel", usbtmc.USBTMC_IOCTL_CANCEL_IO, nil, 0, nil, nil},
		{"cancelled", usbtmc.USBTMC_IOCTL_WRITE_RESULT, le32(7), 0, le32(0), kernel.ECANCELED},
		{"clean up", usbtmc.USBTMC_IOCTL_CLEANUP_IO, nil, 0, nil, nil},
		{"cleaned up", usbtmc.USBTMC_IOCTL_WRITE_RESULT, le32(7), 0, le32(0), nil},
		{"write too short", usbtmc.USBTMC_IOCTL_WRITE, make([]byte, 19), 0, nil, kernel.EFAULT},
		{"read into nothing", usbtmc.USBTMC_IOCTL_READ, make([]byte, 20), 0, nil, kernel.EINVAL},
		{"status byte nowhere", usbtmc.USBTMC_IOCTL_GET_STB, nil, 0, nil, kernel.EFAULT},
		{"number 5", 0x5b05, nil, 0, nil, kernel.EBADRQC},
		{"a terminal's", 0x5401, make([]byte, 60), 0, nil, kernel.EBADRQC},
	} {
		n, out, err := i.ioctl(c.cmd, c.in...)
		require.ErrorIs(t, err, c.err, c.name)
		require.Equal(t, c.n, n, c.name)
		if c.out != nil {
			require.Equal(t, c.out, out, c.name)
		}
		if c.name == "request of more" {
			require.Equal(t, []byte{6, 14}, out[16+14:16+16])
		}
	}
	i.do(usbtmc.USBTMC_IOCTL_CLEANUP_IO)
	i.write("*IDN?")
	require.Equal(t, "KOBENCH,", i.read(100), "up to the terminator")
	require.Equal(t, []byte{2}, i.do(usbtmc.USBTMC_IOCTL_MSG_IN_ATTR, 0))
	i.do(usbtmc.USBTMC_IOCTL_CLEAR) // and the rest of the answer is gone
	i.write("*TST?")
	require.Equal(t, "0\n", i.read(100))
	_, _, err := i.ioctl(usbtmc.USBTMC_IOCTL_ABORT_BULK_IN)
	require.ErrorIs(t, err, kernel.ENOMSG, "the tag is not that of the read")
	require.Equal(t, le32(0), i.other().do(usbtmc.USBTMC_IOCTL_WRITE_RESULT, le32(0)...), "each file has its own settings and results")
}

// other opens the node a second time in the same task.
func (i *instrument) other() *instrument {
	i.Helper()
	fd, err := i.task.Open(node, kernel.O_RDWR)
	require.NoError(i, err)
	return &instrument{rig: i.rig, task: i.task, fd: fd}
}

// A message without EOM goes on in the next write.
func TestEOM(t *testing.T) {
	r := start(t)
	m := &mirror{}
	r.plug(emulated.New(m), hw.HighSpeed)
	i := r.open()
	i.do(usbtmc.USBTMC_IOCTL_EOM_ENABLE, 0)
	i.write("one ")
	require.Empty(t, m.got)
	i.do(usbtmc.USBTMC_IOCTL_EOM_ENABLE, 1)
	i.write("message")
	require.Equal(t, []string{"one message"}, m.got)
}

// message is the argument of USBTMC_IOCTL_WRITE and READ.
func message(size, flags uint32, data ...byte) []byte {
	b := append(le32(size), le32(0)...)
	b = append(append(b, le32(flags)...), 1, 2, 3, 4, 5, 6, 7, 8)
	return append(b, data...)
}

// header is that of a bulk OUT message.
func header(id, tag byte, size uint32) []byte {
	return append(append([]byte{id, tag, ^tag, 0}, le32(size)...), 1, 0, 0, 0)
}

// Programs that make the messages themselves, at once or asynchronously.
func TestMessages(t *testing.T) {
	r := start(t)
	r.plug(emulated.New(&scpi.Supply{}), hw.HighSpeed)
	i := r.open()
	ask := append(header(1, 9, 5), "*IDN?"...)
	want := append(append(header(2, 10, 19), "KOBENCH,PSU1,0,1.0\n"...), 0)

	b := i.do(usbtmc.USBTMC_IOCTL_WRITE, message(17, 0, ask...)...)
	require.EqualValues(t, 20, binary.LittleEndian.Uint32(b[4:]), "with what aligns")
	require.Equal(t, le32(20), i.do(usbtmc.USBTMC_IOCTL_WRITE_RESULT, 0, 0, 0, 0))
	i.do(usbtmc.USBTMC_IOCTL_WRITE, message(12, 0, header(2, 10, 100)...)...)
	n, b, err := i.ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, 0, make([]byte, 100)...)...)
	require.NoError(t, err)
	require.Equal(t, 1, n, "a short packet")
	require.EqualValues(t, len(want), binary.LittleEndian.Uint32(b[4:]))
	require.Equal(t, want, b[20:20+len(want)])

	// The same, asynchronously: the read is there before the question.
	_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, usbtmc.FlagAsync)...)
	require.ErrorIs(t, err, kernel.EAGAIN)
	require.Zero(t, i.poll(0)&(kernel.PollIn|kernel.PollOut))
	i.do(usbtmc.USBTMC_IOCTL_WRITE, message(17, usbtmc.FlagAsync, ask...)...)
	i.do(usbtmc.USBTMC_IOCTL_WRITE, message(12, usbtmc.FlagAsync|usbtmc.FlagAppend, header(2, 10, 100)...)...)
	require.NotZero(t, i.poll(10*time.Second)&kernel.PollIn)
	require.Equal(t, le32(32), i.do(usbtmc.USBTMC_IOCTL_WRITE_RESULT, 0, 0, 0, 0))
	n, b, err = i.ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, usbtmc.FlagAsync, make([]byte, 100)...)...)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, want, b[20:20+len(want)])

	// Cancelled: the next call is told, then all is as before.
	_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, usbtmc.FlagAsync)...)
	require.ErrorIs(t, err, kernel.EAGAIN)
	i.do(usbtmc.USBTMC_IOCTL_CANCEL_IO)
	require.NotZero(t, i.poll(0)&kernel.PollErr)
	_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, 0, make([]byte, 100)...)...)
	require.ErrorIs(t, err, kernel.ECANCELED)
	i.do(usbtmc.USBTMC_IOCTL_CLEANUP_IO)
	i.write("*IDN?")
	require.Equal(t, "KOBENCH,PSU1,0,1.0\n", i.read(100))

	// A count beyond the buffer.
	_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_WRITE, message(13, 0, header(2, 1, 1)...)...)
	require.ErrorIs(t, err, kernel.EFAULT)

	// Nothing comes.
	i.do(usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(100)...)
	_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, 0, make([]byte, 100)...)...)
	require.ErrorIs(t, err, kernel.ETIMEDOUT)
	// and close it under way
	_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_READ, message(100, usbtmc.FlagAsync)...)
	require.ErrorIs(t, err, kernel.EAGAIN)
	i.do(usbtmc.USBTMC_IOCTL_CANCEL_IO)
}

// poll waits for SRQ or data, at most for limit.
func (i *instrument) poll(limit time.Duration) kernel.Events {
	i.Helper()
	fds := []kernel.PollFD{{FD: i.fd, Events: kernel.PollIn | kernel.PollPri}}
	if limit == 0 {
		fds[0].Events |= kernel.PollOut
	}
	_, err := i.task.Poll(fds, limit)
	require.NoError(i, err)
	return fds[0].Revents
}

// caller raises a service request whenever it is spoken to.
type caller struct{ dev *emulated.Device }

func (c *caller) Execute(line string) string {
	if line == "*STB?" {
		return "1"
	}
	c.dev.ServiceRequest(0x21)
	return ""
}

// A service request reaches every open file, by poll, SIGIO and the ioctls.
func TestServiceRequest(t *testing.T) {
	r := start(t)
	c := &caller{}
	c.dev = emulated.New(c)
	r.plug(c.dev, hw.HighSpeed)
	i := r.open()
	second := i.other()
	_, err := i.task.Fcntl(i.fd, kernel.F_SETFL, kernel.FASYNC)
	require.NoError(t, err)
	require.Zero(t, i.poll(0)&kernel.PollPri)
	i.write("hello")
	require.NotZero(t, i.poll(10*time.Second)&kernel.PollPri)
	sig, ok := i.task.TakeSignal()
	require.True(t, ok)
	require.Equal(t, kernel.SIGIO, sig)
	i.do(usbtmc.USBTMC488_IOCTL_WAIT_SRQ, le32(10_000)...)
	require.Equal(t, []byte{0x61}, i.do(usbtmc.USBTMC_IOCTL_GET_SRQ_STB, 0))
	_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_GET_SRQ_STB, 0)
	require.ErrorIs(t, err, kernel.ENOMSG)
	require.Equal(t, []byte{0x41}, second.do(usbtmc.USBTMC488_IOCTL_READ_STB, 0), "its own request, and then none")
	require.Equal(t, []byte{0x01}, second.do(usbtmc.USBTMC488_IOCTL_READ_STB, 0))
}
