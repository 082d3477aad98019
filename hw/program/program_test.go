//go:build unix

package program_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/program"
	"github.com/kobench/kobench/hw/program/device"
	"github.com/kobench/kobench/hw/serial"
	"github.com/stretchr/testify/require"
)

const limit = 60 * time.Second // of anything that waits for a program

// TestMain lets the test program be a device in Go.
func TestMain(m *testing.M) {
	if os.Getenv("KOBENCH_TEST_DEVICE") != "" {
		device.RunLine(goDevice)
		return
	}
	os.Exit(m.Run())
}

func goDevice(l *device.Line, e device.Event) {
	switch {
	case e.Name == "start":
		l.SetLines([]string{"DCD"}, []string{"DSR"})
	case e.Name == "data" && string(e.Data) == "later":
		l.After(10*time.Millisecond, "x")
	case e.Name == "data":
		l.Write([]byte(strings.ToUpper(string(e.Data))))
	case e.Name == "timer":
		fmt.Fprint(l, "timer ", e.ID)
	}
}

// log keeps what the bench's log would have.
type log struct {
	mu   sync.Mutex
	text []string
}

func (l *log) add(s string) { l.mu.Lock(); l.text = append(l.text, s); l.mu.Unlock() }
func (l *log) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.text...)
}
func (l *log) has(s string) bool { return strings.Contains(strings.Join(l.lines(), "\n"), s) }

// bench is a line with a program at its end, which ends with the test.
type bench struct {
	t    *testing.T
	host *serial.Port
	log  *log
	stop context.CancelFunc
	done chan error
}

func at(t *testing.T, run func(*program.Command, context.Context, *serial.Port) error, c program.Command) *bench {
	t.Helper()
	b := &bench{t: t, log: &log{}, done: make(chan error, 1)}
	c.Log = b.log.add
	dte, dce := serial.Straight(serial.Max)
	dte.SetName("ttyS0")
	b.host = dte
	dte.SetSignals(serial.DTEOutputs, serial.DTEOutputs)
	ctx, cancel := context.WithCancel(t.Context())
	b.stop = cancel
	go func() { b.done <- run(&c, ctx, dce) }()
	t.Cleanup(func() { cancel(); b.ended() })
	return b
}

// ended waits until Run has returned.
func (b *bench) ended() error {
	b.t.Helper()
	select {
	case err := <-b.done:
		b.done <- err
		return err
	case <-time.After(limit):
		b.t.Fatal("the program's Run has not returned")
		return nil
	}
}

func (b *bench) expect(want string) {
	b.t.Helper()
	b.host.SetReadDeadline(time.Now().Add(limit))
	got := ""
	for len(got) < len(want) {
		buf := make([]byte, len(want)-len(got))
		n, err := b.host.Read(buf)
		require.NoError(b.t, err, "so far %q, log %q", got, b.log.lines())
		got += string(buf[:n])
	}
	require.Equal(b.t, want, got)
}

func (b *bench) send(s string) {
	b.t.Helper()
	_, err := b.host.Write([]byte(s))
	require.NoError(b.t, err)
}

// until waits for a condition; what it waits for comes from another process, so that it must look.
func (b *bench) until(what string, cond func() bool) {
	b.t.Helper()
	require.Eventually(b.t, cond, limit, 5*time.Millisecond, "%s; log %q", what, b.log.lines())
}

func (b *bench) signals(want serial.Signals) {
	b.t.Helper()
	b.until("the lines "+want.String(), func() bool { s, _ := b.host.Signals(); return s == want })
}

func sh(script string) program.Command {
	return program.Command{Argv: []string{"sh", "-c", script}}
}

// python is a device of our module, or skips.
func python(t *testing.T, text string) program.Command {
	t.Helper()
	p, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed (Debian package python3)")
	}
	file := filepath.Join(t.TempDir(), "dev.py")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	return program.Command{Argv: []string{p, file}}
}

func TestBytes(t *testing.T) {
	b := at(t, (*program.Command).RunBytes, sh(`echo hello >&2; while read x; do echo "got $x"; done`))
	b.signals(serial.CTS | serial.DSR | serial.DCD)
	b.send("one\ntwo\n")
	b.expect("got one\ngot two\n")
	b.until("standard error in the log", func() bool { return b.log.has("hello") })
	b.stop()
	require.NoError(t, b.ended())
	s, _ := b.host.Signals()
	require.Zero(t, s)
}

