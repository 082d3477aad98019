package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kobench/kobench/bench/report"
	"github.com/stretchr/testify/require"
)

func sampleText(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/sample.txt")
	require.NoError(t, err)
	return string(text)
}

func read(t testing.TB, text string) *report.Run {
	t.Helper()
	run, err := report.Read(strings.NewReader(text))
	require.NoError(t, err)
	return run
}

func page(t testing.TB, run *report.Run) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run.WriteHTML(&out))
	return out.String()
}

// A part is one section of a page.
type part struct {
	plots, tables, rows int
	text                string
}

// parse proves that a page is well-formed, runs nothing and loads nothing, and returns its sections
// by id.
func parse(t testing.TB, page string) map[string]part {
	t.Helper()
	parts := map[string]part{}
	var id string
	in := xml.NewDecoder(strings.NewReader(page))
	for {
		tok, err := in.Token()
		if errors.Is(err, io.EOF) {
			return parts
		}
		require.NoError(t, err)
		p := parts[id]
		switch tok := tok.(type) {
		case xml.StartElement:
			require.NotContains(t, []string{"script", "img", "image", "link", "iframe", "object", "embed", "use", "foreignObject", "b", "x"}, tok.Name.Local)
			for _, a := range tok.Attr {
				require.NotContains(t, []string{"src", "srcset", "data", "action"}, a.Name.Local)
				require.False(t, strings.HasPrefix(a.Name.Local, "on"), a.Name.Local)
				if a.Name.Local == "href" {
					require.True(t, strings.HasPrefix(a.Value, "#"), a.Value)
				}
				if tok.Name.Local == "section" && a.Name.Local == "id" {
					id = a.Value
					p = parts[id]
				}
				if tok.Name.Local == "path" || tok.Name.Local == "text" {
					require.NotContains(t, a.Value, "NaN")
					require.NotContains(t, a.Value, "Inf")
					require.NotContains(t, a.Value, "#", "every colour of a plot is a role")
				}
				if tok.Name.Local == "svg" && a.Name.Local == "class" && a.Value == "plot" {
					p.plots++
				}
			}
			switch tok.Name.Local {
			case "table":
				p.tables++
			case "tr":
				p.rows++
			}
		case xml.CharData:
			p.text += string(tok)
		}
		parts[id] = p
	}
}

// contract is every name that the benchmarks write.
func contract() []string {
	names := []string{"Dispatch/indirect/read/1", "Dispatch/table/read/1"}
	add := func(format string, args ...any) { names = append(names, fmt.Sprintf(format, args...)) }
	for _, n := range []int{4, 64, 512} {
		add("Dispatch/switch/%d/read/1", n)
	}
	for _, kind := range []string{"go", "c"} {
		for _, call := range []string{"file/read/1", "read/1", "file/write/1", "write/1", "ioctl", "poll", "lseek", "open+close"} {
			add("Dispatch/%s/%s", kind, call)
		}
	}
	for _, n := range []int{0, 100, 400} {
		add("Registration/pair/taken=%d", n)
	}
	for _, n := range []int{1, 100, 10000, 1000000} {
		add("Registration/region/minors=%d", n)
		add("Registration/open/minors=%d", n)
	}
	for direction, sink := range map[string]string{"read": "zero", "write": "null"} {
		for _, path := range []string{"copy", sink, "loopback", "c", "c-pipe", "uart", "usb", "usbip", "pty", "host-" + sink, "host-pipe", "host-pty"} {
			for _, size := range []int{1, 16, 256, 4096, 65536, 1048576} {
				add("Throughput/%s/%s/%d", direction, path, size)
			}
		}
	}
	for _, when := range []string{"first", "again"} {
		add("Module/insmod+rmmod/hello/%s", when)
		add("Module/insmod+rmmod/large/%s", when)
		add("Module/chain/32/%s", when)
	}
	names = append(names, "Module/boot+shutdown", "Module/kernels/10000")
	for _, kind := range []string{"file", "files", "devices"} {
		for _, n := range []int{1, 2, 4, 8} {
			add("Parallel/%s/readers=%d", kind, n)
		}
	}
	for _, what := range []string{"wakeup", "tty", "hotplug", "host-pipe"} {
		add("Latency/%s", what)
	}
	for _, call := range []string{"read/1", "write/1", "ioctl", "poll", "lseek", "open+close"} {
		add("Host/%s", call)
	}
	return names
}

