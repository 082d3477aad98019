package record

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const umockdevDevice = `P: /devices/ttyS9
N: ttyS9
E: SUBSYSTEM=tty
E: DEVNAME=/dev/ttyS9
A: dev=4:73
`

const umockdevClient = `
import os, tty
fd = os.open("/dev/ttyS9", os.O_RDWR | os.O_NOCTTY)
tty.setraw(fd)
os.write(fd, b"AT\r")
print(os.read(fd, 100))
os.write(fd, b"^\x00\xff more")
print(os.read(fd, 100))
`

// umockdev itself plays a script that we wrote.
func TestUmockdevPlaysOurScript(t *testing.T) {
	run, err := exec.LookPath("umockdev-run")
	if err != nil {
		t.Skip("umockdev-run is not installed (Debian package umockdev)")
	}
	const py = "/usr/bin/python3"
	if _, err := os.Stat(py); err != nil {
		t.Skip("no /usr/bin/python3 for a client")
	}
	dir := t.TempDir()
	dev, script := filepath.Join(dir, "dev"), filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(dev, []byte(umockdevDevice), 0o600))
	f, err := os.Create(script)
	require.NoError(t, err)
	var b bytes.Buffer
	var no *NoPlace
	require.ErrorAs(t, dialogue(t, "9600 8N1").WriteScript(&b), &no)
	s, err := ParseScript(&b)
	require.NoError(t, err)
	s = append(s, Op{Op: 'r', Value: 5, Data: []byte("bye ^")})
	require.NoError(t, s.Write(f))
	require.NoError(t, f.Close())
	cmd := exec.CommandContext(t.Context(), run, "-d", dev, "-s", "/dev/ttyS9="+script, "--", py, "-c", umockdevClient)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "b'OK\\r\\n'\nb'bye ^'\n", string(out))
}
