package object

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const fixtures = "../machine/testdata/"

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(fixtures + name)
	require.NoError(t, err)
	return b
}

func parse(t testing.TB, name string) *Object {
	t.Helper()
	o, err := Parse(read(t, name))
	require.NoError(t, err)
	return o
}

// anything resolves every symbol.
func anything(o *Object) LinkOptions {
	return LinkOptions{Name: "test", StackSize: 16128, Resolve: func(s *Symbol) (Target, error) {
		if s.Kind == SymData {
			return Target{Addr: 0x9000}, nil
		}
		return Target{Module: "m", Name: s.Name, Type: o.SymbolType(s), Slot: func() (uint32, error) { return 77, nil }}, nil
	}}
}

func TestParseHello(t *testing.T) {
	o := parse(t, "hello.ko")
	require.Equal(t, []KeyValue{{"license", "GPL"}, {"author", "nobody = at all"}}, Modinfo(o))
	var undef []string
	for _, s := range o.Undefined() {
		undef = append(undef, s.Name+o.SymbolType(s).String())
	}
	require.Equal(t, []string{"_copy_to_user(i64, i64, i64) -> i64", "_copy_from_user(i64, i64, i64) -> i64", "printk(i64, i64) -> i32"}, undef)
	s, ok := o.Lookup("init_module")
	require.True(t, ok)
	require.Equal(t, SymFunc, s.Kind)
	require.Equal(t, "() -> i32", o.SymbolType(s).String())
	s, ok = o.Lookup("fops")
	require.True(t, ok)
	require.EqualValues(t, 32, s.Size)
	data, ok := o.Section(".init.data")
	require.True(t, ok)
	require.Equal(t, "hello: loaded\x00", string(data))
	_, ok = o.Section(".nothing")
	require.False(t, ok)
	_, ok = o.Lookup("nobody")
	require.False(t, ok)
	require.Equal(t, len(read(t, "hello.ko")), o.Size())
	require.NotZero(t, o.CodeSize())
}

func TestLinkHello(t *testing.T) {
	o := parse(t, "hello.ko")
	p := o.Plan()
	require.Equal(t, Plan{CoreSize: p.CoreSize, CoreAlign: 8, InitSize: p.InitSize, InitAlign: p.InitAlign, Slots: 7}, p)
	img, err := o.Link(Placement{Core: 0x4000, Init: 0x5000, Slot: 100}, anything(o))
	require.NoError(t, err)
	kinds := map[string][2]bool{}
	for _, f := range img.Funcs {
		kinds[f.Name] = [2]bool{f.Init, f.Exit}
	}
	require.Equal(t, map[string][2]bool{
		"init_module": {true, false}, "cleanup_module": {false, true},
		"nothing": {}, "hello_open": {}, "hello_read": {}, "hello_write": {}, "hello_release": {},
	}, kinds)
	fops := img.Globals["fops"]
	for _, s := range img.Segments {
		if at := fops.Addr - KernelBase - uint64(s.Addr); at < uint64(len(s.Data)) {
			for i := range uint64(4) {
				require.Equal(t, FuncAddr(uint32(101+i)), binary.LittleEndian.Uint64(s.Data[8*i:]), "the addresses of read, write, open, release")
			}
		}
		require.Equal(t, s.Name == ".modinfo" || s.Name == ".init.data", s.Init)
		require.Equal(t, s.Init, s.Addr >= 0x5000, s.Name)
	}
	again, err := o.Link(Placement{Core: 0x4000, Init: 0x5000, Slot: 100}, anything(o))
	require.NoError(t, err)
	require.Equal(t, img, again, "linking is deterministic and leaves the object alone")
}

func TestClosedFunctions(t *testing.T) {
	o := parse(t, "trap.ko")
	opt := anything(o)
	resolve := opt.Resolve
	opt.Resolve = func(s *Symbol) (Target, error) {
		tg, err := resolve(s)
		tg.Closed = s.Name == "kaboom"
		return tg, err
	}
	img, err := o.Link(Placement{Slot: 1}, opt)
	require.NoError(t, err)
	got := map[string]bool{}
	for _, f := range img.Funcs {
		got[f.Name] = f.Closed
	}
	for name, closed := range map[string]bool{
		"divide": true, "spin": true, "host_panics": true,
		"nested_null": false, "call_ptr": false, "call_null": false, "eat": false, "deep_frames": false, "tree": false, "forever": false,
	} {
		require.Equal(t, closed, got[name], name)
	}
}