func TestSampleHasTheWholeContract(t *testing.T) {
	run := read(t, sampleText(t))
	for _, name := range contract() {
		require.NotNil(t, run.Lookup(name), name)
		_, ok := run.Lookup(name).Value("ns/op")
		require.True(t, ok, name)
	}
	require.Len(t, run.Results, len(contract()))
}

// sections says how many plots and tables each part has when nothing is missing, and what its
// benchmarks' names begin with.
func sections() map[string]struct {
	plots, tables int
	names         string
} {
	return map[string]struct {
		plots, tables int
		names         string
	}{
		"layers":     {1, 1, `Dispatch/(indirect|switch|table|go/(file/)?read|c/(file/)?read)|Host/read`},
		"growth":     {2, 1, `Registration/`},
		"throughput": {2, 2, `Throughput/`},
		"parallel":   {1, 1, `Parallel/`},
		"latency":    {1, 1, `Latency/`},
		"module":     {1, 1, `Module/`},
		"host":       {1, 1, `Host/`},
		"results":    {0, 1, `nothing`},
	}
}

func TestPage(t *testing.T) {
	run := read(t, sampleText(t))
	html := page(t, run)
	for _, outside := range []string{"http://", "https://", "url(", "@import", "xlink"} {
		require.NotContains(t, html, outside)
	}
	require.Contains(t, html, `<meta name="viewport" content="width=device-width`)
	require.Contains(t, html, "@media print")
	require.Contains(t, html, "prefers-color-scheme: dark")

	parts := parse(t, html)
	for id, want := range sections() {
		t.Run(id, func(t *testing.T) {
			require.Contains(t, parts, id)
			require.Equal(t, want.plots, parts[id].plots)
			require.Equal(t, want.tables, parts[id].tables)
			require.NotContains(t, parts[id].text, "the text has no result")
		})
	}
	require.Len(t, parts, len(sections())+1)
	for _, fact := range []string{"Example Processor", "linux/amd64", "0123456789ab", "2026-11-23T08:51:45Z", "206 benchmarks, each 1 to 3×"} {
		require.Contains(t, parts[""].text, fact)
	}
	require.Equal(t, len(contract())+1, parts["results"].rows)
	for _, name := range contract() {
		require.Contains(t, parts["results"].text, name)
	}
}

// What the tables say follows from the medians.
func TestPageFigures(t *testing.T) {
	parts := parse(t, page(t, read(t, `
BenchmarkDispatch/indirect/read/1-2 1 1 ns/op
BenchmarkDispatch/indirect/read/1-2 1 2 ns/op
BenchmarkDispatch/indirect/read/1-2 1 900 ns/op
BenchmarkDispatch/go/file/read/1-2 1 11 ns/op 0 allocs/op
BenchmarkDispatch/go/read/1-2 1 16 ns/op
BenchmarkDispatch/c/read/1-2 1 480 ns/op
BenchmarkHost/read/1-2 1 240 ns/op
BenchmarkThroughput/read/zero/4096-2 1 1000 ns/op
BenchmarkThroughput/write/null/4096-2 1 1000 ns/op 77.5 MB/s
BenchmarkParallel/devices/readers=1-2 1 20 ns/op
BenchmarkParallel/devices/readers=4-2 1 10 ns/op
BenchmarkRegistration/open/minors=1-2 1 200 ns/op
BenchmarkRegistration/open/minors=1000000-2 1 210 ns/op
BenchmarkModule/kernels/10000 1 5000000 ns/op 70000 B/kernel 31000 ns/kernel
BenchmarkLatency/tty-2 1 9 ns/op 1500 p50-ns 2500 p99-ns 35000 p99.9-ns
`)))
	for id, want := range map[string][]string{
		"layers":     {"2 ns", "5.50×", "8×", "120×", "Dispatch/table/read/1"},
		"host":       {"15×", "0.500×", "Host/poll"},
		"throughput": {"4.10 GB/s", "77.5 MB/s", "Throughput/read/usb"},
		"parallel":   {"50 M/s", "100 M/s", "2×", "Parallel/file/readers=…", "up to the 2 processors"},
		"growth":     {"1,000,000", "1.05×", "Registration/pair/taken=…"},
		"module":     {"68.4 KiB", "31 µs", "Module/boot+shutdown"},
		"latency":    {"1.50 µs", "2.50 µs", "35 µs", "Latency/wakeup"},
		"":           {"the text has no line cpu:", "the text has no line commit:", "13 benchmarks, each 1 to 3×"},
	} {
		for _, w := range want {
			require.Contains(t, parts[id].text, w, id)
		}
	}
}

