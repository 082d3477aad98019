package ko

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel"
)

// builtinKey is the key of .modinfo by which a file stands for a driver that is linked into the
// program.
const builtinKey = "kobench.builtin"

// Stub makes the .ko file of a driver that is written in Go: no code, but all that modinfo, depmod
// and modprobe want to know. Loading it loads the driver of that name from the kernel's catalog.
func Stub(m *kernel.Module) []byte {
	var info []byte
	add := func(key, val string) {
		info = append(info, key+"="+strings.ReplaceAll(val, "\x00", "")+"\x00"...)
	}
	name := strings.ReplaceAll(m.Name, "-", "_")
	for _, kv := range [][2]string{{"version", m.Version}, {"description", m.Description}, {"license", m.License}, {"srcversion", m.SrcVersion}} {
		if kv[1] != "" {
			add(kv[0], kv[1])
		}
	}
	for _, a := range m.Authors {
		add("author", a)
	}
	for _, a := range m.Aliases {
		add("alias", a)
	}
	for _, s := range m.Softdep {
		add("softdep", s)
	}
	for i := range m.Params {
		p := &m.Params[i]
		if p.Value != nil {
			add("parmtype", p.Name+":"+p.Value.Type())
		}
		if p.Desc != "" {
			add("parm", p.Name+":"+p.Desc)
		}
	}
	add("depends", strings.Join(m.Depends, ","))
	add("intree", "Y")
	add("name", name)
	add("vermagic", kernel.Vermagic)
	add(builtinKey, name)

	segs := []segment{{".modinfo", info, ""}}
	for _, e := range m.Exports {
		prefix := "___ksymtab+"
		if e.GPL {
			prefix = "___ksymtab_gpl+"
		}
		segs = append(segs, segment{prefix + e.Name, make([]byte, 24), e.Name})
	}
	return relocatable(segs, m.Needs)
}

// segment is a data segment; symbol names it, "" is a local one.
type segment struct {
	name   string
	data   []byte
	symbol string
}

// relocatable writes an object of data only ([core] 5.5; tool-conventions Linking.md).
func relocatable(segs []segment, undefined []string) []byte {
	const (
		secImport, secData, secCustom     = 2, 11, 0
		subSegments, subSymbols           = 5, 8
		flagLocal, flagUndefined, symData = 2, 0x10, 1
	)
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, body []byte) {
		out = append(append(out, id), uleb(len(body))...)
		out = append(out, body...)
	}
	size := 0
	for _, s := range segs {
		size += len(s.data)
	}
	imp := append([]byte{1}, str("env")...)
	imp = append(append(append(imp, str("__linear_memory")...), 2, 4), uleb(size/65536+1)...)
	section(secImport, imp)

	data, at := uleb(len(segs)), 0
	for _, s := range segs {
		data = append(append(append(data, 0, 0x42), sleb(at)...), 0x0b) // i64.const
		data = append(append(data, uleb(len(s.data))...), s.data...)
		at += len(s.data)
	}
	section(secData, data)

	names, syms, n := uleb(len(segs)), []byte(nil), 0
	for i, s := range segs {
		names = append(append(names, str(s.name)...), 0, 0)
		sym, flags := s.symbol, 0
		if sym == "" {
			sym, flags = s.name, flagLocal
		}
		syms = append(append(append(syms, symData), uleb(flags)...), str(sym)...)
		syms = append(append(append(syms, uleb(i)...), 0), uleb(len(s.data))...)
		n++
	}
	for _, u := range slices.Compact(slices.Sorted(slices.Values(undefined))) {
		syms = append(append(append(syms, symData), uleb(flagUndefined)...), str(u)...)
		n++
	}
	syms = append(uleb(n), syms...)
	link := append(str("linking"), 2)
	link = append(append(append(link, subSegments), uleb(len(names))...), names...)
	link = append(append(append(link, subSymbols), uleb(len(syms))...), syms...)
	section(secCustom, link)
	return out
}

func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// sleb is a number that is not negative as a signed LEB128.
func sleb(n int) []byte {
	var b []byte
	for ; n > 0x3f; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func str(s string) []byte { return append(uleb(len(s)), s...) }
