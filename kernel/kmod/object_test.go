package kmod_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"hash/crc32"
	"math/big"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
	"github.com/kobench/kobench/kernel/uapi"
)

func TestELF(t *testing.T) {
	base := kmodtest.Module{Name: "m", Info: []string{"license=GPL", "novalue", "parm=a=b:c"},
		Exports: []string{"ex_a", "ex_b"}, Needs: []string{"printk", ".dot"}, Weak: []string{"maybe"},
		Versions: []string{"module_layout", "printk", ".dot"}}
	for _, c := range []struct {
		name string
		edit func(m *kmodtest.Module)
	}{
		{"64 LSB", func(*kmodtest.Module) {}},
		{"64 MSB", func(m *kmodtest.Module) { m.BigEndian = true }},
		{"32 LSB", func(m *kmodtest.Module) { m.Is32 = true }},
		{"32 MSB", func(m *kmodtest.Module) { m.Is32, m.BigEndian = true, true }},
		{"absolute CRC", func(m *kmodtest.Module) { m.AbsoluteCRC = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := base
			c.edit(&m)
			o, err := kmod.Parse(m.ELF())
			require.NoError(t, err)
			info, err := o.Modinfo()
			require.NoError(t, err)
			require.Equal(t, []kmod.Field{{Key: "license", Value: "GPL"}, {Key: "novalue"}, {Key: "parm", Value: "a=b:c"}, {Key: "name", Value: "m"}}, info)
			exports, err := o.Exports()
			require.NoError(t, err)
			require.Equal(t, []kmod.Symbol{{Name: "ex_a", CRC: 0x1000}, {Name: "ex_b", CRC: 0x1001}}, exports)
			needs, err := o.Undefined()
			require.NoError(t, err)
			require.Equal(t, []kmod.Symbol{{Name: "printk", CRC: 0x1001}, {Name: ".dot", CRC: 0x1002}, {Name: "maybe", Weak: true},
				{Name: "module_layout", CRC: 0x1000}}, needs)
			versions, err := o.Versions()
			require.NoError(t, err)
			require.Equal(t, []kmod.Symbol{{Name: "module_layout", CRC: 0x1000}, {Name: "printk", CRC: 0x1001}, {Name: "dot", CRC: 0x1002}}, versions)
		})
	}
}

func TestELFDamaged(t *testing.T) {
	good := kmodtest.Module{Name: "m", Exports: []string{"ex_a"}, Needs: []string{"printk"}}.ELF()
	with := func(f func(b []byte)) []byte {
		b := append([]byte(nil), good...)
		f(b)
		return b
	}
	for _, c := range []struct {
		name  string
		image []byte
		want  error
		text  string
	}{
		{"nothing", nil, kmod.ErrNotModule, "neither an ELF nor a wasm object"},
		{"text", []byte("#!/bin/sh\nexit 0\n"), kmod.ErrNotModule, "neither"},
		{"magic alone", good[:16], kmod.ErrNotModule, "16 bytes"},
		{"header alone", good[:64], kmod.ErrFormat, "64 bytes"},
		{"truncated", good[:len(good)/2], kmod.ErrFormat, "section headers"},
		{"class", with(func(b []byte) { b[4] = 3 }), kmod.ErrFormat, "ELF class 3"},
		{"encoding", with(func(b []byte) { b[5] = 0 }), kmod.ErrFormat, "data encoding 0"},
		{"section header size", with(func(b []byte) { b[58] = 40 }), kmod.ErrFormat, "headers of 40 bytes"},
		{"section table far away", with(func(b []byte) { binary.LittleEndian.PutUint64(b[40:], 1<<63) }), kmod.ErrFormat, "section headers at"},
		{"no name section", with(func(b []byte) { b[62] = 0 }), kmod.ErrFormat, "section names in section 0"},
		{"name section out of range", with(func(b []byte) { b[62] = 99 }), kmod.ErrFormat, "section names in section 99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := kmod.Parse(c.image)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.text)
		})
	}
	o, err := kmod.Parse(kmodtest.Module{Name: "plain", NoSymtab: true}.ELF())
	require.NoError(t, err)
	_, err = o.Exports()
	require.ErrorIs(t, err, kmod.ErrNoSection)
	_, err = o.Undefined()
	require.ErrorIs(t, err, kmod.ErrFormat)
	_, err = o.Versions()
	require.Equal(t, uapi.ENOENT, uapi.ErrnoOf(err))
}

