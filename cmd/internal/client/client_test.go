package client

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listen is a socket that handler answers on; nil takes connections and never says a word.
func listen(t *testing.T, handler http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kb")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	if handler != nil {
		s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		go func() { _ = s.Serve(l) }()
		t.Cleanup(func() { _ = s.Close() })
	}
	return socket
}

// A bench that answers nothing is told from a device that takes its time.
func TestSilent(t *testing.T) {
	c := New(listen(t, nil), "test")
	defer c.Close()
	c.pace = pace{first: time.Millisecond, next: time.Millisecond, patience: 10 * time.Millisecond}
	_, err := c.Info()
	var silent *ErrSilent
	require.ErrorAs(t, err, &silent)
	require.ErrorContains(t, err, "has not answered for 10ms")

	release, looks := make(chan struct{}), make(chan struct{}, 100)
	c = New(listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/file" {
			<-release
			_, _ = w.Write([]byte("late"))
			return
		}
		looks <- struct{}{}
		_, _ = w.Write([]byte("{}"))
	})), "test")
	defer c.Close()
	c.pace = pace{first: time.Millisecond, next: time.Millisecond, patience: time.Minute}
	go func() {
		<-looks
		<-looks
		close(release)
	}()
	text, err := c.ReadFile("/dev/slow")
	require.NoError(t, err)
	require.Equal(t, "late", string(text))
}

// The context of a request still ends it.
func TestCancelled(t *testing.T) {
	c := New(listen(t, nil), "test")
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Open(ctx, "/dev/x", -1)
	require.ErrorIs(t, err, context.Canceled)
}

// A process that a signal has stopped is known by its state.
func TestStopped(t *testing.T) {
	require.False(t, stopped(os.Getpid()))
	require.False(t, stopped(0))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "kill -STOP $$")
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
	for !stopped(cmd.Process.Pid) {
		select {
		case <-t.Context().Done():
			t.Fatal("not stopped")
		default:
		}
	}
	require.EqualError(t, &ErrSilent{"/s", 7, true, 0}, "the bench at /s (pid 7) is stopped; kill -CONT 7 lets it go on, kill -KILL 7 ends it")
}
