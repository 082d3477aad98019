package usbtmc_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/kobench/kobench/drivers/usb/usbtmc"
	hw "github.com/kobench/kobench/hw/usb"
	emulated "github.com/kobench/kobench/hw/usb/function/usbtmc"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// liar is an instrument whose answers are the test's.
type liar struct {
	*emulated.Device // for its descriptors
	link             *hw.Link
	broken           bool // has no bulk OUT endpoint
	mute             bool // has no interrupt endpoint
	// to a bulk OUT transfer; nil: none
	out     func(b []byte) (answer []byte, err error)
	control func(s hw.Setup, data []byte) (n int, e error) // nil: the emulated one's
	// what the interrupt endpoint gives all the time
	noise []byte
	// the next answer of full transfers has no short packet behind it
	unended bool
	asked   chan struct{} // there was nothing to give
	queue   [][]byte      // transfers for bulk IN
}

func (l *liar) Descriptors(s hw.Speed) *hw.Descriptors {
	d := l.Device.Descriptors(s)
	if l.broken {
		i := &d.Configs[0].Interfaces[0]
		i.Endpoints = i.Endpoints[:1]
	}
	if l.mute {
		i := &d.Configs[0].Interfaces[0]
		i.Endpoints = i.Endpoints[:2]
	}
	return d
}

func (l *liar) Attach(k *hw.Link) { l.link = k; l.Device.Attach(k) }

func (l *liar) Out(_ uint8, p []byte, _ bool) (int, error) {
	if l.out == nil {
		return len(p), nil
	}
	b, err := l.out(bytes.Clone(p))
	if b != nil {
		l.queue = append(l.queue, b)
		l.link.Wake(0x81)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (l *liar) In(ep uint8, p []byte) (int, error) {
	if ep == 0x83 && l.noise != nil {
		return copy(p, l.noise), nil
	}
	if ep != 0x81 {
		return l.Device.In(ep, p)
	}
	if len(l.queue) == 0 {
		select {
		case l.asked <- struct{}{}:
		default:
		}
		return 0, hw.NAK
	}
	n := copy(p, l.queue[0])
	l.queue[0] = l.queue[0][n:]
	// otherwise the rest, or an empty packet, is for the next transfer
	if n < len(p) || l.unended && len(l.queue[0]) == 0 {
		l.queue, l.unended = l.queue[1:], false
	}
	return n, nil
}

func (l *liar) Control(s hw.Setup, data []byte) (int, error) {
	if l.control != nil {
		return l.control(s, data)
	}
	return l.Device.Control(s, data)
}

func newLiar() *liar { return &liar{Device: emulated.New(&mirror{}), asked: make(chan struct{}, 1)} }

// answers makes it answer each request for data with what f makes of the request's tag.
func (l *liar) answers(f func(tag byte) []byte) {
	l.out = func(b []byte) ([]byte, error) {
		if b[0] != 2 {
			return nil, nil
		}
		return f(b[1]), nil
	}
}

// A header that is not true reads as nothing, says why in the log, and the next answer is as good
// as any.
func TestLies(t *testing.T) {
	long := strings.Repeat("z", 9000)
	for name, c := range map[string]struct {
		answer func(tag byte) []byte
		want   string
		log    string
	}{
		"no header":                  {func(byte) []byte { return []byte{} }, "", "Device sent too small first packet: 0 < 12"},
		"half a header":              {func(tag byte) []byte { return header(2, tag, 1)[:11] }, "", "Device sent too small first packet: 11 < 12"},
		"wrong message":              {func(tag byte) []byte { return append(header(1, tag, 1), 'x') }, "", "Device sent reply with wrong MsgID: 1 != 2"},
		"wrong tag":                  {func(tag byte) []byte { return append(header(2, tag+1, 1), 'x') }, "", "Device sent reply with wrong bTag: 2 != 1"},
		"too much":                   {func(tag byte) []byte { return append(header(2, tag, 10_001), 'x') }, "", "Device wants to return more data than requested: 10001 > 10000"},
		"far too much":               {func(tag byte) []byte { return append(header(2, tag, 0xffffffff), 'x') }, "", "Device wants to return more data than requested: 4294967295 > 10000"},
		"less than said, and short":  {func(tag byte) []byte { return append(header(2, tag, 100), "abc"...) }, "abc", ""},
		"less than said, of many":    {func(tag byte) []byte { return append(header(2, tag, 9500), long...) }, long, ""},
		"more than said":             {func(tag byte) []byte { return append(header(2, tag, 3), long...) }, "zzz", ""},
		"more than said, of many":    {func(tag byte) []byte { return append(header(2, tag, 8999), long...) }, long[:8999], ""},
		"nothing behind it":          {func(tag byte) []byte { return header(2, tag, 0) }, "", ""},
		"a full transfer, and empty": {func(tag byte) []byte { return append(header(2, tag, 4084), long[:4084]...) }, long[:4084], ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			l := newLiar()
			l.answers(c.answer)
			r.plug(l, hw.HighSpeed)
			i := r.open()
			require.Equal(t, c.want, i.read(10_000))
			if c.log != "" {
				require.Contains(t, r.k.Log.Text(), "usbtmc 1-1:1.0: "+c.log)
			}
			if name == "more than said" {
				// the rest is still in the pipe, as on Linux: the next read takes it for an answer
				return
			}
			l.answers(func(tag byte) []byte { return append(header(2, tag, 4), "true"...) })
			require.Equal(t, "true", i.read(10_000))
		})
	}
}

// Whatever an instrument sends, a read gives no more than was asked for and nothing that was not
// sent.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{}, uint16(10))
	f.Add(append(header(2, 1, 3), "abc"...), uint16(2))
	f.Add(header(2, 1, 0xffffffff), uint16(0))
	f.Add(append(header(2, 1, 6000), make([]byte, 6000)...), uint16(7000))
	f.Fuzz(func(t *testing.T, answer []byte, room uint16) {
		r := start(t)
		l := newLiar()
		// the first request's tag is 1
		l.answers(func(byte) []byte { return append([]byte{}, answer...) })
		r.plug(l, hw.HighSpeed)
		i := r.open()
		got := i.read(int(room))
		if got != "" {
			require.True(t, bytes.HasPrefix(answer[12:], []byte(got)), "%q of %q", got, answer)
		}
		require.NoError(t, i.task.Close(i.fd))
	})
}