// What a program has started ends with it.
func TestChildrenEnd(t *testing.T) {
	b := at(t, (*program.Command).RunBytes, sh(`sleep 1000 & echo $!; wait`))
	var pid int
	b.host.SetReadDeadline(time.Now().Add(limit))
	buf := make([]byte, 32)
	n, err := b.host.Read(buf)
	require.NoError(t, err)
	_, err = fmt.Sscan(string(buf[:n]), &pid)
	require.NoError(t, err)
	b.stop()
	require.NoError(t, b.ended())
	b.until("the child has ended", func() bool { return !running(pid) })
}

// running reports whether a process is there and no zombie.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func TestDies(t *testing.T) {
	for _, c := range []struct {
		name, script string
		restart      program.Restart
		want         string // of Run; "" is none
	}{
		{"fails, not again", "exit 3", program.Never, "sh -c exit 3 has failed: exit status 3"},
		{"ends", "exit 0", program.OnFailure, ""},
		{"killed", "kill -9 $$", program.Never, "sh -c kill -9 $$ has failed: signal: killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := sh(c.script)
			cmd.Restart = c.restart
			b := at(t, (*program.Command).RunBytes, cmd)
			if c.want == "" {
				require.NoError(t, b.ended())
				require.True(t, b.log.has("has ended"), "%q", b.log.lines())
			} else {
				require.EqualError(t, b.ended(), c.want)
				require.True(t, b.log.has(c.want), "%q", b.log.lines())
			}
			b.signals(0) // as unplugged, and writing hangs nobody
			b.send(strings.Repeat("x", 200_000))
		})
	}
}

func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "count")
	cmd := sh(`echo x >>` + file + `; test $(wc -l <` + file + `) -ge 3 || exit 1; while read x; do echo "$x"; done`)
	b := at(t, (*program.Command).RunBytes, cmd)
	b.until("the third run", func() bool { s, _ := b.host.Signals(); return s != 0 && len(read(file)) == 6 })
	b.until("what is written to the log", func() bool { return b.log.has("is started again in 400ms") })
	b.send("up\n")
	b.expect("up\n")
}

func read(file string) []byte { b, _ := os.ReadFile(file); return b }

func TestStartAtOpen(t *testing.T) {
	cmd := sh(`echo up; cat`)
	cmd.Start = program.AtOpen
	b := at(t, (*program.Command).RunBytes, cmd)
	for range 2 {
		b.expect("up\n")
		b.send("abc")
		b.expect("abc")
		b.host.SetSignals(serial.DTR, 0)
		b.signals(0)
		b.host.SetSignals(serial.DTR, serial.DTR)
	}
}

func TestCannotStart(t *testing.T) {
	for _, c := range []struct {
		cmd  program.Command
		want string
	}{
		{program.Command{Argv: []string{"/no/such/program"}}, "the program cannot be started: /no/such/program: "},
		{program.Command{}, "program: no program: want a list such as [python3, device.py]"},
		{program.Command{Argv: []string{"x"}, Restart: "often"}, `program: restart "often": want failure, always or never`},
		{program.Command{Argv: []string{"x"}, Start: "never"}, `program: start "never": want boot or open`},
	} {
		b := at(t, (*program.Command).RunBytes, c.cmd)
		require.ErrorContains(t, b.ended(), c.want)
	}
}

