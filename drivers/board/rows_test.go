package board

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the lists of kinds in doc.go anew")

// The package's comment has the rows' lists.
func TestDoc(t *testing.T) {
	b, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	text := string(b)
	for _, c := range []struct{ title, list string }{{"# Lines", LineHelp()}, {"# USB devices", USBHelp()}} {
		head := "// " + c.title + "\n//\n"
		before, rest, ok := strings.Cut(text, head)
		require.True(t, ok, c.title)
		_, after, ok := strings.Cut(rest, "\n//\n")
		require.True(t, ok, c.title)
		text = before + head + "//\t" + strings.ReplaceAll(strings.TrimSuffix(c.list, "\n"), "\n", "\n//\t") + "\n//\n" + after
	}
	if *update {
		require.NoError(t, os.WriteFile("doc.go", []byte(text), 0o644))
		return
	}
	require.Equal(t, text, string(b), "doc.go is not what the rows say: go test ./drivers/board -run TestDoc -update")
}

// Every kind of line is read as its row says, and knows when a board is wrong.
func TestLineKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range lineKinds() {
		t.Run(k.name, func(t *testing.T) {
			require.False(t, seen[k.name])
			seen[k.name] = true
			require.NotEmpty(t, k.about)
			parse := func(line string) (Line, error) {
				b, err := Parse("x.yaml", fmt.Appendf(nil, "uarts:\n  - {io: 0x3f8, irq: 4, line: %s}\n  - {io: 0x2f8, irq: 4}\n  - {io: 0x3e8, irq: 4}\n", line))
				if err != nil {
					return nil, err
				}
				return b.UARTs[0].Line, nil
			}
			if k.word != "" {
				_, err := parse(k.name)
				require.ErrorContains(t, err, k.name+": want a name, such as {"+k.name+": "+k.word+"}")
				line, err := parse("{" + k.name + ": \"" + k.word + "\"}")
				require.NoError(t, err)
				require.True(t, strings.HasPrefix(line.String(), k.name), line.String())
				require.True(t, strings.HasSuffix(line.String(), k.word), line.String())
				return
			}
			if k.form != "" {
				_, err := parse(k.name)
				require.ErrorContains(t, err, k.name+": want more, such as {"+k.usage()+"}")
				if k.name != "table" { // its file is not there
					_, err = parse("{" + k.usage() + "}")
					require.NoError(t, err)
				}
				_, err = parse("{" + k.name + ": {nosuch: 1}}")
				require.ErrorContains(t, err, "nosuch")
				return
			}
			line, err := parse(k.name)
			require.NoError(t, err)
			require.Equal(t, k.name, line.String())
			if k.make == nil {
				return
			}
			require.NotSame(t, line.(*Attached).New(), line.(*Attached).New(), "two machines of one board share no device")
			_, err = parse("{" + k.name + ": {nosuch: 1}}")
			require.ErrorContains(t, err, `unknown field "nosuch"`)
		})
	}
}

// Every device that says how it can be asked answers, on a line of its own.
func TestProbes(t *testing.T) {
	for _, k := range lineKinds() {
		if k.make == nil || k.word != "" || k.form != "" {
			continue
		}
		dev := k.make("")
		p, ok := dev.(Prober)
		if !ok {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			near, far := serial.Straight(serial.Max)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			require.NoError(t, near.SetMode(serial.DefaultMode))
			if f, ok := dev.(Formatted); ok {
				require.NoError(t, near.SetMode(f.Format()))
				// before it runs, so that nothing is garbled
				require.NoError(t, far.SetMode(f.Format()))
			}
			require.NoError(t, near.SetSignals(serial.DTEOutputs, serial.DTEOutputs))
			go func() { ended <- dev.Run(ctx, far) }()
			ask, answered, want := p.Probe()
			require.NotEmpty(t, want)
			_, err := near.Write(ask)
			require.NoError(t, err)
			var got []byte
			for buf := make([]byte, 256); !answered(got); {
				n, err := near.Read(buf)
				require.NoError(t, err, "%q", got)
				got = append(got, buf[:n]...)
			}
			stop()
			require.NoError(t, <-ended)
		})
	}
}

// Every kind of USB device refuses the keys that it does not take; those that are made here answer
// a bus at their speed.
func TestUSBKinds(t *testing.T) {
	example := map[string]string{"line": "loopback", "serial": "X", "id": "X", "ports": "2", "from": "x"}
	for _, k := range usbKinds() {
		t.Run(k.name, func(t *testing.T) {
			require.NotEmpty(t, k.about)
			for _, key := range USBKeys() {
				_, err := ParseUSB("device", fmt.Appendf(nil, "{device: %s, %s: %s}", k.name, key.Name, example[key.Name]), HostFiles)
				if !k.has(key.Name) {
					require.ErrorContains(t, err, k.name+" has no "+key.Name)
				} else {
					require.NoError(t, err)
				}
			}
			if k.from != "" {
				return
			}
			d, err := ParseUSB("device", []byte("{device: "+k.name+"}"), HostFiles)
			require.NoError(t, err)
			m := (&Board{Name: "x", Speed: serial.Max}).Power(kernel.Config{})
			p, err := m.Plug(d)
			require.NoError(t, err)
			require.Equal(t, k.speed, p.Speed)
			require.NotEqual(t, hw.UnknownSpeed, p.Speed)
			require.NoError(t, m.Close())
		})
	}
}