func TestModinfoOddities(t *testing.T) {
	for _, c := range []struct {
		data string
		want []KeyValue
	}{
		{"", nil},
		{"\x00\x00", nil},
		{"a=b\x00", []KeyValue{{"a", "b"}}},
		{"\x00a=b\x00\x00c=d=e\x00flag", []KeyValue{{"a", "b"}, {"c", "d=e"}, {"flag", ""}}},
	} {
		o := &Object{Segments: []Segment{{Name: ".modinfo", Data: []byte(c.data)}}}
		require.Equal(t, c.want, Modinfo(o), "%q", c.data)
	}
}

func TestTypeStrings(t *testing.T) {
	ft := FuncType{Params: []ValType{I32, I64, F32, F64}, Results: []ValType{I64}}
	require.Equal(t, "(i32, i64, f32, f64) -> i64", ft.String())
	require.Equal(t, "ilfd_l", ft.Key())
	require.True(t, ft.Equal(ft))
	require.False(t, ft.Equal(FuncType{Params: ft.Params}))
	require.Equal(t, "_", FuncType{}.Key())
}

// Every prefix of a good file is refused with a typed error.
func TestTruncated(t *testing.T) {
	b := read(t, "hello.ko")
	for n := range b {
		o, err := Parse(b[:n:n])
		if err == nil { // cut between two custom sections at the end
			_, err = o.Link(Placement{}, anything(o))
			if err == nil {
				continue
			}
		}
		var e *Error
		require.ErrorAs(t, err, &e, "%d bytes", n)
		require.NotNil(t, e.Kind)
	}
}

// Whatever a single byte becomes, the file is linked or refused, never worse.
func TestCorrupted(t *testing.T) {
	for _, name := range []string{"hello.ko", "provider.ko", "trap.ko"} {
		b := read(t, name)
		for i := range b {
			old := b[i]
			for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff, old ^ 1, old ^ 0x40, old + 1} {
				b[i] = v
				o, err := Parse(b)
				if err == nil {
					_, err = o.Link(Placement{Core: 1 << 16, Init: 1 << 17, Slot: 1}, anything(o))
				}
				var e *Error
				if err != nil && !errors.As(err, &e) {
					t.Fatalf("%s byte %#x = %#x: error %v is not typed", name, i, v, err)
				}
			}
			b[i] = old
		}
	}
}

// section assembles one section of a hand-made object.
func section(id byte, body ...byte) []byte { return appendSection(nil, id, body) }

func custom(name string, body ...byte) []byte {
	return appendSection(nil, 0, append(appendName(nil, name), body...))
}

func file(sections ...[]byte) []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range sections {
		b = append(b, s...)
	}
	return b
}

func linking(sub byte, body ...byte) []byte {
	return custom("linking", append([]byte{2}, appendSection(nil, sub, body)...)...)
}

// long is an instruction with an operand that a relocation of 64 bits can replace.
func long(op byte) []byte { return []byte{op, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0} }

// call is a call with an operand of 5 bytes, at offset 5 of the code section.
func code(body ...byte) []byte {
	b := append([]byte{0}, body...)
	return section(10, append([]byte{1, byte(len(b))}, b...)...)
}

