package object

// The addresses that C sees. Data lies where x86-64 maps all of memory, code where the kernel's
// text is ([Linux] Documentation/x86/x86_64/mm.rst). The engine's memory and table have 32 bits:
// the address of its n-th byte is KernelBase + n, that of its n-th function TextBase + 16 n.
const (
	KernelBase = 0xffff888000000000
	TextBase   = 0xffffffff81000000

	textShift = 4
)

// FuncAddr is the address of the function in a table slot, NULL for slot 0.
func FuncAddr(slot uint32) uint64 {
	if slot == 0 {
		return 0
	}
	return TextBase + uint64(slot)<<textShift
}

// FuncSlot is the slot of a function's address. ok is false where no function can be.
func FuncSlot(addr uint64) (slot uint32, ok bool) {
	n := addr - TextBase
	if n == 0 || n&(1<<textShift-1) != 0 || n>>textShift >= MaxFuncs {
		return 0, false
	}
	return uint32(n >> textShift), true
}