// TestWasm reads a module of ours; testdata/depw.ko is made of depw.c by
// clang --target=wasm64-unknown-unknown -O2 -ffreestanding -c and wasm-ld -r -mwasm64.
func TestWasm(t *testing.T) {
	image, err := kmod.ReadModule("testdata/depw.ko")
	require.NoError(t, err)
	o, err := kmod.Parse(image)
	require.NoError(t, err)
	info, err := o.Modinfo()
	require.NoError(t, err)
	require.Equal(t, kmod.Field{Key: "alias", Value: "char-major-42-*"}, info[1])
	require.Equal(t, kmod.Field{Key: "vermagic", Value: "6.1.0-kobench SMP preempt mod_unload wasm64 "}, info[6])
	exports, err := o.Exports()
	require.NoError(t, err)
	require.Equal(t, []kmod.Symbol{{Name: "depw_twice"}, {Name: "depw_gpl"}}, exports)
	needs, err := o.Undefined()
	require.NoError(t, err)
	require.Equal(t, []kmod.Symbol{{Name: "depa_add"}, {Name: "maybe", Weak: true}}, needs)
	_, err = o.Versions()
	require.ErrorIs(t, err, kmod.ErrNoSection)

	signed := sign(image, []byte{0, 4, 1, 3, 2}, "Bob\xab\xcdSIG")
	o, err = kmod.Parse(signed)
	require.NoError(t, err, "the signature is not part of the wasm object")
	_, err = o.Modinfo()
	require.NoError(t, err)
	_, err = kmod.Parse(image[:len(image)/2])
	require.ErrorIs(t, err, kmod.ErrFormat)
}

func TestReadModuleCompressed(t *testing.T) {
	want := kmodtest.Module{Name: "m"}.ELF()
	dir := t.TempDir()
	for _, name := range []string{"m.ko", "m.ko.xz", "m.ko.zst"} {
		t.Run(name, func(t *testing.T) {
			packed := kmodtest.Compress(t, name, want)
			path := filepath.Join(dir, name)
			kmodtest.WriteFile(t, path, packed)
			got, err := kmod.ReadModule(path)
			require.NoError(t, err)
			require.Equal(t, want, got)
			if name != "m.ko" {
				_, err = kmod.Decompress(packed[:len(packed)-6])
				require.ErrorIs(t, err, kmod.ErrFormat)
			}
		})
	}
	_, err := kmod.ReadModule(dir)
	require.Equal(t, uapi.EISDIR, uapi.ErrnoOf(err))
	_, err = kmod.ReadModule(dir + "/none.ko")
	require.Equal(t, uapi.ENOENT, uapi.ErrnoOf(err))
	_, err = kmod.Decompress([]byte("short"))
	require.Equal(t, uapi.EINVAL, uapi.ErrnoOf(err))
}

// TestHugeXZDictionary: a small file must not make the decoder allocate 4 GiB.
func TestHugeXZDictionary(t *testing.T) {
	packed := kmodtest.Compress(t, "m.xz", kmodtest.Module{Name: "m"}.ELF())
	header := packed[12:][:(int(packed[12])+1)*4]
	at := bytes.Index(header, []byte{0x21, 1})
	require.Positive(t, at)
	for code, ok := range map[byte]bool{28: true, 29: false, 40: false} {
		header[at+2] = code
		binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))
		_, err := kmod.Decompress(packed)
		if ok {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, kmod.ErrFormat)
		require.ErrorContains(t, err, "dictionary")
	}
}

// sign appends a signature: head is algo, hash, id, signer and key length; data signer, key,
// signature.
func sign(image, head []byte, data string) []byte {
	out := append(append([]byte(nil), image...), data...)
	out = append(append(out, head...), 0, 0, 0)
	sig := len(data) - int(head[3]) - int(head[4])
	out = binary.BigEndian.AppendUint32(out, uint32(sig))
	return append(out, "~Module signature appended~\n"...)
}

