package bench_test

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kobench/kobench/bench"
	"github.com/stretchr/testify/require"
)

// Outside of a benchmark run every case loops once, however it is started.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		if err := flag.Set("test.benchtime", "1x"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func BenchmarkDispatch(b *testing.B)     { topic(b, "Dispatch") }
func BenchmarkRegistration(b *testing.B) { topic(b, "Registration") }
func BenchmarkThroughput(b *testing.B)   { topic(b, "Throughput") }
func BenchmarkModule(b *testing.B)       { topic(b, "Module") }
func BenchmarkParallel(b *testing.B)     { topic(b, "Parallel") }
func BenchmarkLatency(b *testing.B)      { topic(b, "Latency") }
func BenchmarkUSB(b *testing.B)          { topic(b, "USB") }
func BenchmarkHost(b *testing.B)         { topic(b, "Host") }

// topic is the tree of a topic's cases.
func topic(b *testing.B, name string) {
	for _, c := range bench.Cases() {
		if rest, ok := strings.CutPrefix(c.Name, name+"/"); ok {
			b.Run(rest, func(b *testing.B) { report(b, c.Run(b)) })
		}
	}
}

func report(b *testing.B, err error) {
	switch {
	case errors.Is(err, bench.ErrSkip):
		b.Skip(err)
	case err != nil:
		b.Fatal(err)
	}
}

// measure runs a case as the installed program does.
func measure(t *testing.T, c bench.Case) testing.BenchmarkResult {
	var err error
	r := testing.Benchmark(func(b *testing.B) {
		if err = c.Run(b); err != nil {
			b.FailNow()
		}
	})
	if errors.Is(err, bench.ErrSkip) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return r
}

// Every case runs, by a name of its own that one of the benchmarks above finds.
func TestCases(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range bench.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			require.False(t, seen[c.Name], "a second case of this name")
			seen[c.Name] = true
			require.Regexp(t, `^(Dispatch|Registration|Throughput|Module|Parallel|Latency|USB|Host)/[^ ]+$`, c.Name)
			r := measure(t, c)
			require.Equal(t, 1, r.N)
		})
	}
}

// The report and the limits find the cases by these names; {a,b} stands for a and b.
func TestNames(t *testing.T) {
	const sizes = "{1,16,256,4096,65536,1048576}"
	var got []string
	for _, c := range bench.Cases() {
		got = append(got, c.Name)
	}
	for _, pattern := range []string{
		"Dispatch/indirect/read/1", "Dispatch/switch/{4,64,512}/read/1", "Dispatch/table/read/1",
		"Dispatch/{go,c}/{file/read/1,read/1,file/write/1,write/1,ioctl,poll,lseek,open+close}",
		"Registration/pair/taken={0,100,400}", "Registration/{region,open}/minors={1,100,10000,1000000}",
		"Throughput/read/{copy,zero,loopback,c,uart,usb,usbip,pty,host-zero,host-pipe,host-pty}/" + sizes,
		"Throughput/write/{copy,null,loopback,c,uart,usb,usbip,pty,host-null,host-pipe,host-pty}/" + sizes,
		"Module/{insmod+rmmod/hello,insmod+rmmod/large,chain/32}/{first,again}", "Module/boot+shutdown", "Module/kernels/10000",
		"Parallel/{file,files,devices,bare}/readers={1,2,4,8}", "Latency/{wakeup,tty,hotplug,host-pipe}", "USB/{bus,usbip}/{control,bulk/1,bulk/65536}", "USB/tcp/echo/{1,65536}",
		"Host/{read/1,write/1,ioctl,poll,lseek,open+close}",
	} {
		require.Subset(t, got, expand(pattern), pattern)
	}
}

// expand writes the first braces of a pattern out, and so on.
func expand(pattern string) []string {
	before, rest, ok := strings.Cut(pattern, "{")
	if !ok {
		return []string{pattern}
	}
	list, after, _ := strings.Cut(rest, "}")
	var all []string
	for _, word := range strings.Split(list, ",") {
		all = append(all, expand(before+word+after)...)
	}
	return all
}

// What happens at every call of an open file allocates nothing: a thousand calls, less than one
// allocation each.
func TestHotPathsAllocateNothing(t *testing.T) {
	require.NoError(t, flag.Set("test.benchtime", "1000x"))
	t.Cleanup(func() { require.NoError(t, flag.Set("test.benchtime", "1x")) })
	for _, c := range bench.Cases() {
		if !hot(c.Name) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) { require.Zero(t, measure(t, c).AllocsPerOp()) })
	}
}

// hot tells which cases are calls on an open file in this process that do not wait.
func hot(name string) bool {
	part := strings.Split(name, "/")
	switch part[0] {
	case "Dispatch":
		return part[len(part)-1] != "open+close"
	case "Parallel":
		return true
	case "Throughput":
		return slices.Contains([]string{"copy", "zero", "null", "c", "usb", "host-zero", "host-null"}, part[2])
	}
	return false
}