// A device whose answers to requests make no sense.
func TestWrongStatus(t *testing.T) {
	status := func(b ...byte) func(hw.Setup, []byte) (int, error) {
		return func(_ hw.Setup, data []byte) (int, error) { return copy(data, b), nil }
	}
	// by request: INITIATE_… is answered with success, the check with this
	check := func(b ...byte) func(hw.Setup, []byte) (int, error) {
		return func(s hw.Setup, data []byte) (int, error) {
			if s.Request&1 != 0 {
				return copy(data, []byte{1, byte(s.Value)}), nil
			}
			return copy(data, b), nil
		}
	}
	for _, c := range []struct {
		name    string
		cmd     uint32
		control func(hw.Setup, []byte) (int, error)
		data    []byte // on bulk IN
		err     error
		left    int // of data
	}{
		{"pulse failed", usbtmc.USBTMC_IOCTL_INDICATOR_PULSE, status(0x80), nil, kernel.EPERM, 0},
		{"pulse unknown", usbtmc.USBTMC_IOCTL_INDICATOR_PULSE, func(hw.Setup, []byte) (int, error) { return 0, hw.Stall }, nil, kernel.EPIPE, 0},
		{"pulse empty", usbtmc.USBTMC_IOCTL_INDICATOR_PULSE, status(), nil, kernel.EPERM, 0},
		{"remote empty", usbtmc.USBTMC488_IOCTL_REN_CONTROL, status(), nil, kernel.EIO, 0},
		{"remote failed", usbtmc.USBTMC488_IOCTL_REN_CONTROL, status(0x80), nil, kernel.EIO, 0},
		{"status byte refused", usbtmc.USBTMC_IOCTL_GET_STB, status(0x80), nil, kernel.EIO, 0},
		{"status byte that does not come", usbtmc.USBTMC_IOCTL_GET_STB, status(1), nil, kernel.ETIMEDOUT, 0},
		{"clear failed", usbtmc.USBTMC_IOCTL_CLEAR, status(0x80), nil, kernel.EPERM, 0},
		{"clear that fails later", usbtmc.USBTMC_IOCTL_CLEAR, check(0x80), nil, kernel.EPERM, 0},
		{"clear with data, for ever", usbtmc.USBTMC_IOCTL_CLEAR, check(2, 1), make([]byte, 200*4096), kernel.EPERM, 100 * 4096},
		{"abort in", usbtmc.USBTMC_IOCTL_ABORT_BULK_IN, check(1), make([]byte, 5000), nil, 0},
		{"abort in, nothing there", usbtmc.USBTMC_IOCTL_ABORT_BULK_IN, status(0x80), nil, nil, 0},
		{"abort in, not ready", usbtmc.USBTMC_IOCTL_ABORT_BULK_IN, check(2, 0), []byte{}, kernel.EAGAIN, 0},
		{"abort in, failed", usbtmc.USBTMC_IOCTL_ABORT_BULK_IN, check(0x80), []byte{}, kernel.EPERM, 0},
		{"abort in, refused", usbtmc.USBTMC_IOCTL_ABORT_BULK_IN, status(0x55), nil, kernel.EPERM, 0},
		{"abort in, for ever", usbtmc.USBTMC_IOCTL_ABORT_BULK_IN, check(2, 1), make([]byte, 200*4096), kernel.EPERM, 101 * 4096},
		{"abort out", usbtmc.USBTMC_IOCTL_ABORT_BULK_OUT, check(1), nil, nil, 0},
		{"abort out, failed", usbtmc.USBTMC_IOCTL_ABORT_BULK_OUT, check(0x80), nil, kernel.EPERM, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t)
			l := newLiar()
			r.plug(l, hw.HighSpeed)
			i := r.open()
			i.do(usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(100)...)
			// under the device's lock, as the methods are called
			l.control = func(s hw.Setup, data []byte) (int, error) {
				l.control = c.control
				if c.data != nil {
					l.queue = append(l.queue, c.data)
				}
				return c.control(s, data)
			}
			_, _, err := i.ioctl(c.cmd, 0)
			require.ErrorIs(t, err, c.err)
			left := 0
			for _, b := range l.queue {
				left += len(b)
			}
			require.Equal(t, c.left, left)
		})
	}
}

