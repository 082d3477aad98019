package modbus

import "encoding/binary"

// Handle does a request, without address and CRC, and gives the reply.
func (s *Slave) Handle(req []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(req) == 0 {
		return []byte{0x80, byte(IllegalFunction)}
	}
	f := req[0]
	reply, e := []byte(nil), s.fail
	if e == 0 {
		reply, e = s.do(f, req[1:])
	}
	if e != 0 {
		return []byte{f | 0x80, byte(e)}
	}
	s.served++
	return append([]byte{f}, reply...)
}

func (s *Slave) do(f byte, a []byte) ([]byte, Exception) {
	u16 := func(i int) int { return int(binary.BigEndian.Uint16(a[i:])) }
	if f == 15 || f == 16 || f == 23 {
		return s.doMany(f, a, u16)
	}
	if need := map[byte]int{1: 4, 2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 8: 4, 22: 6}[f]; need == 0 {
		return nil, IllegalFunction
	} else if len(a) != need {
		return nil, IllegalValue
	}
	at, v := u16(0), u16(2)
	switch f {
	case 1: // read coils [MBAP] 6.1
		return readBits(s.coils, at, v)
	case 2:
		return readBits(s.discrete, at, v)
	case 3: // read holding registers [MBAP] 6.3
		return readWords(s.holding, at, v)
	case 4:
		return readWords(s.input, at, v)
	case 5: // write a coil [MBAP] 6.5
		switch {
		case v != 0 && v != 0xff00:
			return nil, IllegalValue
		case at >= len(s.coils):
			return nil, IllegalAddress
		}
		s.coils[at] = v != 0
	case 6:
		if at >= len(s.holding) {
			return nil, IllegalAddress
		}
		s.holding[at] = uint16(v)
	case 8: // diagnostics: return query data [MBAP] 6.8
		if at != 0 {
			return nil, IllegalFunction
		}
	case 22: // mask write [MBAP] 6.16
		if at >= len(s.holding) {
			return nil, IllegalAddress
		}
		and, or := uint16(v), uint16(u16(4))
		s.holding[at] = s.holding[at]&and | or&^and
	}
	return a, 0
}

func (s *Slave) doMany(f byte, a []byte, u16 func(int) int) ([]byte, Exception) {
	switch f {
	case 15, 16:
		if len(a) < 5 || len(a) != 5+int(a[4]) {
			return nil, IllegalValue
		}
		at, n := u16(0), u16(2)
		if f == 15 { // write coils [MBAP] 6.11
			if n < 1 || n > 0x7b0 || int(a[4]) != (n+7)/8 {
				return nil, IllegalValue
			}
			if at+n > len(s.coils) {
				return nil, IllegalAddress
			}
			for i := range n {
				s.coils[at+i] = a[5+i/8]&(1<<(i%8)) != 0
			}
			return a[:4], 0
		}
		if e := s.writeWords(at, n, 0x7b, a[4:]); e != 0 {
			return nil, e
		}
		return a[:4], 0
	default: // 23: write, then read [MBAP] 6.17
		if len(a) < 9 || len(a) != 9+int(a[8]) {
			return nil, IllegalValue
		}
		if u16(0)+u16(2) > len(s.holding) {
			return nil, IllegalAddress
		}
		if e := s.writeWords(u16(4), u16(6), 0x79, a[8:]); e != 0 {
			return nil, e
		}
		return readWords(s.holding, u16(0), u16(2))
	}
}

// writeWords writes n registers from b, whose first byte counts the rest.
func (s *Slave) writeWords(at, n, most int, b []byte) Exception {
	if n < 1 || n > most || int(b[0]) != 2*n {
		return IllegalValue
	}
	if at+n > len(s.holding) {
		return IllegalAddress
	}
	for i := range n {
		s.holding[at+i] = binary.BigEndian.Uint16(b[1+2*i:])
	}
	return 0
}

func readBits(t []bool, at, n int) ([]byte, Exception) {
	if n < 1 || n > 2000 {
		return nil, IllegalValue
	}
	if at+n > len(t) {
		return nil, IllegalAddress
	}
	b := make([]byte, 1+(n+7)/8)
	b[0] = byte(len(b) - 1)
	for i := range n {
		if t[at+i] {
			b[1+i/8] |= 1 << (i % 8)
		}
	}
	return b, 0
}

func readWords(t []uint16, at, n int) ([]byte, Exception) {
	if n < 1 || n > 125 {
		return nil, IllegalValue
	}
	if at+n > len(t) {
		return nil, IllegalAddress
	}
	b := []byte{byte(2 * n)}
	for _, v := range t[at : at+n] {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b, 0
}
