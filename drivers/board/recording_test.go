package board

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/drivers/catalog"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// recorded boots a looped port whose line is recorded to file.
func recorded(t *testing.T, file string) *Machine {
	t.Helper()
	b, err := Parse("x.yaml", []byte("speed: max\nmodules: [\"8250\"]\nuarts:\n  - {io: 0x3f8, irq: 4, line: loopback, record: "+file+"}\n"))
	require.NoError(t, err)
	m := b.Power(kernel.Config{Catalog: catalog.All()})
	require.NoError(t, m.LoadModules())
	return m
}

// thereAndBack sends what over the looped port and waits for it.
func thereAndBack(t *testing.T, m *Machine, what string) {
	t.Helper()
	conn, err := terminal.Open(m.Kernel, "/dev/ttyS0", serial.Format8N1(9600))
	require.NoError(t, err)
	_, err = conn.Write([]byte(what))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	got := ""
	for len(got) < len(what) {
		buf := make([]byte, 512)
		n, err := conn.Read(buf)
		require.NoError(t, err, "so far %q", got)
		got += string(buf[:n])
	}
	require.Equal(t, what, got)
	require.NoError(t, conn.Close())
}

// A recording takes its place when the machine ends, unless that has never come up.
func TestRecordingTakesItsPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "line.script")
	require.NoError(t, os.WriteFile(file, []byte("w 0 precious\n"), 0o600))
	content := func() string {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(b)
	}
	m := recorded(t, file)
	thereAndBack(t, m, "hello")
	require.Equal(t, "w 0 precious\n", content(), "not yet")
	m.Discard()
	require.NoError(t, m.Close())
	require.Equal(t, "w 0 precious\n", content())
	_, err := os.Stat(file + ".part")
	require.ErrorIs(t, err, fs.ErrNotExist)

	m = recorded(t, file)
	thereAndBack(t, m, "hello")
	require.NoError(t, m.Close())
	require.Contains(t, content(), "hello")
	_, err = os.Stat(file + ".part")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Empty(t, m.Problems())
}

// A recording that cannot begin, or cannot go on, is said while the machine is up.
func TestRecordingThatFails(t *testing.T) {
	m := recorded(t, filepath.Join(t.TempDir(), "no", "such", "place.script"))
	thereAndBack(t, m, "hello")
	require.Len(t, m.Problems(), 1)
	require.Contains(t, m.Problems()[0], "ttyS0: record: ")
	require.NoError(t, m.Close())

	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	full := filepath.Join(t.TempDir(), "full.script")
	require.NoError(t, os.Symlink("/dev/full", full))
	m = recorded(t, full)
	thereAndBack(t, m, strings.Repeat("hello", 1000))
	require.Eventually(t, func() bool { return len(m.Problems()) == 1 }, time.Minute, time.Millisecond)
	require.Equal(t, "ttyS0: record "+full+" has ended: no space left on device", m.Problems()[0])
	require.ErrorContains(t, m.Close(), "record "+full+": no space left on device")
}

// What was recorded of a program can be played to it again.
func TestRecordingIsReplayed(t *testing.T) {
	// more than a chip holds: the driver splits it around its echo
	what := strings.Repeat("there and back, ", 40)
	file := filepath.Join(t.TempDir(), "line.script")
	m := recorded(t, file)
	thereAndBack(t, m, what)
	require.NoError(t, m.Close())
	b, err := Parse("x.yaml", []byte("speed: max\nmodules: [\"8250\"]\nuarts:\n  - {io: 0x3f8, irq: 4, line: {replay: "+file+"}}\n"))
	require.NoError(t, err)
	for range 20 {
		m = b.Power(kernel.Config{Catalog: catalog.All()})
		require.NoError(t, m.LoadModules())
		thereAndBack(t, m, what)
		require.NoError(t, m.Close())
	}
}