// A program that does not read is a device that does not keep up; it can still be ended.
func TestNeverReads(t *testing.T) {
	b := at(t, (*program.Command).RunBytes, sh(`echo here; exec sleep 1000`))
	b.expect("here\n")
	b.host.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	n, err := b.host.Write(make([]byte, 4<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, n, 1<<20, "what nobody reads is kept somewhere")
	b.stop()
	require.NoError(t, b.ended())
}

// A flood on the line waits for the host, one into the log is cut.
func TestFloods(t *testing.T) {
	b := at(t, (*program.Command).RunBytes, sh(`yes >&2 & yes flood`))
	b.expect(strings.Repeat("flood\n", 100_000))
	b.stop()
	require.NoError(t, b.ended())
	require.True(t, b.log.has("lines were left out"))
	require.Less(t, len(b.log.lines()), 5000)
}

func TestGoDevice(t *testing.T) {
	b := at(t, (*program.Command).RunLine, program.Command{Argv: []string{os.Args[0]}, Env: []string{"KOBENCH_TEST_DEVICE=1"}})
	b.signals(serial.CTS | serial.DCD)
	b.send("hello")
	b.expect("HELLO")
	b.send("later")
	b.expect("timer x")
}

func TestPythonDevice(t *testing.T) {
	cmd := python(t, `
from kobench_device import Line
class Dev(Line):
    def start(self):
        print("options", self.options, self.mode)
        self.set_lines(on=["DCD"], off=["CTS"])
    def data(self, data):
        if data == b"unplug": self.unplug()
        elif data == b"bad": self.set_mode("9600 8E1"); self.write(b"!", error="parity")
        elif data == b"break": self.send_break(0.1)
        elif data == b"time": self.after(0.01)
        else: self.write(data[::-1])
    def timer(self, name): self.write(b"timer at %d" % (self.time > 0))
    def changed(self): self.write(",".join(sorted(self.lines)).encode())
    def broken(self): self.write(b"broken")
    def retuned(self): self.write(self.mode.encode())
Dev().run()
`)
	cmd.Options = map[string]any{"unit": "kg"}
	b := at(t, (*program.Command).RunLine, cmd)
	b.signals(serial.DSR | serial.DCD)
	b.until("print in the log", func() bool { return b.log.has("options {'unit': 'kg'} 9600 8N1") })
	b.send("\x00abc\xff")
	b.expect("\xffcba\x00")
	b.send("time")
	b.expect("timer at 1")
	b.host.SetSignals(serial.RTS, 0)
	b.expect("DTR")
	require.NoError(t, b.host.SetMode(serial.Format8N1(115200)))
	b.expect("115200 8N1")
	b.host.SetBreak(true)
	b.host.SetBreak(false)
	b.expect("broken")
	b.send("break")
	_, f, err := b.host.Receive(make([]byte, 8))
	require.NoError(t, err)
	require.Equal(t, serial.Break, f)
	require.NoError(t, b.host.SetMode(serial.Mode{Baud: 9600, Data: 8, Parity: serial.ParityEven, Stop: serial.Stop1}))
	b.expect("9600 8E1")
	b.send("bad")
	_, f, err = b.host.Receive(make([]byte, 8))
	require.NoError(t, err)
	require.Equal(t, serial.ParityError, f)
	b.send("unplug")
	b.signals(0)
}

// What makes no sense is logged and left out, and too much of it ends the program.
func TestNonsense(t *testing.T) {
	b := at(t, (*program.Command).RunLine, sh(`
		echo '{"do": "dance"}' >&3
		echo 'what' >&3
		echo '{"do": "data", "data": "€"}' >&3
		echo '{"do": "done"}' >&3
		echo '{"do": "data", "data": "still here"}' >&3
		sleep 1000`))
	b.expect("still here")
	for _, want := range []string{`do "dance": want data, lines, break`, "invalid character 'w'", `character '€' is no byte`} {
		b.until(want, func() bool { return b.log.has(want) })
	}

	cmd := sh(`for i in $(seq 100); do echo nonsense >&3; done; sleep 1000`)
	cmd.Restart = program.Never
	b = at(t, (*program.Command).RunLine, cmd)
	require.ErrorContains(t, b.ended(), "it has spoken 20 messages that make no sense")

	cmd = sh(`head -c 30000000 /dev/zero | tr '\0' x >&3; echo >&3; echo '{"do": "data", "data": "ok"}' >&3; sleep 1000`)
	b = at(t, (*program.Command).RunLine, cmd)
	b.expect("ok")
	require.True(t, b.log.has("a message of more than 1048576 bytes"))
}

// Who does not say done lets the line wait, and can be ended.
func TestSaysNothing(t *testing.T) {
	b := at(t, (*program.Command).RunLine, sh(`trap "" TERM; sleep 1000`))
	b.signals(serial.CTS | serial.DSR)
	b.host.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, err := b.host.Write(make([]byte, 4<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	b.stop()
	require.NoError(t, b.ended())
}

// On a virtual clock the program's hours pass at once, and its time is the machine's.
func TestVirtualTime(t *testing.T) {
	cmd := python(t, `
from kobench_device import Line
class Dev(Line):
    def data(self, data): self.n = 0; self.after(3600)
    def timer(self, name):
        self.n += 1
        self.write(b"%d at %d;" % (self.n, round(self.time)))
        if self.n < 3: self.after(3600)
Dev().run()
`)
	c := clock.Virtual(time.Unix(0, 0))
	dte, dce := serial.On(c).Straight(serial.Paced)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- cmd.RunLine(ctx, dce) }()
	b := &bench{t: t, host: dte, log: &log{}, done: done}
	b.send("x")
	require.Eventually(t, func() bool { s, _ := dte.Signals(); return s != 0 }, limit, time.Millisecond)
	c.Want()
	defer c.Unwant()
	got, buf := "", make([]byte, 64)
	for want := "1 at 3600;2 at 7200;3 at 10800;"; len(got) < len(want); {
		n, err := dte.Read(buf)
		require.NoError(t, err)
		if got += string(buf[:n]); len(got) == len(want) {
			require.Equal(t, want, got)
		}
	}
	cancel()
	require.NoError(t, b.ended())
}
