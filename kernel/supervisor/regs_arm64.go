//go:build linux

package supervisor

import "golang.org/x/sys/unix"

// restarts: arch/arm64/kernel/signal.c has looked at the result before the stop.
const restarts = false

// regs are a stopped thread's registers.
type regs struct{ unix.PtraceRegsArm64 }

const ntPRStatus = 1

func (r *regs) get(tid int) error {
	return unix.PtraceGetRegSetArm64(tid, ntPRStatus, &r.PtraceRegsArm64)
}
func (r *regs) set(tid int) error {
	return unix.PtraceSetRegSetArm64(tid, ntPRStatus, &r.PtraceRegsArm64)
}

func (r *regs) result() int64     { return int64(r.Regs[0]) }
func (r *regs) setResult(n int64) { r.Regs[0] = uint64(n) }

// again goes back to the instruction that has made the last call, with another one.
func (r *regs) again(nr uint64, args []uint64) {
	r.Pc -= 4
	r.Regs[8] = nr
	copy(r.Regs[:6], args)
}
