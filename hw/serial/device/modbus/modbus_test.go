package modbus

import (
	"context"
	"encoding/binary"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
	"github.com/stretchr/testify/require"
)

func TestCRC(t *testing.T) {
	require.Equal(t, uint16(0xcdc5), CRC([]byte{0x01, 0x03, 0x00, 0x00, 0x00, 0x0a}), "01 03 00 00 00 0A is followed by C5 CD")
	require.Equal(t, uint16(0x1241), CRC([]byte{0x02, 0x07}), "the specification's example, sent 41 12")
}

func TestHandle(t *testing.T) {
	s := New(1, 16)
	s.SetHolding(0, 0x1234)
	s.SetHolding(1, 0x00f2)
	s.SetInput(2, 7)
	s.SetCoil(0, true)
	s.SetCoil(9, true)
	s.SetDiscrete(3, true)
	for _, c := range []struct{ name, req, want string }{
		{"coils", "\x01\x00\x00\x00\x0a", "\x01\x02\x01\x02"},
		{"discrete inputs", "\x02\x00\x03\x00\x01", "\x02\x01\x01"},
		{"holding", "\x03\x00\x00\x00\x02", "\x03\x04\x12\x34\x00\xf2"},
		{"input", "\x04\x00\x02\x00\x01", "\x04\x02\x00\x07"},
		{"write coil", "\x05\x00\x01\xff\x00", "\x05\x00\x01\xff\x00"},
		{"write coil, bad value", "\x05\x00\x01\x00\x01", "\x85\x03"},
		{"write register", "\x06\x00\x05\xab\xcd", "\x06\x00\x05\xab\xcd"},
		{"echo", "\x08\x00\x00\xa5\x37", "\x08\x00\x00\xa5\x37"},
		{"write coils", "\x0f\x00\x04\x00\x0a\x02\xcd\x01", "\x0f\x00\x04\x00\x0a"},
		{"write registers", "\x10\x00\x0e\x00\x02\x04\x00\x0a\x01\x02", "\x10\x00\x0e\x00\x02"},
		{"mask write", "\x16\x00\x01\x00\xf2\x00\x25", "\x16\x00\x01\x00\xf2\x00\x25"},
		{"masked", "\x03\x00\x01\x00\x01", "\x03\x02\x00\xf7"},
		{"read and write", "\x17\x00\x0e\x00\x02\x00\x0f\x00\x01\x02\xbe\xef", "\x17\x04\x00\x0a\xbe\xef"},
		{"beyond the table", "\x03\x00\x0f\x00\x02", "\x83\x02"},
		{"far beyond", "\x03\xff\xff\x00\x7d", "\x83\x02"},
		{"too many", "\x03\x00\x00\x00\x7e", "\x83\x03"},
		{"none", "\x01\x00\x00\x00\x00", "\x81\x03"},
		{"short", "\x03\x00", "\x83\x03"},
		{"count does not fit", "\x10\x00\x00\x00\x02\x02\x00\x0a", "\x90\x03"},
		{"unknown function", "\x2b\x0e\x01\x00", "\xab\x01"},
		{"unknown sub-function", "\x08\x00\x01\x00\x00", "\x88\x01"},
	} {
		require.Equal(t, c.want, string(s.Handle([]byte(c.req))), c.name)
	}
	require.Equal(t, uint16(0xabcd), s.Holding(5))
	require.True(t, s.Coil(1))
	require.True(t, s.Coil(12))
	s.Fail(DeviceFailure)
	require.Equal(t, "\x83\x04", string(s.Handle([]byte("\x03\x00\x00\x00\x01"))))
}

func frame(addr byte, pdu string) []byte {
	b := append([]byte{addr}, pdu...)
	return binary.LittleEndian.AppendUint16(b, CRC(b))
}

// On the wire, at its speed: one frame, two at once, one in pieces, a damaged one, somebody else's,
// a broadcast.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dte, dce := serial.NullModem(serial.Paced)
		s := New(7, 10)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx, dce) }()
		synctest.Wait()
		m := dce.Mode()
		require.Equal(t, "19200 8E1", m.String())
		dte.SetMode(m)
		ask := func(want int, frames ...[]byte) []byte {
			for _, f := range frames {
				dte.Write(f)
			}
			dte.SetReadDeadline(time.Now().Add(time.Second))
			b := make([]byte, 64)
			n, _ := io.ReadFull(dte, b[:want])
			return b[:n]
		}
		write := frame(7, "\x06\x00\x05\x12\x34")
		start := time.Now()
		require.Equal(t, write, ask(8, write))
		require.Equal(t, m.CharTime(8)*2, time.Since(start), "an answer costs the line time of both frames")
		require.Equal(t, append(write, write...), ask(16, write, write))
		dte.Write(write[:3])
		time.Sleep(m.CharTime(4)) // a pause of one character
		require.Equal(t, write, ask(8, write[3:]))
		bad := append([]byte{}, write...)
		bad[3] ^= 1
		require.Empty(t, ask(8, bad))
		require.Equal(t, write, ask(8, write), "the slave has found the beginning again")
		require.Empty(t, ask(8, frame(8, "\x06\x00\x05\x00\x00")))
		require.Empty(t, ask(8, frame(0, "\x06\x00\x05\x00\x2a")))
		require.Equal(t, uint16(42), s.Holding(5))
		require.Equal(t, frame(7, "\xab\x01"), ask(5, frame(7, "\x2b\x0e\x01\x00")))
		require.Empty(t, ask(8, write[:5]), "half a frame")
		require.Equal(t, write, ask(8, write))
		_, n := s.Counts()
		require.EqualValues(t, 2, n)
		cancel()
		require.NoError(t, <-done)
	})
}

func FuzzSlave(f *testing.F) {
	f.Add([]byte("\x03\x00\x00\x00\x02"))
	f.Add([]byte("\x17\x00\x0e\x00\x02\x00\x0f\x00\x01\x02\xbe\xef"))
	f.Add([]byte("\x10\xff\xff\x00\x02\x04\x00\x0a\x01\x02"))
	f.Fuzz(func(t *testing.T, req []byte) {
		r := New(1, 16).Handle(req)
		require.GreaterOrEqual(t, len(r), 2)
		require.LessOrEqual(t, len(r), max(253, len(req)))
		requestLen(req)
	})
}

// mbpoll, a real master, through a pty.
func TestMbpoll(t *testing.T) {
	mbpoll, err := exec.LookPath("mbpoll")
	if err != nil {
		t.Skip("mbpoll is not installed (Debian package mbpoll)")
	}
	p, err := host.OpenPTY(filepath.Join(t.TempDir(), "ttyS5"))
	if err != nil {
		t.Skipf("no pty here: %v", err)
	}
	a, b := serial.NullModem(serial.Max)
	a.SetAuto(true)
	b.SetAuto(true)
	s := New(3, 100)
	s.SetHolding(9, 4711)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- p.Serve(ctx, a) }()
	go func() { done <- s.Run(ctx, b) }()
	defer func() {
		cancel()
		<-done
		<-done
		p.Close()
	}()
	run := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		args = append([]string{"-m", "rtu", "-a", "3", "-b", "19200", "-P", "none", "-1"}, args...)
		out, err := exec.CommandContext(ctx, mbpoll, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	require.Regexp(t, `\[10\]:\s+4711`, run("-r", "10", "-c", "1", p.Path()))
	require.Contains(t, run("-r", "20", p.Path(), "--", "815"), "Written 1 reference")
	require.Equal(t, uint16(815), s.Holding(19))
}
