//go:build linux

package host

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// collect keeps what a telnet parser finds.
type collect struct {
	bytes.Buffer
	subs, opts, cmds int
	longest          int
}

func (c *collect) data(p []byte)    { c.Write(p) }
func (c *collect) option(_, _ byte) { c.opts++ }
func (c *collect) command(byte)     { c.cmds++ }
func (c *collect) sub(_ byte, a []byte) {
	c.subs++
	c.longest = max(c.longest, len(a))
}

var hostile = [][]byte{
	{},
	[]byte("plain"),
	{tnIAC},
	{tnIAC, tnIAC},
	{tnIAC, tnSB, optComPort, cpSetBaud, 0, 0, tnIAC, tnSE},
	{tnIAC, tnSB, optComPort, cpSetBaud, 0, 0, tnIAC, tnIAC, 0x80, tnIAC, tnSE, 'x'},
	{tnIAC, tnSB, optComPort, tnIAC, tnSE},
	{tnIAC, tnSB, tnIAC, tnSE},
	{tnIAC, tnSB, optComPort, cpSetControl, tnIAC, tnDO, optComPort},
	{tnIAC, tnDO, optComPort, tnIAC, tnWILL, optComPort, tnIAC, tnDONT, 0, tnIAC, tnWONT, 1},
	{'a', '\r', 0, '\r', '\n', tnIAC, tnNOP, 0, '\r', tnIAC, tnIAC, 0},
	{tnIAC, tnSB, optComPort, cpPurge, 3, tnIAC, tnSE, tnIAC, tnSB, optComPort, cpSuspend, tnIAC, tnSE},
}

// Any bytes, in any pieces, are taken apart without harm and the same way.
func FuzzTelnet(f *testing.F) {
	for _, b := range hostile {
		f.Add(b, 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		piece = max(1, piece%64)
		var whole, parts collect
		var tw, tp telnet
		tw.parse(in, &whole)
		for i := 0; i < len(in); i += piece {
			tp.parse(in[i:min(len(in), i+piece)], &parts)
		}
		require.Equal(t, whole.Bytes(), parts.Bytes())
		require.Equal(t, []int{whole.subs, whole.opts, whole.cmds}, []int{parts.subs, parts.opts, parts.cmds})
		require.LessOrEqual(t, whole.longest, maxSub)
		require.LessOrEqual(t, whole.Len(), len(in))

		// Escaped data comes back as it was.
		tb := telnet{binary: true}
		var back collect
		tb.parse(escape(nil, in), &back)
		require.True(t, bytes.Equal(in, back.Bytes()))
		require.Zero(t, back.subs+back.opts+back.cmds)
	})
}

// A server survives any client, answers a bounded amount, and goes on to serve the next one.
func FuzzServer2217(f *testing.F) {
	for _, b := range hostile {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.Count(in, []byte{tnIAC, tnBRK}) > 0 {
			return // takes its quarter second each
		}
		a, b := serial.NullModem(serial.Max)
		c, s := net.Pipe()
		ss := &session2217{c: s, conn: a, modemMask: defaultModemMask, mode: serial.DefaultMode, signature: "fuzz"}
		done := make(chan error, 1)
		go func() { done <- ss.run(context.Background(), func() {}) }()
		got := make(chan int, 1)
		go func() {
			n := 0
			buf := make([]byte, 4096)
			for {
				k, err := c.Read(buf)
				n += k
				if err != nil {
					got <- n
					return
				}
			}
		}()
		go func() {
			buf := make([]byte, 4096)
			for {
				if _, err := b.Read(buf); err != nil {
					return
				}
			}
		}()
		c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, err := c.Write(in)
		require.NoError(t, err)
		c.Close()
		require.LessOrEqual(t, <-got, 200+10*len(in))
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(5 * time.Second):
			t.Fatal("the session did not end")
		}
		require.Zero(t, ss.out)
		b.Close()
		a.Close()
	})
}

func FuzzMarks(f *testing.F) {
	f.Add([]byte("a\xff\xffb\xff\x00c\xff\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		tt := &TTY{marks: true, in: bytes.Clone(in)}
		p := make([]byte, 7)
		left := len(in)
		for {
			n, f := tt.parse(p)
			if n == 0 {
				break
			}
			require.True(t, f == 0 || n == 1)
			require.Less(t, len(tt.in), left)
			left = len(tt.in)
		}
		require.LessOrEqual(t, left, 2, "only the beginning of a mark stays")
	})
}

// Two ends that both offer and ask for everything agree, and fall silent.
func TestOptionsFallSilent(t *testing.T) {
	for _, accept := range []func(byte) bool{common, func(byte) bool { return false }, func(byte) bool { return true }} {
		ends := [2]options{{may: common}, {may: accept}}
		var queue [2][][]byte // to end i
		for i := range ends {
			for opt := range byte(50) {
				if ends[i].may(opt) {
					queue[1-i] = append(queue[1-i], ends[i].offer(tnWILL, opt), ends[i].offer(tnDO, opt))
				}
			}
		}
		n := 0
		for len(queue[0])+len(queue[1]) > 0 {
			for i := range ends {
				if len(queue[i]) == 0 {
					continue
				}
				b := queue[i][0]
				queue[i] = queue[i][1:]
				if r := ends[i].answer(b[1], b[2]); r != nil {
					queue[1-i] = append(queue[1-i], r)
				}
			}
			if n++; n > 2000 {
				t.Fatal("they talk for ever")
			}
		}
		for opt := range 256 {
			require.Equal(t, ends[0].us[opt], ends[1].them[opt], "option %d", opt)
			require.Equal(t, ends[0].them[opt], ends[1].us[opt], "option %d", opt)
		}
	}
}
