package record

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

// packets are the packets of a pcapng file.
func packets(t *testing.T, b []byte) (all []string) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	for {
		data, info, err := r.ReadPacketData()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			return all
		}
		all = append(all, info.Timestamp.String()+" "+string(data))
	}
}

// What is written as it happens is what would be written at the end.
func TestStreamIsTheTrace(t *testing.T) {
	for name, f := range map[string]Format{"x.script": FormatScript, "x.pcapng": FormatPcapng, "x.vcd": FormatVCD} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, f, FormatOf(name))
			var streamed, whole bytes.Buffer
			tr := dialogue(t, "9600 8E1", func(p *serial.Port) func() {
				r, err := Stream(p, &streamed, f, 1<<20, func(err error) { t.Errorf("failed: %v", err) })
				require.NoError(t, err)
				return func() {
					err := r.Stop()
					if f == FormatScript {
						var no *NoPlace
						require.ErrorAs(t, err, &no)
						return
					}
					require.NoError(t, err)
				}
			})
			_, err := tr.write(&whole, f, "")
			require.NoError(t, err)
			if f == FormatPcapng {
				require.Equal(t, packets(t, whole.Bytes()), packets(t, streamed.Bytes()))
			} else {
				require.Equal(t, whole.String(), streamed.String())
			}
		})
	}
}

// disk is a writer with room for some bytes.
type disk struct {
	mu   sync.Mutex
	room int
	b    bytes.Buffer
}

var errFull = errors.New("no space left on device")

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, _ := d.b.Write(p[:min(len(p), d.room)])
	if d.room -= n; n < len(p) {
		return n, errFull
	}
	return n, nil
}

func (d *disk) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.String()
}

// storm sends n bytes over a looped line without time.
func storm(t *testing.T, p *serial.Port, n int) {
	t.Helper()
	chunk := make([]byte, 1024)
	for ; n > 0; n -= len(chunk) {
		_, err := p.Write(chunk)
		require.NoError(t, err)
		_, err = io.ReadFull(p, chunk)
		require.NoError(t, err)
	}
}

// A disk that is full ends the recording at once, and says so; the line goes on.
func TestStreamStopsAtTheFirstError(t *testing.T) {
	for _, f := range []Format{FormatScript, FormatPcapng, FormatVCD} {
		synctest.Test(t, func(t *testing.T) {
			p := serial.Loopback(serial.Max)
			d := &disk{room: 10_000}
			told := make(chan error, 9)
			r, err := Stream(p, d, f, 1<<30, func(err error) { told <- err })
			require.NoError(t, err)
			storm(t, p, 1<<20)
			require.ErrorIs(t, <-told, errFull)
			require.ErrorIs(t, r.Stop(), errFull)
			require.Empty(t, told)
			require.Len(t, d.text(), 10_000)
		})
	}
	_, err := Stream(serial.Loopback(serial.Max), &disk{}, FormatPcapng, 1<<20, nil)
	require.NoError(t, err, "what is buffered fails later")
}

// A recording has an end, and the file can be read all the same.
func TestStreamIsBounded(t *testing.T) {
	const limit = 100_000
	for _, f := range []Format{FormatScript, FormatPcapng, FormatVCD} {
		synctest.Test(t, func(t *testing.T) {
			p := serial.Loopback(serial.Max)
			d := &disk{room: 1 << 30}
			told := make(chan error, 9)
			r, err := Stream(p, d, f, limit, func(err error) { told <- err })
			require.NoError(t, err)
			storm(t, p, 1<<20)
			full := (*Full)(nil)
			require.ErrorAs(t, <-told, &full)
			require.ErrorAs(t, r.Stop(), &full)
			require.Empty(t, told)
			require.Less(t, len(d.text()), 40*limit, "the limit, and what was held back")
			switch f {
			case FormatScript:
				s, err := ParseScript(strings.NewReader(d.text()))
				require.NoError(t, err)
				require.NotEmpty(t, s)
			case FormatPcapng:
				require.NotEmpty(t, packets(t, []byte(d.text())))
			}
		})
	}
}

// A line with time is recorded in order, whichever end was ahead.
func TestStreamOrdersTheLevels(t *testing.T) {
	var b bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		dte, dce := serial.Straight(serial.Paced)
		r, err := Stream(dte, &b, FormatVCD, 1<<20, nil)
		require.NoError(t, err)
		dte.Write(make([]byte, 1000)) // a second ahead
		time.Sleep(100 * time.Millisecond)
		dce.Write(make([]byte, 10))
		time.Sleep(2 * time.Second)
		require.NoError(t, r.Stop())
	})
	last := -1
	for _, line := range strings.Split(b.String(), "\n") {
		if at, ok := strings.CutPrefix(line, "#"); ok {
			n := 0
			for _, c := range at {
				n = 10*n + int(c-'0')
			}
			require.Greater(t, n, last)
			last = n
		}
	}
	require.Greater(t, last, 1_000_000_000)
}
