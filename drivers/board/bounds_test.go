package board

import (
	"runtime"
	"strings"
	"testing"

	"github.com/kobench/kobench/hw/bounds"
	"github.com/stretchr/testify/require"
)

// What a parser would need gigabytes for is refused before it sees it.
func TestCheckYAML(t *testing.T) {
	const n = 30000
	for name, text := range map[string]string{
		"sequences":     strings.Repeat("[", 2*n),
		"mappings":      strings.Repeat("{a: ", n),
		"mixed":         strings.Repeat("[a, {b: ", n),
		"dashes":        strings.Repeat("- ", n),
		"question":      strings.Repeat("? ", n),
		"tags":          strings.Repeat("! ", n),
		"in quotes too": "name: \"" + strings.Repeat("[", n) + "\"",
		"keys":          strings.Repeat("a1: b\n", n),
		"flow keys":     "{" + strings.Repeat("a: b,", n) + "}",
		"indented":      "a:\n" + strings.Repeat(" ", n) + "b: c\n",
		"aliases":       "a: &a [x]\nb: [" + strings.Repeat("*a, ", 20) + "]",
		"long":          strings.Repeat("x", bounds.MaxText+1),
	} {
		t.Run(name, func(t *testing.T) {
			for _, parse := range []func() error{
				func() error { _, err := Parse("x.yaml", []byte(text)); return err },
				func() error { _, err := ParseUSB("device", []byte(text), HostFiles); return err },
			} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := parse()
				runtime.ReadMemStats(&after)
				var e *Error
				require.ErrorAs(t, err, &e)
				require.Regexp(t, "want at most|more than", e.Msg)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
			}
		})
	}
	for name, text := range map[string]string{
		"deep enough": strings.Repeat("[", 32) + strings.Repeat("]", 32),
		"a rule":      "# " + strings.Repeat("-", 100) + "\n#" + strings.Repeat("=", 300) + "\n",
		"questions":   "a:\n" + strings.Repeat("  - {when: \"*IDN?\", say: x}\n", 100),
		"many lists":  strings.Repeat("- {a: [1, 2], b: c}\n", 1000),
	} {
		require.NoError(t, CheckYAML("x.yaml", []byte(text)), name)
	}
}

// FuzzParseUSB is what comes over the socket.
func FuzzParseUSB(f *testing.F) {
	for _, s := range []string{
		"device: ftdi\nline: {gps: {lat: 52.5}}\nfaults: crc=0.01\nseed: 42\n", "{device: hub, ports: 4}", "{\"device\": \"cdc-acm\", \"line\": \"loopback\"}",
		"device: replay\nfrom: a#1.2\n", "a: &a [*a]\n", "device: &d ftdi\nserial: *d\n", "{device: ftdi, line: {tcp: [a]}}", "!!int ftdi", "- - - x\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := ParseUSB("device", text, HostFiles)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Positive(t, e.Line)
			require.Positive(t, e.Col)
			return
		}
		kind, ok := new(kinds).usbOf(d.Kind)
		require.True(t, ok)
		require.Equal(t, kind.has("line"), d.Line != nil)
		require.NotEmpty(t, d.String())
	})
}
