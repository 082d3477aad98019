package machine

import "github.com/kobench/kobench/kernel/ko/object"

// copyBody and fillBody are memory.copy and memory.fill for modules, (to, from, n, site) and
// (to, byte, n, site): a range that is not kernel memory goes to the host function span, which
// finds the first bad address. Nothing is touched where n is 0, as in C.
func copyBody(memory, span uint32) []byte {
	b := object.ReturnIfZero(nil, 2)
	b = object.InMemory(b, 0, 2, 3, memory, span)
	b = object.InMemory(b, 1, 2, 3, memory, span)
	for i := uint32(0); i < 3; i++ {
		b = object.I32Wrap(object.LocalGet(b, i))
	}
	return object.MemoryCopy(b)
}

func fillBody(memory, span uint32) []byte {
	b := object.ReturnIfZero(nil, 2)
	b = object.InMemory(b, 0, 2, 3, memory, span)
	b = object.LocalGet(object.I32Wrap(object.LocalGet(b, 0)), 1)
	return object.MemoryFill(object.I32Wrap(object.LocalGet(b, 2)))
}
