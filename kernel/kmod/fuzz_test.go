package kmod_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
)

func FuzzParse(f *testing.F) {
	for _, m := range []kmodtest.Module{
		{Name: "a", Exports: []string{"x", "y"}, Needs: []string{"z"}, Versions: []string{"z"}},
		{Name: "b", Is32: true, BigEndian: true, Exports: []string{"x"}, Weak: []string{"w"}},
		{Name: "c", NoSymtab: true, Exports: []string{"x"}},
	} {
		f.Add(m.ELF())
		f.Add(sign(m.ELF(), []byte{0, 4, 1, 3, 2}, "Bob\xab\xcdSIG"))
	}
	wasm, err := os.ReadFile("testdata/depw.ko")
	require.NoError(f, err)
	f.Add(wasm)
	f.Fuzz(func(t *testing.T, image []byte) {
		if s, ok := kmod.ParseSignature(image); ok {
			s.Fields()
		}
		o, err := kmod.Parse(image)
		if err != nil {
			return
		}
		info, err := o.Modinfo()
		size := 0
		for _, kv := range info {
			size += len(kv.Key) + len(kv.Value)
		}
		if err == nil && size > len(image) {
			t.Fatalf("%d bytes of modinfo in a file of %d", size, len(image))
		}
		_, _ = o.Exports()
		_, _ = o.Undefined()
		_, _ = o.Versions()
	})
}

func FuzzDecompress(f *testing.F) {
	for _, name := range []string{"m.ko", "m.xz", "m.zst"} {
		f.Add(kmodtest.Compress(f, name, kmodtest.Module{Name: "a"}.ELF()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if out, err := kmod.Decompress(data); err == nil && len(out) > 256<<20 {
			t.Fatalf("%d bytes", len(out))
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(buildIndex(f, [2]string{"abcd", "1"}, [2]string{"ab*", "2"}, [2]string{"a[b]?", "3"}), "abc")
	f.Add(buildIndex(f), "")
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		x, err := kmod.ParseIndex(data)
		if err != nil {
			return
		}
		x.Search(key)
		x.SearchWild(key)
		var out bytes.Buffer
		if len(data) < 4096 {
			_ = x.Dump(&out, "")
		}
	})
}

// FuzzIndexBuild checks that what goes into an index comes out of it.
func FuzzIndexBuild(f *testing.F) {
	f.Add("a b ab abc abd b")
	f.Fuzz(func(t *testing.T, text string) {
		var b kmod.IndexBuilder
		keys := strings.Fields(text)
		for _, k := range keys {
			if strings.Contains(k, "\x00") {
				return
			}
			if _, err := b.Insert(k, k, 1); err != nil {
				return
			}
		}
		var out bytes.Buffer
		_, err := b.WriteTo(&out)
		require.NoError(t, err)
		x, err := kmod.ParseIndex(out.Bytes())
		require.NoError(t, err)
		for _, k := range keys {
			v, ok := x.Search(k)
			require.True(t, ok, k)
			require.Equal(t, k, v)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("alias a-* b\noptions m x=1 \\\n y=2\nsoftdep a pre: b post: c\nblacklist q\n"), []byte(`m.p="a b" modprobe.blacklist=x,y "q.r=s t"`))
	f.Fuzz(func(t *testing.T, conf, cmdline []byte) {
		c := kmod.ParseConfig(conf, "fuzz", nil)
		for _, s := range c.Softdeps {
			_ = s.String()
		}
		for _, a := range c.Aliases {
			if kmod.Match(a.Key, "") && strings.Trim(a.Key, "*") != "" {
				t.Fatalf("%q matches nothing", a.Key)
			}
		}
		kmod.ReadConfig(nil, "/nonexistent", cmdline, nil)
	})
}
