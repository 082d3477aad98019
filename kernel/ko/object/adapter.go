package object

// adapter is a function that stands between a call and a function of another prototype. C calls
// that undefined; on real machines, where arguments travel in registers, it works.
type adapter struct {
	symbol   uint32
	used, is FuncType
	callee   uint32
}

// adaptable: integers can be cut and extended, floating point has registers of its own.
func adaptable(a, b FuncType) bool {
	for _, list := range [][]ValType{a.Params, a.Results, b.Params, b.Results} {
		for _, t := range list {
			if t != I32 && t != I64 {
				return false
			}
		}
	}
	return true
}

// body is the adapter's code: what is missing is 0, what is too much falls off.
func (a *adapter) body() []byte {
	b := []byte{0}
	for i, t := range a.is.Params {
		if i < len(a.used.Params) {
			b = convert(appendU32(append(b, opLocalGet), uint32(i)), a.used.Params[i], t)
		} else {
			b = zero(b, t)
		}
	}
	b = appendU32(append(b, opCall), a.callee)
	switch {
	case len(a.is.Results) > 0 && len(a.used.Results) > 0:
		b = convert(b, a.is.Results[0], a.used.Results[0])
	case len(a.is.Results) > 0:
		b = append(b, opDrop)
	case len(a.used.Results) > 0:
		b = zero(b, a.used.Results[0])
	}
	return append(b, opEnd)
}

func zero(b []byte, t ValType) []byte {
	if t == I64 {
		return append(b, opI64Const, 0)
	}
	return append(b, opI32Const, 0)
}

// convert changes the width of what is on the stack; an int is extended with its sign, which is
// what a callee sees that was declared in a hurry: f(-1).
func convert(b []byte, from, to ValType) []byte {
	switch {
	case from == to:
		return b
	case to == I64:
		return append(b, opI64ExtendS)
	}
	return append(b, opI32WrapI64)
}