func TestParseErrors(t *testing.T) {
	types := section(1, 1, 0x60, 0, 0)
	fn := section(3, 1, 0)
	nop := code(0x0b)
	sym := linking(8, 1, 0, 0, 0, 1, 'f') // function 0, "f"
	dataSec := section(11, 1, 0, 0x42, 0, 0x0b, 4, 1, 2, 3, 4)
	for _, c := range []struct {
		name string
		file []byte
		kind error
		text string
	}{
		{"empty", nil, ErrFormat, "begins with"},
		{"elf", []byte("\x7fELF"), ErrFormat, "begins with 7f 45 4c 46, want 00 61 73 6d"},
		{"version", []byte("\x00asm\x0d\x00\x01\x00"), ErrFormat, "version 0d 00 01 00"},
		{"no linking", file(types), ErrFormat, "no linking section"},
		{"section id", file(section(99)), ErrFormat, "section id 99"},
		{"order", file(fn, types), ErrIndex, "function 0 has type 0 of 0"},
		{"twice", file(types, types), ErrFormat, "out of order or twice"},
		{"section length", []byte("\x00asm\x01\x00\x00\x00\x01\xff\xff\x03"), ErrTruncated, "a section has 65535 bytes, 0 are left"},
		{"long number", []byte("\x00asm\x01\x00\x00\x00\x01\xff\xff\xff\xff\x7f"), ErrFormat, "longer than 32 bits"},
		{"many types", file(section(1, 0xff, 0xff, 0xff, 0x7f)), ErrTruncated, "types do not fit"},
		{"type form", file(section(1, 1, 0x5f, 0)), ErrTruncated, ""},
		{"struct type", file(section(1, 1, 0x5f, 0, 0)), ErrUnsupported, "form 0x5f"},
		{"vector", file(section(1, 1, 0x60, 1, 0x7b, 0)), ErrUnsupported, "value type 0x7b"},
		{"two results", file(section(1, 1, 0x60, 0, 2, 0x7f, 0x7f)), ErrLimit, "2 results"},
		{"left over", file(section(1, 1, 0x60, 0, 0, 9)), ErrFormat, "1 bytes left over"},
		{"own global", file(section(6, 0)), ErrUnsupported, "no global section"},
		{"own table", file(section(4, 0)), ErrUnsupported, "no table section"},
		{"start", file(section(8, 0)), ErrUnsupported, "no start section"},
		{"import type", file(types, section(2, 1, 1, 'e', 1, 'f', 0, 7)), ErrIndex, "has type 7 of 1"},
		{"import global", file(section(2, 1, 1, 'e', 1, 'g', 3, 0x7f, 0)), ErrUnsupported, "without -fPIC"},
		{"import kind", file(section(2, 1, 1, 'e', 1, 'f', 9, 0)), ErrUnsupported, "kind 9"},
		{"shared memory", file(section(2, 1, 1, 'e', 1, 'm', 2, 7, 1, 1)), ErrUnsupported, "limits with flags 0x7, want 0x4"},
		{"32-bit memory", file(section(2, 1, 1, 'e', 1, 'm', 2, 0, 1)), ErrOldABI, "build it again"},
		{"32-bit stack pointer", file(section(2, 1, 1, 'e', 15, '_', '_', 's', 't', 'a', 'c', 'k', '_', 'p', 'o', 'i', 'n', 't', 'e', 'r', 3, 0x7f, 1)), ErrOldABI, "32-bit kernel"},
		{"name not utf8", file(section(2, 1, 1, 0xff, 1, 'f', 0, 0)), ErrFormat, "not UTF-8"},
		{"no bodies", file(types, fn), ErrFormat, "1 functions are declared"},
		{"too few bodies", file(types, fn, section(10, 0)), ErrFormat, "0 bodies for 1 functions"},
		{"body length", file(types, fn, section(10, 1, 0x55, 0)), ErrTruncated, "a function body has 85 bytes"},
		{"data length", file(section(11, 1, 0, 0x42, 0, 0x0b, 0x7f)), ErrTruncated, "a data segment has 127 bytes"},
		{"data offset", file(section(11, 1, 0, 0x23, 0, 0x0b, 0)), ErrUnsupported, "opcode 0x23, want i64.const"},
		{"data mode", file(section(11, 1, 2, 0, 0)), ErrUnsupported, "mode 2"},
		{"datacount", file(section(12, 2), section(11, 1, 1, 0)), ErrFormat, "datacount section says 2"},
		{"linking version", file(custom("linking", 1)), ErrUnsupported, "linking version 1, want 2"},
		{"two linkings", file(custom("linking", 2), custom("linking", 2)), ErrFormat, "second linking"},
		{"subsection", file(custom("linking", 2, 99, 0)), ErrUnsupported, "linking subsection 99"},
		{"symbol index", file(types, fn, nop, linking(8, 1, 0, 0, 5, 1, 'f')), ErrIndex, "has index 5, the object defines 0 to 1"},
		{"undefined index", file(types, linking(8, 1, 0, 0x10, 0)), ErrIndex, "index 0 of 0 imports"},
		{"symbol kind", file(linking(8, 1, 9, 0, 0)), ErrUnsupported, "kind 9"},
		{"local undefined", file(linking(8, 1, 1, 0x12, 1, 'x')), ErrFormat, "local and undefined"},
		{"data symbol segment", file(dataSec, linking(8, 1, 1, 0, 1, 'x', 3, 0, 0)), ErrIndex, "segment 3 of 1"},
		{"data symbol range", file(dataSec, linking(8, 1, 1, 0, 1, 'x', 0, 3, 2)), ErrIndex, "bytes 3 to 5 of segment .data, which has 4"},
		{"segment names", file(dataSec, linking(5, 0)), ErrFormat, "0 names for 1 data segments"},
		{"segment align", file(dataSec, linking(5, 1, 1, 'd', 31, 0)), ErrLimit, "aligned to 2^31"},
		{"segment tls", file(dataSec, linking(5, 1, 1, 'd', 0, 2)), ErrUnsupported, "thread-local"},
		{"init function", file(linking(6, 1, 0, 4)), ErrIndex, "names symbol 4"},
		{"comdat", file(linking(7, 1, 1, 'c', 0, 1, 1, 9)), ErrIndex, "entry 9 of 0"},
		{"reloc before linking", file(types, custom("reloc.CODE", 0, 0)), ErrFormat, "before the linking section"},
		{"reloc section", file(sym[:0], custom("linking", 2), custom("reloc.CODE", 7, 0)), ErrIndex, "section 7 of 1"},
		{"reloc of types", file(types, custom("linking", 2), custom("reloc.X", 0, 0)), ErrReloc, "relocations for the type section"},
		{"reloc type", file(types, fn, nop, sym, custom("reloc.CODE", 2, 1, 99, 0, 0)), ErrReloc, "relocation type 99 is unknown"},
		{"reloc offset", file(types, fn, nop, sym, custom("reloc.CODE", 2, 1, 0, 50, 0)), ErrReloc, "overwrites 5 bytes, the code section has 0x4"},
		{"reloc symbol", file(types, fn, code(0x10, 0x80, 0x80, 0x80, 0x80, 0, 0x0b), sym, custom("reloc.CODE", 2, 1, 0, 4, 3)), ErrIndex, "names symbol 3 of 1"},
		{"reloc kind", file(types, fn, code(append(long(0x42), 0x1a, 0x0b)...), sym, custom("reloc.CODE", 2, 1, 15, 4, 0, 0)), ErrReloc, `needs a data symbol, "f" is a function`},
		{"reloc order", file(types, fn, code(0x10, 0x80, 0x80, 0x80, 0x80, 0, 0x0b), sym, custom("reloc.CODE", 2, 2, 0, 4, 0, 0, 4, 0)), ErrReloc, "does not come after"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.file)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.text)
		})
	}
}

