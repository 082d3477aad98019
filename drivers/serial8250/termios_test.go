package serial8250_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/fixtures/oracle"
	script "github.com/kobench/kobench/fixtures/oracle/serial"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// scriptTerm is a terminal of ours for the script.
type scriptTerm struct {
	task *kernel.Task
	fd   int
}

func (s scriptTerm) ioctl(cmd uint32, b []byte) error {
	_, err := s.task.Ioctl(s.fd, cmd, kernel.Arg{Buf: b})
	return err
}

func (s scriptTerm) Set(b []byte) error          { return s.ioctl(tty.TCSETSF, b) }
func (s scriptTerm) Get(b []byte) error          { return s.ioctl(tty.TCGETS, b) }
func (s scriptTerm) Write(p []byte) (int, error) { return s.task.Write(s.fd, p) }
func (s scriptTerm) Read(p []byte) (int, error)  { return s.task.Read(s.fd, p) }

func (s scriptTerm) Queued() (int, error) {
	var b [4]byte
	err := s.ioctl(tty.FIONREAD, b[:])
	return int(binary.LittleEndian.Uint32(b[:])), err
}

// ours runs the script on our kernel.
func ours(t *testing.T) string {
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		a, b := serial.NullModem(serial.Paced)
		k := boot(t, a, b)
		open := func(path string) scriptTerm {
			task := kerneltest.Task(t, k)
			fd, err := task.Open(path, kernel.O_RDWR|kernel.O_NONBLOCK|kernel.O_NOCTTY)
			require.NoError(t, err)
			return scriptTerm{task, fd}
		}
		require.NoError(t, script.Run(open("/dev/ttyS0"), open("/dev/ttyS1"), func() { time.Sleep(150 * time.Millisecond) }, &out))
	})
	return out.String()
}

// TestTermios compares with what a real kernel answered to the same script on its ttyS.
func TestTermios(t *testing.T) {
	want, err := oracle.Files.ReadFile("transcripts/termios.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), ours(t))
}

// TestOracleTermios asks the real kernel now. KOBENCH_TRANSCRIPT=file also keeps its answer.
func TestOracleTermios(t *testing.T) {
	oracle.Need(t)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "root"), 0o755))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "root", "termios"), "github.com/kobench/kobench/fixtures/oracle/serial/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)
	sock := filepath.Join(dir, "s")
	run := exec.CommandContext(t.Context(), "../../fixtures/oracle/run", "-t", "180", "-o", dir,
		"-q", "-chardev socket,id=a,path="+sock+",server=on,wait=off -serial chardev:a -chardev socket,id=b,path="+sock+",reconnect=1 -serial chardev:b",
		"--", "sleep 2; /root/termios /dev/ttyS2 /dev/ttyS3")
	real, err := run.Output()
	require.NoError(t, err, "%s", real)
	if keep := os.Getenv("KOBENCH_TRANSCRIPT"); keep != "" {
		require.NoError(t, os.WriteFile(keep, real, 0o644))
	}
	require.Equal(t, string(real), ours(t))
}