// An instrument without an interrupt endpoint gives the status byte in its answer, and no service
// requests.
func TestNoInterruptEndpoint(t *testing.T) {
	r := start(t)
	l := newLiar()
	l.mute = true
	l.control = func(s hw.Setup, data []byte) (int, error) {
		if s.Request == 128 {
			return copy(data, []byte{1, byte(s.Value), 0x5a}), nil
		}
		return l.Device.Control(s, data)
	}
	r.plug(l, hw.HighSpeed)
	i := r.open()
	require.Equal(t, []byte{0x5a}, i.do(usbtmc.USBTMC488_IOCTL_READ_STB, 0))
	_, _, err := i.ioctl(usbtmc.USBTMC488_IOCTL_WAIT_SRQ, le32(10)...)
	require.ErrorIs(t, err, kernel.EFAULT)
}

// Nothing comes: the time-out that was set, and an automatic abort. The instrument can be used on.
func TestTimeout(t *testing.T) {
	r := start(t)
	l := newLiar()
	r.plug(l, hw.HighSpeed)
	i := r.open()
	i.do(usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(100)...)
	_, err := i.task.Read(i.fd, make([]byte, 10))
	require.ErrorIs(t, err, kernel.ETIMEDOUT)
	var requests []string
	l.control = func(s hw.Setup, data []byte) (int, error) {
		requests = append(requests, fmt.Sprintf("%d of %#x", s.Request, s.Index))
		return copy(data, []byte{0x80, 0}), nil
	}
	i.do(usbtmc.USBTMC_IOCTL_AUTO_ABORT, 1)
	_, err = i.task.Read(i.fd, make([]byte, 10))
	require.ErrorIs(t, err, kernel.ETIMEDOUT)
	require.Equal(t, []string{"3 of 0x81"}, requests)

	l.out = func([]byte) ([]byte, error) { return nil, hw.Stall }
	_, err = i.task.Write(i.fd, []byte("refused"))
	require.ErrorIs(t, err, kernel.EPIPE)
	require.Equal(t, []string{"3 of 0x81", "1 of 0x2"}, requests)
	require.Contains(t, r.k.Log.Text(), "Unable to send data, error -32")
	i.do(usbtmc.USBTMC_IOCTL_CLEAR_OUT_HALT)
	l.answers(func(tag byte) []byte { return append(header(2, tag, 2), "ok"...) })
	require.Equal(t, "ok", i.read(10))
}

