//go:build linux

package supervisor

import "golang.org/x/sys/unix"

// restarts reports whether a stopped thread's result may become ERESTARTSYS
// (arch/x86/kernel/signal.c looks at it after the stop).
const restarts = true

// regs are a stopped thread's registers.
type regs struct{ unix.PtraceRegs }

func (r *regs) get(tid int) error { return unix.PtraceGetRegs(tid, &r.PtraceRegs) }
func (r *regs) set(tid int) error { return unix.PtraceSetRegs(tid, &r.PtraceRegs) }

func (r *regs) result() int64     { return int64(r.Rax) }
func (r *regs) setResult(n int64) { r.Rax = uint64(n) }

// again goes back to the instruction that has made the last call, with another one.
func (r *regs) again(nr uint64, args []uint64) {
	r.Rip -= 2
	r.Rax, r.Orig_rax = nr, ^uint64(0)
	for i, to := range []*uint64{&r.Rdi, &r.Rsi, &r.Rdx, &r.R10, &r.R8, &r.R9}[:len(args)] {
		*to = args[i]
	}
}
