package kernel

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func newLog() *Log {
	l := &Log{}
	at := time.Duration(0)
	l.now = func() time.Duration { at += 1500 * time.Microsecond; return at }
	return l
}

func TestPrintkLevels(t *testing.T) {
	l := newLog()
	for _, text := range []string{"\x016info\n", "no level\n", "<1> not a level\n", "\x01c\x013both\n"} {
		l.Print(nil, text)
	}
	var got []string
	for _, r := range l.All() {
		got = append(got, fmt.Sprint(r.Level, " ", r.Text))
	}
	require.Equal(t, []string{"info info", "warn no level", "warn <1> not a level", "err both"}, got)
	require.Contains(t, l.Text(), "[    0.001500] info\n")
}

func TestPrintkContinuation(t *testing.T) {
	l := newLog()
	a, b := &Task{}, &Task{}
	l.Print(a, "\x016one")
	require.Empty(t, l.All(), "an open record is not readable")
	l.Print(a, "\x01c two")
	l.Print(b, "\x016other\n")
	l.Print(a, "\x01c three\n")
	var got []string
	for _, r := range l.All() {
		got = append(got, r.Text)
	}
	require.Equal(t, []string{"one two", "other", " three"}, got)
}

func TestPrintkOverrun(t *testing.T) {
	l := newLog()
	line := strings.Repeat("x", 900) + "\n"
	for range 1000 {
		l.Print(nil, line)
	}
	r, err := l.Read(0)
	require.Equal(t, EPIPE, err, "the first records are gone")
	require.Equal(t, l.First(), r.Seq)
	require.Greater(t, l.First(), uint64(500))
	r, err = l.Read(r.Seq)
	require.NoError(t, err)
	_, err = l.Read(l.Next())
	require.Equal(t, EAGAIN, err)
	require.LessOrEqual(t, l.bytes, logBytes) // +checklocksignore
	l.Clear()
	require.Empty(t, l.All())
	_, err = l.Read(r.Seq)
	require.NoError(t, err, "a clear hides records from dmesg only")
}

func TestKmsgFormat(t *testing.T) {
	r := Record{Seq: 7, Time: 2361507 * time.Microsecond, Level: LevelInfo, Text: "a\tb\\", Dict: "SUBSYSTEM=tty\nDEVICE=c4:64"}
	require.Equal(t, "6,7,2361507,-;a\\x09b\\x5c\n SUBSYSTEM=tty\n DEVICE=c4:64\n", r.Kmsg())
}

func TestTaskWaitsForLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := Boot(Config{})
		defer k.Shutdown()
		task := k.NewTask()
		fd, err := task.Open("/proc/kmsg", O_RDONLY)
		require.NoError(t, err)
		buf := make([]byte, 256)
		for k.Log.Next() > task.files.file(fd).Private.(*kmsgCursor).seq {
			_, err = task.Read(fd, buf)
			require.NoError(t, err)
		}
		done := make(chan string)
		go func() {
			n, _ := task.Read(fd, buf)
			done <- string(buf[:n])
		}()
		synctest.Wait()
		k.Log.Printf(LevelErr, "late")
		require.Contains(t, <-done, "late")
	})
}
