package daemon_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/stretchr/testify/require"
)

// bench is a small machine behind a socket.
type bench struct {
	server *daemon.Server
	socket string
	ended  chan error
}

func serve(t *testing.T, set func(*daemon.Server)) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "kb") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name := filepath.Join(dir, "small.yaml")
	require.NoError(t, os.WriteFile(name, []byte("modules: [usbcore]\n"), 0o600))
	m, err := sim.Start(sim.Options{Board: name})
	require.NoError(t, err)
	b := &bench{server: daemon.New(m), socket: filepath.Join(dir, "sock"), ended: make(chan error, 1)}
	if set != nil {
		set(b.server)
	}
	l, err := daemon.Listen(b.socket)
	require.NoError(t, err)
	go func() { b.ended <- b.server.Serve(l) }()
	t.Cleanup(func() {
		b.server.Shutdown()
		require.NoError(t, <-b.ended)
		b.ended <- nil
		require.NoError(t, m.Close())
	})
	return b
}

// ask makes one request on a connection of its own, that dial makes, and gives the answer's status
// and text.
func (b *bench) ask(t *testing.T, dial func() (net.Conn, error), line, body string, header ...string) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, "http://kobench/v1/"+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if dial == nil {
		dial = func() (net.Conn, error) { return new(net.Dialer).DialContext(t.Context(), "unix", b.socket) }
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return dial() }}}
	res, err := c.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

// owners are the requests that change the bench itself, or the host.
func owners() []string {
	return []string{
		"POST shutdown", "GET requests", "POST requests/1?errno=0", "POST kerneld?word=flush", "DELETE log", "POST mount?dir=/nosuch", "DELETE mount?dir=/nosuch",
		"POST usb", "DELETE usb?port=1", "POST usbip", "DELETE usbip", "POST modules", "DELETE modules/x",
	}
}

// Who acts for another user ends no bench and takes nobody's requests.
func TestOwner(t *testing.T) {
	b := serve(t, nil)
	for _, line := range owners() {
		status, text := b.ask(t, nil, line, "{device: loopback}", "Kobench-Uid", "1000")
		require.Equal(t, http.StatusForbidden, status, line)
		require.Contains(t, text, "EPERM", line)
	}
	status, _ := b.ask(t, nil, "GET info", "", "Kobench-Uid", "1000")
	require.Equal(t, http.StatusOK, status)
	status, _ = b.ask(t, nil, "POST shutdown", "")
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, <-b.ended)
	b.ended <- nil
}

// Nothing of the host is opened for a request, if the bench is told so.
func TestNoHostFiles(t *testing.T) {
	device := filepath.Join(t.TempDir(), "device.script")
	require.NoError(t, os.WriteFile(device, []byte("w 0 AT\n"), 0o600))
	open := []string{"{device: loopback}", "{device: ftdi, line: loopback}", "{device: ftdi, line: {replay: \"" + device + "\"}}"}
	shut := []string{"{device: replay, from: x}", "{device: host, from: \"0403:6001\"}", "{device: ftdi, line: {replay: x}}", "{device: cdc-acm, line: {port: /dev/ttyUSB0}}", "{device: ftdi, line: {exec: [/bin/true]}}", "{device: ftdi, line: {table: /nosuch.yaml}}"}

	b := serve(t, func(s *daemon.Server) { s.NoHostFiles = true })
	for _, spec := range open[:2] {
		status, text := b.ask(t, nil, "POST usb", spec)
		require.Equal(t, http.StatusOK, status, text)
	}
	for _, spec := range append(shut, open[2]) {
		status, text := b.ask(t, nil, "POST usb", spec)
		require.NotEqual(t, http.StatusOK, status)
		require.Contains(t, text, "kobench up --no-host-files", spec)
	}
	status, text := b.ask(t, nil, "POST mount?dir="+t.TempDir(), "")
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, text, "EPERM")

	b = serve(t, nil)
	for _, spec := range open {
		status, text := b.ask(t, nil, "POST usb", spec)
		require.Equal(t, http.StatusOK, status, text)
	}
}

// A device's description is bounded before it is parsed.
func TestDeepYAML(t *testing.T) {
	b := serve(t, nil)
	status, text := b.ask(t, nil, "POST usb", strings.Repeat("[", 60000))
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, text, "nested more than 32 deep")
}

// A socket where others could put one of theirs in its place is none for us.
func TestPlaces(t *testing.T) {
	dir, err := os.MkdirTemp("", "kb")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err = daemon.Listen(filepath.Join(dir, "sock"))
	require.ErrorContains(t, err, "others may write there")

	t.Setenv("TMPDIR", dir)
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("KOBENCH_SOCKET", "")
	socket := daemon.DefaultSocket()
	require.NoError(t, os.Mkdir(filepath.Dir(socket), 0o755))
	_, err = daemon.Listen(socket)
	require.ErrorContains(t, err, "others may enter it")
}