func TestSignature(t *testing.T) {
	image := kmodtest.Module{Name: "m"}.ELF()
	_, ok := kmod.ParseSignature(image)
	require.False(t, ok)

	s, ok := kmod.ParseSignature(sign(image, []byte{1, 4, 1, 3, 2}, "Bob\xab\xcdSIG"))
	require.True(t, ok)
	require.Equal(t, kmod.Signature{ID: "X509", Signer: "Bob", Key: []byte{0xab, 0xcd}, Hash: "sha256", Data: []byte("SIG")}, s)

	s, ok = kmod.ParseSignature(sign(image, []byte{0, 0, 2, 0, 0}, string(pkcs7(t, []int{2, 16, 840, 1, 101, 3, 4, 2, 3}))))
	require.True(t, ok)
	require.Equal(t, []kmod.Field{{Key: "sig_id", Value: "PKCS#7"}, {Key: "signer", Value: "Some key"}, {Key: "sig_key", Value: "12:34:56"},
		{Key: "sig_hashalgo", Value: "sha512"},
		{Key: "signature", Value: "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:\n\t\t14:15"}}, s.Fields())

	for name, bad := range map[string][]byte{
		"unknown hash of PKCS#7": sign(image, []byte{0, 0, 2, 0, 0}, string(pkcs7(t, []int{1, 2, 3}))),
		"no DER":                 sign(image, []byte{0, 0, 2, 0, 0}, "nonsense"),
		"hash":                   sign(image, []byte{0, 9, 1, 0, 0}, "SIG"),
		"id":                     sign(image, []byte{0, 0, 3, 0, 0}, "SIG"),
		"algorithm":              sign(image, []byte{2, 0, 1, 0, 0}, "SIG"),
		"empty":                  sign(image, []byte{0, 0, 1, 0, 0}, ""),
		"longer than the file":   sign(nil, []byte{0, 0, 1, 200, 0}, "SIG"),
		"magic alone":            []byte("~Module signature appended~\n"),
	} {
		t.Run(name, func(t *testing.T) {
			_, ok := kmod.ParseSignature(bad)
			require.False(t, ok)
		})
	}
}

// pkcs7 makes a SignedData as sign-file does, without certificates.
func pkcs7(t *testing.T, digest asn1.ObjectIdentifier) []byte {
	t.Helper()
	type attr struct {
		OID   asn1.ObjectIdentifier
		Value string `asn1:"utf8"`
	}
	type algSET struct {
		OID asn1.ObjectIdentifier
	}
	type nameSET []attr
	type issuer struct {
		Name   []nameSET
		Serial *big.Int
	}
	type signer struct {
		Version int
		Issuer  issuer
		Digest  algSET
		Alg     algSET
		Sig     []byte
	}
	type content struct{ OID asn1.ObjectIdentifier }
	type data struct {
		Version int
		Digests []algSET `asn1:"set"`
		Content content
		Signers []signer `asn1:"set"`
	}
	type info struct {
		OID  asn1.ObjectIdentifier
		Data data `asn1:"explicit,tag:0"`
	}
	sig := make([]byte, 22)
	for i := range sig {
		sig[i] = byte(i)
	}
	der, err := asn1.Marshal(info{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, data{
		Version: 1, Digests: []algSET{{digest}}, Content: content{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}},
		Signers: []signer{{1, issuer{[]nameSET{{{asn1.ObjectIdentifier{2, 5, 4, 10}, "Org"}}, {{asn1.ObjectIdentifier{2, 5, 4, 3}, "Some key"}}, {{asn1.ObjectIdentifier{2, 5, 4, 11}, "Unit"}}},
			big.NewInt(0x123456)}, algSET{digest}, algSET{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}}, sig}},
	}})
	require.NoError(t, err)
	return der
}

// TestOracleModinfo compares modinfo of Debian's signed modules, fields and all, with kmod 30's.
func TestOracleModinfo(t *testing.T) {
	modinfo := realTool(t, "modinfo")
	root, release := debianTree(t)
	files, err := filepath.Glob(filepath.Join(root, "lib/modules", release, "kernel/drivers/usb/*/*.ko"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	signed := 0
	for _, path := range files[:min(40, len(files))] {
		fields, err := kmod.ReadInfo(path)
		require.NoError(t, err)
		got := ""
		for _, f := range fields {
			if f.Key != "parm" && f.Key != "parmtype" {
				got += f.Key + "=" + f.Value + "\x00"
			}
			if f.Key == "sig_id" {
				signed++
			}
		}
		out, err := exec.CommandContext(t.Context(), modinfo, "-0", path).Output()
		require.NoError(t, err)
		want := string(out)[len("filename:       "+path+"\x00"):]
		require.Equal(t, got, want[:min(len(got), len(want))], path)
	}
	require.NotZero(t, signed)
}
