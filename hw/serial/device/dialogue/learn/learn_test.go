package learn

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/device/dialogue"
	"github.com/kobench/kobench/hw/serial/record"
	"github.com/stretchr/testify/require"
)

// What was learned says what was recorded, and knows what varies.
func TestLearn(t *testing.T) {
	for _, c := range []struct {
		name, script string
		marks        []string    // in the table
		talk         [][2]string // asked, and what it must answer; asked "" only waits
	}{
		{
			"constants and counters", "w 0 ID^M\nr 20 ACME {1}^M^J\nw 100 N^M\nr 3 n=007 ok^M^J\nw 90 N^M\nr 3 n=009 ok^M^J\nw 90 N^M\nr 3 n=011 ok^M^J\nw 9 QUIET^M\n",
			[]string{"delay: 20ms", "# counter: 007, 009"},
			[][2]string{{"ID\r", "ACME {1}\r\n"}, {"N\r", "n=007 ok\r\n"}, {"QUIET\r", ""}, {"N\r", "n=009 ok\r\n"}, {"N\r", "n=011 ok\r\n"}, {"N\r", "n=013 ok\r\n"}},
		},
		{
			"values in turn", "w 0 T^M\nr 3 21.5 C^M\nw 90 T^M\nr 3 21.7 C^M\nw 90 T^M\nr 3 20.1 C^M\nw 9 S^M\nr 3 on^M\nw 9 S^M\nr 3 off^M\n",
			[]string{"# varies: 21.5, 21.7", "# varies: the recorded answers in turn"},
			[][2]string{{"T\r", "21.5 C\r"}, {"T\r", "21.7 C\r"}, {"T\r", "20.1 C\r"}, {"T\r", "21.5 C\r"}, {"S\r", "on\r"}, {"S\r", "off\r"}, {"S\r", "on\r"}},
		},
		{
			"bytes with a CRC", "w 0 ^A^C^@^@^@^A\x84^J\nr 3 ^A^C^B^@^A\x79\x84\n", []string{"check: modbus", "01 03 00 00 00 01", "01 03 02 00 01"},
			[][2]string{{"\x01\x03\x00\x00\x00\x01\x84\x0a", "\x01\x03\x02\x00\x01\x79\x84"}},
		},
		{
			"sentences unasked", "r 1000 $GPX,120000.00,5*57^M^J\nr 1000 $GPX,120001.00,5*56^M^J\nr 1000 $GPX,120002.00,5*55^M^J\n",
			[]string{"every: 1s", "check: nmea", "# time: 120000.00"}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := record.ParseScript(strings.NewReader(c.script))
			require.NoError(t, err)
			text, err := Table("x.script", s)
			require.NoError(t, err)
			for _, m := range c.marks {
				require.Contains(t, string(text), m)
			}
			synctest.Test(t, func(t *testing.T) {
				tab, err := dialogue.Parse("x.yaml", "", text)
				require.NoError(t, err)
				dte, dce := serial.Straight(serial.Max)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- tab.New().Run(ctx, dce) }()
				synctest.Wait()
				for _, x := range c.talk {
					_, err := dte.Write([]byte(x[0]))
					require.NoError(t, err)
					require.NoError(t, dte.SetReadDeadline(time.Now().Add(time.Minute)))
					got, buf := "", make([]byte, 1)
					for len(got) < len(x[1]) {
						n, err := dte.Read(buf)
						require.NoError(t, err, "%s: so far %q\n%s", x[0], got, text)
						got += string(buf[:n])
					}
					require.Equal(t, x[1], got, "%s", text)
				}
				stop()
				require.NoError(t, <-done)
			})
		})
	}
	_, err := Table("x.script", record.Script{{Op: 'w', Data: []byte("x")}})
	require.ErrorContains(t, err, "the device said nothing")
}

func FuzzTable(f *testing.F) {
	f.Add("w 0 A^M\nr 3 1^M\nw 0 A^M\nr 3 2^M\n")
	f.Add("r 0 {x}%d\"'^@\nr 0 {y}\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := record.ParseScript(strings.NewReader(text))
		if err != nil || len(text) > 4096 {
			return
		}
		if _, err := Table("x", s); err != nil {
			require.NotContains(t, err.Error(), "cannot be read", "%q", text)
		}
	})
}

// A recording of a line is read from both formats, and another capture is refused.
func TestRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dte, dce := serial.Straight(serial.Paced)
		r := record.Start(dte)
		for range 2 {
			_, err := dte.Write([]byte("ID\r"))
			require.NoError(t, err)
			time.Sleep(50 * time.Millisecond)
			_, err = dce.Write([]byte("ACME\r\n"))
			require.NoError(t, err)
			time.Sleep(100 * time.Millisecond)
		}
		require.NoError(t, r.Stop())
		var b bytes.Buffer
		require.NoError(t, r.Trace().WritePcapng(&b))
		s, err := Read(&b)
		require.NoError(t, err)
		text, err := Table("x.pcapng", s)
		require.NoError(t, err)
		require.Contains(t, string(text), `when: {text: "ID"}`)
		require.Contains(t, string(text), `say: ["ACME"]`)
	})
	_, err := Read(strings.NewReader("x 0 y\n"))
	require.ErrorContains(t, err, "script: line 1")
	_, err = Read(strings.NewReader("\x0a\x0d\x0d\x0ajunk"))
	require.Error(t, err)
}