func TestLinkErrors(t *testing.T) {
	types := section(1, 1, 0x60, 0, 0)
	fn := section(3, 1, 0)
	sym := linking(8, 2, 0, 0, 0, 1, 'f', 1, 0x10, 1, 'd')
	rel := func(r ...byte) []byte { return custom("reloc.CODE", append([]byte{2, 1}, r...)...) }
	for _, c := range []struct {
		name string
		file []byte
		kind error
		text string
	}{
		{"no end", file(types, fn, code(0x01), sym), ErrTruncated, ""},
		{"after the end", file(types, fn, code(0x0b, 0x0b), sym), ErrCode, "goes on after its end"},
		{"opcode", file(types, fn, code(0xff, 0x0b), sym), ErrUnsupported, "opcode 0xff"},
		{"simd", file(types, fn, code(0xfd, 0, 0x0b), sym), ErrUnsupported, "opcode 0xfd"},
		{"memory.grow", file(types, fn, code(0x41, 0, 0x40, 0, 0x1a, 0x0b), sym), ErrUnsupported, "a module gets memory from kmalloc"},
		{"table.set", file(types, fn, code(0x26, 0, 0x0b), sym), ErrUnsupported, "opcode 0x26"},
		{"label", file(types, fn, code(0x41, 0, 0x0d, 9, 0x0b), sym), ErrCode, "label 9 of 1"},
		{"local", file(types, fn, code(0x20, 3, 0x1a, 0x0b), sym), ErrCode, "local 3 of 0"},
		{"global", file(types, fn, code(0x23, 0, 0x1a, 0x0b), sym), ErrReloc, "global access has no relocation"},
		{"call", file(types, fn, code(0x10, 9, 0x0b), sym), ErrReloc, "call of function 9 has no relocation"},
		{"call_indirect", file(types, fn, code(0x41, 0, 0x11, 0, 0, 0x0b), sym), ErrReloc, "call_indirect has no relocation"},
		{"reloc on nothing", file(types, fn, code(append(long(0x42), 0x1a, 0x0b)...), sym, rel(18, 3, 0)), ErrReloc, "stands on no operand"},
		{"reloc on the wrong operand", file(types, fn, code(append(long(0x42), 0x1a, 0x0b)...), sym, rel(0, 4, 0)), ErrReloc, "R_WASM_FUNCTION_INDEX_LEB stands on an operand of another kind"},
		{"reloc on a short number", file(types, fn, code(0x42, 1, 0x1a, 0x42, 1, 0x1a, 0x42, 1, 0x1a, 0x42, 1, 0x1a, 0x0b), sym, rel(18, 4, 0)), ErrReloc, "not padded"},
		{"empty stack", file(types, fn, code(0x1a, 0x0b), sym), ErrCode, "a value is missing on the stack"},
		{"many locals", file(types, fn, section(10, 1, 8, 1, 0xff, 0xff, 0xff, 0x7f, 0x7f, 0x0b, 0x0b), sym), ErrLimit, "locals"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := Parse(c.file)
			require.NoError(t, err)
			_, err = o.Link(Placement{}, anything(o))
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.text)
		})
	}
}

