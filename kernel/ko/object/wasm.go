package object

// Helpers that write the binary format ([core] 5).

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS32(b []byte, v int32) []byte { return appendS64(b, int64(v)) }

func appendS64(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}

func appendSection(b []byte, id byte, body []byte) []byte {
	b = append(b, id)
	b = appendU32(b, uint32(len(body)))
	return append(b, body...)
}

func appendType(b []byte, t FuncType) []byte {
	b = append(b, 0x60)
	b = appendU32(b, uint32(len(t.Params)))
	b = append(b, asBytes(t.Params)...)
	b = appendU32(b, uint32(len(t.Results)))
	return append(b, asBytes(t.Results)...)
}

// The opcodes that the rewriter knows by name ([core] 5.4).
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opCall         = 0x10
	opCallIndirect = 0x11
	opSelectT      = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opLoadFirst    = 0x28
	opLoadLast     = 0x35
	opStoreLast    = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI64GeU       = 0x5a
	opI64GtU       = 0x56
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI32WrapI64   = 0xa7
	opI64ExtendS   = 0xac
	opI64ExtendU   = 0xad
	opDrop         = 0x1a
	opSelect       = 0x1b
	opReturn       = 0x0f
	opNop          = 0x01
	opI32LtS       = 0x48
	opI32LtU       = 0x49
	opI32GtU       = 0x4b
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opNumericLast  = 0xc4
	opRefFunc      = 0xd2
	opPrefixFC     = 0xfc
	emptyBlock     = 0x40
)
