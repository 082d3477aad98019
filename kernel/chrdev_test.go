package kernel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var someOps = &FileOperations{}

func TestDynamicMajors(t *testing.T) {
	k := Boot(Config{})
	defer k.Shutdown()
	var got []uint32
	for {
		m, err := k.RegisterChrdev(0, "fill", someOps)
		if err != nil {
			require.Equal(t, EBUSY, err)
			break
		}
		got = append(got, m)
	}
	var want []uint32
	for m := uint32(254); m >= 234; m-- {
		want = append(want, m)
	}
	for m := uint32(511); m >= 384; m-- {
		want = append(want, m)
	}
	require.Equal(t, want, got)
	require.Contains(t, k.Log.Text(), `CHRDEV "fill" dynamic allocation region is full`)
	k.UnregisterChrdev(250, "fill")
	m, err := k.RegisterChrdev(0, "again", someOps)
	require.NoError(t, err)
	require.EqualValues(t, 250, m, "the highest free one")
	for _, m := range got {
		k.UnregisterChrdev(m, "fill")
	}
	require.Equal(t, "Character devices:\n 10 misc\n\nBlock devices:\n", read(t, k, "/proc/devices"))
}

func TestFixedMajors(t *testing.T) {
	k := Boot(Config{})
	defer k.Shutdown()
	m, err := k.RegisterChrdev(240, "mine", someOps)
	require.NoError(t, err)
	require.Zero(t, m, "a fixed major gives 0, as in Linux")
	for _, c := range []struct {
		major uint32
		want  error
	}{{240, EBUSY}, {10, EBUSY}, {512, EINVAL}, {600, EINVAL}, {511, nil}} {
		_, err := k.RegisterChrdev(c.major, "x", someOps)
		require.Equal(t, c.want, err, c.major)
	}
	require.Contains(t, k.Log.Text(), `CHRDEV "x" major requested (600) is greater than the maximum (511)`)
	require.Contains(t, read(t, k, "/proc/devices"), "240 mine\n511 x\n")
	k.UnregisterChrdev(9999, "out of range")
}

func TestRegions(t *testing.T) {
	k := Boot(Config{})
	defer k.Shutdown()
	dev, err := k.AllocChrdevRegion(5, 3, "three")
	require.NoError(t, err)
	require.Equal(t, MkDev(254, 5), dev)
	require.Equal(t, EBUSY, k.RegisterChrdevRegion(MkDev(254, 7), 2, "overlaps"))
	require.NoError(t, k.RegisterChrdevRegion(MkDev(254, 8), 2, "beside"))
	require.Equal(t, EINVAL, k.RegisterChrdevRegion(MkDev(511, minorMax-1), 2, "past the end"))
	require.Equal(t, EINVAL, k.CdevAdd(&Cdev{}, dev, 1), "no operations")
	c := &Cdev{Ops: someOps}
	require.NoError(t, k.CdevAdd(c, dev, 3))
	require.Equal(t, EBUSY, k.CdevAdd(c, dev, 3))
	require.Nil(t, k.chrdevs.lookup(MkDev(254, 4)))
	require.Same(t, c, k.chrdevs.lookup(MkDev(254, 7)))
	require.Nil(t, k.chrdevs.lookup(MkDev(254, 8)))
	one := &Cdev{Ops: someOps}
	require.NoError(t, k.CdevAdd(one, MkDev(254, 6), 1))
	require.Same(t, one, k.chrdevs.lookup(MkDev(254, 6)))
	require.Same(t, c, k.chrdevs.lookup(MkDev(254, 7)), "behind the smaller range")
	k.CdevDel(one)
	require.Same(t, c, k.chrdevs.lookup(MkDev(254, 6)))
	k.CdevDel(c)
	k.UnregisterChrdevRegion(dev, 3)
	k.UnregisterChrdevRegion(MkDev(254, 8), 2)
	require.Equal(t, "Character devices:\n 10 misc\n\nBlock devices:\n", read(t, k, "/proc/devices"))
}

// TestChrdevsAgainstModel compares the tables with a plain map under random use.
func TestChrdevsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Boot(Config{})
		defer k.Shutdown()
		taken := map[uint32]bool{10: true}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			major := rapid.SampledFrom([]uint32{0, 0, 0, 1, 10, 240, 254, 253, 511, 512}).Draw(t, "major")
			if rapid.Bool().Draw(t, "register") {
				want := major
				if major == 0 {
					for m := uint32(254); m > 0; m-- {
						if m == 233 {
							m = 511
						}
						if !taken[m] {
							want = m
							break
						}
					}
				}
				got, err := k.RegisterChrdev(major, "m", someOps)
				switch {
				case major > 511:
					require.Equal(t, EINVAL, err)
				case taken[want]:
					require.Equal(t, EBUSY, err)
				default:
					require.NoError(t, err)
					if major == 0 {
						require.Equal(t, want, got)
					}
					taken[want] = true
				}
			} else if major != 10 && major != 0 {
				k.UnregisterChrdev(major, "m")
				delete(taken, major)
			}
			for m := range uint32(512) {
				if has := k.chrdevs.lookup(MkDev(m, 3)) != nil; has != taken[m] {
					t.Fatalf("major %d: registered %v, want %v", m, has, taken[m])
				}
			}
		}
	})
}

func TestDispatchTables(t *testing.T) {
	k := Boot(Config{})
	defer k.Shutdown()
	m := &Module{Name: "tabled", License: "GPL", Init: func(env *Env) error {
		_, err := env.RegisterChrdev(240, "tabled", &FileOperations{Read: tableRead})
		return err
	}}
	require.NoError(t, k.Init().LoadModule(m, ""))
	text := read(t, k, "/proc/devtab")
	for _, op := range dispatchOps {
		require.Contains(t, text, "dev_"+op+"_table\n")
	}
	for _, tab := range k.DevTables() {
		e := tab.Entries[len(tab.Entries)-1]
		require.Equal(t, "tabled", e.Module)
		require.Equal(t, tab.Op != "read", e.Default, tab.Op)
		if tab.Op == "read" {
			require.Equal(t, "kernel.tableRead", e.Function)
		}
	}
	require.NoError(t, k.Init().DeleteModule("tabled", 0))
	require.NotContains(t, read(t, k, "/proc/devtab"), "tabled")
}

func tableRead(*Task, *File, []byte) (int, error) { return 0, nil }

// read is the content of a file of the kernel's.
func read(t require.TestingT, k *Kernel, path string) string {
	h, err := k.Init().OpenFile(path, O_RDONLY)
	require.NoError(t, err, path)
	defer h.Close()
	var b strings.Builder
	buf := make([]byte, 100)
	for {
		n, err := h.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			require.EqualError(t, err, "EOF", path)
			return b.String()
		}
	}
}

func BenchmarkOpenByMinors(b *testing.B) {
	for _, n := range []uint32{1, 1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			k := Boot(Config{})
			defer k.Shutdown()
			require.NoError(b, k.RegisterChrdevRegion(MkDev(240, 0), n, "many"))
			for i := range n {
				require.NoError(b, k.CdevAdd(&Cdev{Ops: someOps}, MkDev(240, i), 1))
			}
			t := k.Init()
			require.NoError(b, t.Mknod("/dev/last", S_IFCHR|0o600, MkDev(240, n-1)))
			for b.Loop() {
				fd, _ := t.Open("/dev/last", O_RDONLY)
				_ = t.Close(fd)
			}
		})
	}
}