func TestMissingParts(t *testing.T) {
	whole := sampleText(t)
	for id, part := range sections() {
		if id == "results" {
			continue
		}
		t.Run(id, func(t *testing.T) {
			text := regexp.MustCompile(`(?m)^Benchmark(`+part.names+`).*\n`).ReplaceAllString(whole, "")
			require.NotEqual(t, whole, text)
			parts := parse(t, page(t, read(t, text)))
			require.Zero(t, parts[id].plots)
			require.Zero(t, parts[id].tables)
			require.Contains(t, parts[id].text, "Left out: the text has no result of ")
			if id != "layers" && id != "host" { // they share reads
				for other, want := range sections() {
					if other != id {
						require.Equal(t, want.plots, parts[other].plots, other)
					}
				}
			}
		})
	}
}

// One benchmark alone makes a page: no part needs another one's.
func TestEachNameAlone(t *testing.T) {
	for _, name := range contract() {
		parse(t, page(t, read(t, "Benchmark"+name+"-2 1 12.5 ns/op 3 p50-ns 4 p99-ns 5 p99.9-ns 7 ns/kernel\n")))
	}
}

func TestForeignTextIsEscaped(t *testing.T) {
	parts := parse(t, page(t, read(t, `commit: "><script>alert(1)</script>
cpu: </dl><img src=x onerror=alert(1)>
</style>: x
BenchmarkThroughput/read/<b>&amp;/16-2 1 5 ns/op 1 <x>/op
BenchmarkThroughput/read/"#000000"/16-2 1 5 ns/op
Benchmark<script>-2 1 5 ns/op
`)))
	require.Contains(t, parts[""].text, `"><script>alert(1)</script>`)
	require.Contains(t, parts["throughput"].text, "<b>&amp;")
	require.Contains(t, parts["results"].text, "1 <x>/op")
}

// Values that no machine measures are in the table; the plots go without them.
func TestExtremes(t *testing.T) {
	for _, value := range []string{"0", "5e-324", "1e-9", "1e18", "1.7e308"} {
		t.Run(value, func(t *testing.T) {
			text := regexp.MustCompile(`(?m)^(Benchmark\S+\s+\d+\s+)\S+ ns/op.*$`).ReplaceAllString(sampleText(t), "${1}"+value+" ns/op "+value+" p50-ns")
			parse(t, page(t, read(t, text)))
			mixed := strings.Replace(sampleText(t), "BenchmarkDispatch/c/read/1-2", "BenchmarkDispatch/c/read/1-2 1 "+value+" ns/op\nBenchmarkRest", 1)
			parse(t, page(t, read(t, mixed)))
		})
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestWriteFails(t *testing.T) {
	require.ErrorIs(t, read(t, sampleText(t)).WriteHTML(fullDisk{}), errFull)
	require.ErrorIs(t, new(report.Run).WriteHTML(io.Discard), report.ErrFormat)
}

// TestKeepPage leaves a page where REPORT says, to be looked at in a browser: of the text in
// REPORT_TEXT, or of the sample.
func TestKeepPage(t *testing.T) {
	to := os.Getenv("REPORT")
	if to == "" {
		t.Skip("REPORT=FILE keeps the page")
	}
	text := sampleText(t)
	if from := os.Getenv("REPORT_TEXT"); from != "" {
		other, err := os.ReadFile(from)
		require.NoError(t, err)
		text = string(other)
	}
	require.NoError(t, os.WriteFile(to, []byte(page(t, read(t, text))), 0o644))
}
