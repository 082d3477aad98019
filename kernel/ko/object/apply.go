package object

import (
	"encoding/binary"
	"fmt"
)

// addr is the value of a relocation that names data: the address that C sees.
func (l *linker) addr(x *Reloc) uint64 {
	s := &l.o.Symbols[x.Index]
	switch {
	case !s.Defined():
		return l.target[x.Index].Addr + uint64(x.Addend)
	case s.Flags&Absolute != 0:
		return s.Offset + uint64(x.Addend)
	}
	return KernelBase + uint64(l.segAddr[s.Segment]) + s.Offset + uint64(x.Addend)
}

// dataRelocs patches copies of the segments that have relocations.
func (l *linker) dataRelocs() error {
	seg, copied := 0, false
	for i := range l.o.DataRelocs {
		x := &l.o.DataRelocs[i]
		for seg < len(l.o.Segments) && x.Offset >= l.o.Segments[seg].offset+uint32(len(l.o.Segments[seg].Data)) {
			seg++
			copied = false
		}
		bad := func(format string, args ...any) error {
			return &Error{Kind: ErrReloc, Section: "data", Offset: l.o.dataOff + int(x.Offset), Msg: fmt.Sprintf(format, args...)}
		}
		if seg == len(l.o.Segments) || x.Offset < l.o.Segments[seg].offset {
			return bad("%v stands outside the data segments", x.Type)
		}
		s := &l.o.Segments[seg]
		off := x.Offset - s.offset
		if uint64(off)+uint64(x.Type.width()) > uint64(len(s.Data)) {
			return bad("%v runs past the end of segment %s", x.Type, s.Name)
		}
		var v uint64
		switch x.Type {
		case TableIndexI64:
			v = FuncAddr(l.slotOf[x.Index])
		case MemoryAddrI64:
			v = l.addr(x)
		case MemoryLocrelI32:
			v = l.addr(x) - (KernelBase + uint64(l.segAddr[seg]+off))
		default:
			return bad("%v in data", x.Type)
		}
		p := &l.img.Segments[seg]
		if !copied {
			p.Data = append([]byte(nil), s.Data...)
			copied = true
		}
		if x.Type == MemoryLocrelI32 {
			binary.LittleEndian.PutUint32(p.Data[off:], uint32(v))
		} else {
			binary.LittleEndian.PutUint64(p.Data[off:], v)
		}
	}
	return nil
}
