package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kobench/kobench/hw/serial/host"
	"github.com/kobench/kobench/hw/serial/serialtest"
	"github.com/stretchr/testify/require"
)

// echo is a pty whose other end sends back what it receives.
func echo(t *testing.T) string {
	t.Helper()
	m, s, err := host.PTYPair()
	if err != nil {
		t.Skipf("no pty here: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := m.Read(buf)
			if err != nil {
				return
			}
			if _, err := m.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { m.Close(); s.Close(); <-done })
	return s.Name()
}

// What a pty cannot carry is left out, with the reason; two are tested at the same time, and one
// that is not there does the others no harm.
func TestDevices(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	a, b := echo(t), echo(t)
	var out bytes.Buffer
	o := Options{Devices: []string{a, "/dev/no-such-port", b}, MaxSize: 64, JSON: file("r.json"), TAP: file("r.tap"), JUnit: file("r.xml"), HTML: file("r.html"), Version: "v1"}
	require.ErrorIs(t, Run(t.Context(), o, &out, io.Discard), ErrFailed)
	require.Regexp(t, `\ntotal of 3: \d+ passed, 1 failed, \d+ skipped\n$`, out.String())

	var rep Report
	text, err := os.ReadFile(o.JSON)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &rep))
	require.False(t, rep.OK)
	require.Equal(t, "v1", rep.Version)
	require.WithinDuration(t, time.Now(), rep.Date, time.Hour)
	require.Len(t, rep.Ports, 3)
	require.Empty(t, rep.Runs)
	require.Equal(t, rep.Passed, rep.Ports[0].Count(serialtest.Pass)+rep.Ports[2].Count(serialtest.Pass))
	require.Equal(t, a, rep.Ports[0].Device.Path)
	require.Equal(t, "open", rep.Ports[1].Results[0].Check)
	for _, p := range []*serialtest.Report{rep.Ports[0], rep.Ports[2]} {
		require.Zero(t, p.Count(serialtest.Fail), "%v", p.Results)
		require.Greater(t, p.Count(serialtest.Pass), 15)
		why := map[string]string{}
		for _, r := range p.Results {
			group, _, _ := strings.Cut(r.Check, "/")
			why[group] = r.Reason
		}
		require.Equal(t, "a pty has no modem lines", why["lines"])
		require.Equal(t, "a pty carries no breaks", why["break"])
		require.Contains(t, why["modes"], "a pty has no rates")
	}

	tap, err := os.ReadFile(o.TAP)
	require.NoError(t, err)
	require.Regexp(t, `^TAP version 13\n1\.\.\d+\nok 1 - `+a+`: patterns/all-values\n`, string(tap))
	require.Contains(t, string(tap), " - /dev/no-such-port: open\n  ---\n  message: ")
	require.Contains(t, string(tap), ": lines/RTS # SKIP a pty has no modem lines\n")
	require.Equal(t, rep.Passed+rep.Failed+rep.Skipped, strings.Count(string(tap), "ok "))

	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Name      string `xml:"name,attr"`
			Timestamp string `xml:"timestamp,attr"`
			Cases     []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	text, err = os.ReadFile(o.JUnit)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(text, &suites))
	require.Equal(t, rep.Passed+rep.Failed+rep.Skipped, suites.Tests)
	require.Equal(t, 1, suites.Failures)
	require.Len(t, suites.Suites, 3)
	require.NotNil(t, suites.Suites[1].Cases[0].Failure)
	_, err = time.Parse(time.RFC3339, suites.Suites[0].Timestamp)
	require.NoError(t, err)

	text, err = os.ReadFile(o.HTML)
	require.NoError(t, err)
	require.Contains(t, http.DetectContentType(text), "text/html")
	require.Contains(t, string(text), "no-such-port")
	require.Contains(t, string(text), "data:image/svg")
}

// Again and again: a line for each run, what failed in which, and a page over time.
func TestRepeat(t *testing.T) {
	path := boardFile(t, "  - {io: 0x3f8, irq: 4, line: loopback}\n")
	page := filepath.Join(t.TempDir(), "page.html")
	var out bytes.Buffer
	o := Options{Board: path, MaxSize: 16, Repeat: 3, HTML: page, Skip: map[string]string{"modes": "", "throughput": ""}}
	require.NoError(t, Run(t.Context(), o, &out, io.Discard))
	require.Regexp(t, `(?s)^run 1, .*: \d+ passed, 0 failed, .*run 3, .*\ntotal of 3 runs: `, out.String())
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "3 runs in")

	out.Reset()
	o.HTML, o.JSON, o.Repeat, o.For = "", "-", 0, time.Nanosecond
	require.NoError(t, Run(t.Context(), o, &out, io.Discard))
	var rep Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &rep))
	require.Len(t, rep.Runs, 1, "the first run is whole, however short the time")

	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, Run(ctx, o, io.Discard, io.Discard), context.Canceled)
}

// The page shows each port over time, and what failed.
func TestPage(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rep := &Report{Date: start, Failed: 1}
	for i := range 5000 {
		r := serialtest.Report{Line: "ttyUSB0 <b>", Results: []serialtest.Result{{Check: "latency", Status: serialtest.Pass,
			Latency: &serialtest.Percentiles{N: 1, P50: time.Millisecond, P99: 2 * time.Millisecond, Max: time.Duration(i) * time.Millisecond}}}}
		if i%20 == 0 {
			r.Results = append(r.Results, serialtest.Result{Check: "sizes/16", Status: serialtest.Fail, Reason: "expected <16> bytes, saw 15"})
		}
		rep.add(start.Add(time.Duration(i)*time.Second), []*serialtest.Report{&r})
	}
	rep.add(start.Add(time.Hour), []*serialtest.Report{broken("the bench", os.ErrNotExist)})
	var b bytes.Buffer
	require.NoError(t, rep.writePage(&b, rep.Runs))
	text := b.String()
	require.Contains(t, text, "<span class=\"fail\">251</span> of 5001")
	require.Contains(t, text, "median 1ms, longest 4.999s")
	require.Contains(t, text, "expected &lt;16&gt; bytes, saw 15")
	require.Contains(t, text, "ttyUSB0 &lt;b&gt;")
	require.Contains(t, text, "and 50 more")
	require.Equal(t, 2, strings.Count(text, "<img "))
	require.Less(t, len(text), 1<<20)
}

func TestIdentity(t *testing.T) {
	sys := t.TempDir()
	port := filepath.Join(sys, "devices", "usb1", "1-4", "1-4:1.0", "ttyUSB7")
	require.NoError(t, os.MkdirAll(port, 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(sys, "class", "tty", "ttyUSB7"), 0o755))
	require.NoError(t, os.Symlink("/x/drivers/ftdi_sio", filepath.Join(port, "driver")))
	require.NoError(t, os.Symlink(port, filepath.Join(sys, "class", "tty", "ttyUSB7", "device")))
	for name, text := range map[string]string{"idVendor": "0403\n", "idProduct": "6001\n", "serial": "A9\n", "product": "UART\n", "manufacturer": "FTDI\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(sys, "devices", "usb1", "1-4", name), []byte(text), 0o600))
	}
	require.Equal(t, &serialtest.Device{Path: "/dev/ttyUSB7", Driver: "ftdi_sio", PortPath: "usb 1-4", ID: "0403:6001", Manufacturer: "FTDI", Product: "UART", Serial: "A9"},
		identityIn(sys, "/dev/ttyUSB7"))
	require.Equal(t, &serialtest.Device{Path: "/dev/ttyS9"}, identityIn(sys, "/dev/ttyS9"))
}
