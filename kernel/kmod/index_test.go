package kmod_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/kmod"
)

func buildIndex(t testing.TB, entries ...[2]string) []byte {
	t.Helper()
	var b kmod.IndexBuilder
	for i, e := range entries {
		_, err := b.Insert(e[0], e[1], uint32(i/2))
		require.NoError(t, err)
	}
	var out bytes.Buffer
	_, err := b.WriteTo(&out)
	require.NoError(t, err)
	return out.Bytes()
}

func TestIndex(t *testing.T) {
	data := buildIndex(t, [2]string{"abcd", "1"}, [2]string{"abcd", "2"}, [2]string{"abxy", "3"}, [2]string{"ab", "4"},
		[2]string{"usb:v*p12[0-9]", "5"}, [2]string{"usb:v?p*", "6"}, [2]string{"usb:v1p123", "7"}, [2]string{"", "empty"})
	x, err := kmod.ParseIndex(data)
	require.NoError(t, err)
	for key, want := range map[string]string{"abcd": "2", "abxy": "3", "ab": "4", "": "empty"} {
		got, ok := x.Search(key)
		require.True(t, ok, key)
		require.Equal(t, want, got)
	}
	for _, key := range []string{"a", "abc", "abcde", "zz", "abz"} {
		_, ok := x.Search(key)
		require.False(t, ok, key)
	}
	require.Equal(t, []string{"6", "5", "7"}, x.SearchWild("usb:v1p123"), "by priority")
	require.Equal(t, []string{"6"}, x.SearchWild("usb:v9p9"))
	require.Equal(t, []string{"1", "2"}, x.SearchWild("abcd"), "collecting turns equal ones round once more")
	require.Empty(t, x.SearchWild("nothing"))
	var dump bytes.Buffer
	require.NoError(t, x.Dump(&dump, "alias "))
	require.Equal(t, "alias  empty\nalias ab 4\nalias abcd 2\nalias abcd 1\nalias abxy 3\nalias usb:v*p12[0-9] 5\nalias usb:v1p123 7\nalias usb:v?p* 6\n", dump.String())
}

func TestIndexBad(t *testing.T) {
	var b kmod.IndexBuilder
	_, err := b.Insert("müll", "x", 0)
	require.ErrorContains(t, err, "only 7-bit ASCII is supported")
	dup, err := b.Insert("k", "v", 1)
	require.NoError(t, err)
	require.False(t, dup)
	dup, err = b.Insert("k", "v", 0)
	require.NoError(t, err)
	require.True(t, dup)

	good := buildIndex(t, [2]string{"abcd", "1"}, [2]string{"abxy", "3"})
	for name, c := range map[string]struct {
		data []byte
		text string
	}{
		"short":   {good[:11], "11 bytes"},
		"magic":   {append([]byte{0}, good[1:]...), "magic check fail: 7f457 instead of b007f457"},
		"version": {append(append([]byte(nil), good[:4]...), append([]byte{0, 9}, good[6:]...)...), "major version check fail: 9 instead of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := kmod.ParseIndex(c.data)
			require.ErrorIs(t, err, kmod.ErrIndex)
			require.ErrorContains(t, err, c.text)
		})
	}
	_, err = kmod.OpenIndex(t.TempDir() + "/none")
	require.ErrorIs(t, err, os.ErrNotExist)

	// A node that is its own child must not hold a search up.
	loop := append([]byte(nil), good[:12]...)
	copy(loop[8:], []byte{0x20, 0, 0, 12})
	loop = append(loop, 'a', 'a', 0x20, 0, 0, 12)
	x, err := kmod.ParseIndex(loop)
	require.NoError(t, err)
	_, ok := x.Search("aaaa")
	require.False(t, ok)
	require.NoError(t, x.Dump(&bytes.Buffer{}, ""))
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "", false}, {"*", "", true}, {"*", "a/b.c", true}, {"a*c", "abcbc", true},
		{"a*c", "abcb", false}, {"?", "a", true}, {"?", "", false}, {"[a-c]x", "bx", true}, {"[!a-c]x", "bx", false}, {"[^a-c]x", "dx", true},
		{"[]a]", "]", true}, {"[a-]", "-", true}, {"[", "[", true}, {"[abc", "[abc", true}, {`\*`, "*", true}, {`\*`, "a", false},
		{`[\]]`, "]", true}, {"[[:digit:]]*", "7up", true}, {"[[:digit:]]*", "up", false}, {"[[:upper:]x]", "x", true},
		{"pci:v0000[0-9]d*sv*", "pci:v00008d1sv2", true}, {"a**b", "ab", true}, {"*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"char_major_240_*", "char_major_240_5", true},
	} {
		require.Equal(t, c.want, kmod.Match(c.pattern, c.name), "%q %q", c.pattern, c.name)
	}
}

func TestNames(t *testing.T) {
	require.Equal(t, "a_b", kmod.ModuleName("x/y/a-b.ko.xz"))
	require.Equal(t, "snd_pcm", kmod.NormalizeName("snd-pcm"))
	alias, ok := kmod.NormalizeAlias("a-b[0-9]c-d")
	require.True(t, ok)
	require.Equal(t, "a_b[0-9]c_d", alias)
	for _, bad := range []string{"a[b", "a]b", "a-b[0-9]]"} {
		_, ok := kmod.NormalizeAlias(bad)
		require.False(t, ok, bad)
	}
	require.True(t, kmod.IsModuleFile("x.ko.zst"))
	require.False(t, kmod.IsModuleFile(".ko"))
	require.False(t, kmod.IsModuleFile("x.o"))
}