// An instrument that notifies without end, sense or both takes no more than its share.
func TestNoise(t *testing.T) {
	for name, noise := range map[string][]byte{"service requests": {0x81, 0x42}, "no sense": {0, 0}, "half": {0x81}, "status bytes": {0x85, 0x42}, "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			l := newLiar()
			l.noise = noise
			l.answers(func(tag byte) []byte { return append(header(2, tag, 2), "ok"...) })
			r.plug(l, hw.HighSpeed)
			i := r.open()
			require.Equal(t, "ok", i.read(10))
			if name == "service requests" {
				i.do(usbtmc.USBTMC488_IOCTL_WAIT_SRQ, le32(10_000)...)
				require.Equal(t, []byte{0x42}, i.do(usbtmc.USBTMC_IOCTL_GET_SRQ_STB, 0))
			}
			require.NoError(t, i.task.Close(i.fd))
			require.NoError(t, r.k.Init().DeleteModule("usbtmc", kernel.O_NONBLOCK))
		})
	}
}

// An instrument that takes nothing: sixteen transfers wait, then it is EAGAIN or the time-out.
func TestBusy(t *testing.T) {
	r := start(t)
	l := newLiar()
	busy := true
	var took int
	l.out = func(b []byte) ([]byte, error) {
		if busy {
			return nil, hw.NAK
		}
		took += len(b)
		return nil, nil
	}
	r.plug(l, hw.HighSpeed)
	i := r.open()
	i.do(usbtmc.USBTMC_IOCTL_SET_TIMEOUT, le32(100)...)
	big := make([]byte, 20*4096)
	b := i.do(usbtmc.USBTMC_IOCTL_WRITE, message(uint32(len(big)), usbtmc.FlagAsync, big...)...)
	require.EqualValues(t, 16*4096, binary.LittleEndian.Uint32(b[4:]))
	_, b, err := i.ioctl(usbtmc.USBTMC_IOCTL_WRITE, message(4, usbtmc.FlagAsync|usbtmc.FlagAppend, big...)...)
	require.ErrorIs(t, err, kernel.EAGAIN)
	require.Zero(t, binary.LittleEndian.Uint32(b[4:]))
	_, err = i.task.Write(i.fd, []byte("*IDN?"))
	require.ErrorIs(t, err, kernel.EBUSY)
	require.Zero(t, i.poll(0))
	_, _, err = i.ioctl(usbtmc.USBTMC_IOCTL_WRITE, message(4, usbtmc.FlagAppend, big...)...)
	require.ErrorIs(t, err, kernel.ETIMEDOUT)
	i.do(usbtmc.USBTMC_IOCTL_CLEANUP_IO)
	require.Equal(t, kernel.PollOut, i.poll(0))
	_, err = i.task.Write(i.fd, big)
	require.ErrorIs(t, err, kernel.ETIMEDOUT)
	i.do(usbtmc.USBTMC_IOCTL_CLEANUP_IO)
	busy = false // all are idle again
	b = i.do(usbtmc.USBTMC_IOCTL_WRITE, message(uint32(len(big)), 0, big...)...)
	require.EqualValues(t, len(big), binary.LittleEndian.Uint32(b[4:]))
	require.Equal(t, len(big), took)
}