func TestUndefinedNamesAllSymbols(t *testing.T) {
	o := parse(t, "consumer.ko")
	why := errors.New("no such thing")
	_, err := o.Link(Placement{}, LinkOptions{Name: "x", Resolve: func(*Symbol) (Target, error) { return Target{}, why }})
	require.ErrorIs(t, err, ErrUndefined)
	for _, s := range o.Undefined() {
		require.ErrorContains(t, err, "symbol "+s.Name+": unknown symbol: no such thing")
	}
}

func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Parse(b)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			return
		}
		o.Plan()
		Modinfo(o)
		for i := range o.Symbols {
			o.Lookup(o.Symbols[i].Name)
			if o.Symbols[i].Kind == SymFunc {
				o.SymbolType(&o.Symbols[i])
			}
		}
	})
}

func FuzzLink(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Parse(b)
		if err != nil {
			return
		}
		img, err := o.Link(Placement{Core: 1 << 16, Init: 2 << 20, Slot: 1}, anything(o))
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			return
		}
		require.Less(t, len(img.Wasm), 64*len(b)+1<<16, "the image is out of proportion")
	})
}

func seed(f *testing.F) {
	list, err := filepath.Glob(fixtures + "*.ko")
	require.NoError(f, err)
	require.NotEmpty(f, list)
	for _, name := range list {
		f.Add(read(f, filepath.Base(name)))
	}
	f.Add(file(section(1, 1, 0x60, 0, 0), section(3, 1, 0), code(0x0b), linking(8, 1, 0, 0, 0, 1, 'f')))
}

func BenchmarkParseLink(b *testing.B) {
	src := read(b, "hello.ko")
	for b.Loop() {
		o, err := Parse(src)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := o.Link(Placement{Core: 1 << 16, Init: 1 << 17, Slot: 1}, anything(o)); err != nil {
			b.Fatal(err)
		}
	}
}
