package capi

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// fault makes of a trap what the kernel logs as an oops. Inside of C, where the thread is about to
// be unwound, it is a plain EFAULT. A trap that only carries a panic of the kernel's own through C
// goes on as that panic.
func (c *Ctx) fault(err error) error {
	var tr *machine.Trap
	if !errors.As(err, &tr) {
		return err
	}
	if c.th.Depth() > 0 {
		return kernel.EFAULT
	}
	if tr.Kind == machine.TrapKilled && tr.Err != nil {
		panic(tr.Err)
	}
	f := &kernel.Fault{Module: tr.Module, Err: tr}
	switch tr.Kind {
	case machine.TrapNull:
		f.What = fmt.Sprintf("kernel NULL pointer dereference, address: %016x", tr.Addr)
		f.Detail = pageFault(tr)
	case machine.TrapBounds:
		f.What = fmt.Sprintf("unable to handle page fault for address: %016x", tr.Addr)
		f.Detail = pageFault(tr)
		if high := int64(tr.Addr) >> 47; high != 0 && high != -1 {
			f.What = fmt.Sprintf("!general protection fault, probably for non-canonical address 0x%x: 0000", tr.Addr)
			f.Detail = nil
		}
	case machine.TrapDivide:
		f.What = "!divide error: 0000"
	case machine.TrapStack:
		f.What = fmt.Sprintf("kernel stack overflow in %s", tr.Func)
		f.Detail = []string{"stack: " + tr.Msg}
	case machine.TrapWatchdog:
		f.What = fmt.Sprintf("!watchdog: BUG: soft lockup - CPU#0 stuck for %ds! [%s:%d]", int(c.s.watchdog().Seconds()), c.command(), c.pid)
		c.s.K.AddTaint(kernel.TaintSoftlockup)
	case machine.TrapCall:
		f.What = fmt.Sprintf("unable to handle page fault for address: %016x", tr.Addr)
		f.Detail = append(pageFault(tr), tr.Msg)
	case machine.TrapUnreachable, machine.TrapConvert:
		f.What = "!invalid opcode: 0000"
		if tr.Msg != "" {
			f.Detail = []string{tr.Msg}
		}
	case machine.TrapKilled:
		f.What = "!" + tr.Msg
		f.Detail = []string{"invalid opcode: 0000"}
	default:
		f.What = "kernel function failed: " + tr.Msg
	}
	c.describe(f, tr)
	return f
}

// pageFault says what was tried and why it could not be, as [Linux] arch/x86/mm/fault.c
// show_fault_oops.
func pageFault(tr *machine.Trap) []string {
	code, what := 0, "read access"
	switch {
	case tr.Exec:
		code, what = 0x10, "instruction fetch"
	case tr.Write:
		code, what = 2, "write access"
	}
	why := "not-present page"
	if tr.Addr >= machine.NullLimit && tr.Addr < machine.UserEnd {
		code, why = code|1, "permissions violation"
	}
	return []string{"#PF: supervisor " + what + " in kernel mode", fmt.Sprintf("#PF: error_code(0x%04x) - %s", code, why)}
}

func (c *Ctx) describe(f *kernel.Fault, tr *machine.Trap) {
	var rest []machine.Frame
	c.s.M.Do(func() {
		name := tr.Func
		for i, fr := range tr.Stack {
			if fr.Module != "" {
				name = fr.Func
				rest = tr.Stack[i+1:]
				f.IP = c.s.place(fr.Module, tr.Func, tr.Offset)
				break
			}
		}
		if f.IP == "" && name != "" {
			f.IP = c.s.place(tr.Module, name, tr.Offset)
		}
		for _, fr := range rest {
			f.Trace = append(f.Trace, c.s.place(fr.Module, fr.Func, 0))
		}
	})
	f.Regs = []string{fmt.Sprintf("RSP: 0018:%016x EFLAGS: 00000246", tr.SP)}
	if tr.Addr != 0 || tr.Kind == machine.TrapNull || tr.Kind == machine.TrapBounds {
		f.Regs = append(f.Regs, fmt.Sprintf("CR2: %016x", tr.Addr))
	}
	if tr.Msg != "" && tr.Kind != machine.TrapKilled {
		f.Regs = append(f.Regs, "cause: "+tr.Kind.String()+": "+tr.Msg)
	}
}

// place is "function+0x13/0x40 [module]". Needs the big lock.
func (s *System) place(module, name string, off uint32) string {
	size := uint32(0)
	for _, m := range s.byMach {
		if m.M.Name() != module {
			continue
		}
		for _, fn := range m.M.Funcs() {
			if fn.Name == name {
				size = fn.Size
			}
		}
		name = m.FuncName(name)
	}
	text := name
	if size != 0 {
		text = fmt.Sprintf("%s+%#x/%#x", name, off, size)
	}
	if module != "" && module != s.M.Builtin().Name() {
		text += " [" + module + "]"
	}
	return text
}

func (s *System) watchdog() time.Duration { return s.dog }

// bug is BUG(): it ends the thread.
func (c *Ctx) bug(format string, args ...any) {
	panic(&machine.Trap{Kind: machine.TrapKilled, Msg: fmt.Sprintf(format, args...)})
}

// warn is WARN(): the report, a back-trace and the taint.
func (c *Ctx) warn(file string, line int, taint uint32, text string) {
	log := &c.s.K.Log
	log.Printf(kernel.LevelWarning, "------------[ cut here ]------------")
	if text != "" {
		log.Print(c.T, "\x014"+text)
	}
	mod := ""
	switch m := c.owner(); {
	case strings.HasPrefix(file, "src/"): // kernel/lib complains of who called it
		file = "kernel/lib/" + file
		if entry := c.entry(); entry != "" {
			mod = " ? " + entry
		}
	case m != nil:
		mod = " [" + m.K.Name + "]"
	}
	where := fmt.Sprintf("WARNING: CPU: 0 PID: %d at %s:%d%s", c.pid, file, line, mod)
	log.Printf(kernel.LevelWarning, "%s", where)
	if text = strings.TrimSuffix(text, "\n"); text != "" {
		where += ": " + text
	}
	c.s.K.Trouble(kernel.TroubleWarn, where)
	c.dumpStack(kernel.LevelWarning)
	log.Printf(kernel.LevelWarning, "---[ end trace 0000000000000000 ]---")
	c.s.K.AddTaint(kernel.Taint(1 << (taint & 31)))
}

// entry names the function by which the running C code was entered, "name+0x0/0x40 [module]"; ""
// outside of C.
func (c *Ctx) entry() string {
	module, name, _, ok := c.s.M.FuncAt(c.th.Entry())
	if !ok || c.th.Depth() == 0 {
		return ""
	}
	return c.s.place(module, name, 0)
}

// dumpStack logs who runs: the function that C was entered by. Those between it and here are not
// known.
func (c *Ctx) dumpStack(level kernel.Level) {
	log := &c.s.K.Log
	log.Printf(level, "CPU: 0 PID: %d Comm: %s %s #1", c.pid, c.command(), kernel.Release)
	log.Printf(level, "Call Trace:")
	log.Printf(level, " <TASK>")
	if entry := c.entry(); entry != "" {
		log.Printf(level, " ? %s", entry)
	}
	log.Printf(level, " </TASK>")
}
