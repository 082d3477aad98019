package capi

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// Fault makes of a trap what the kernel logs as an oops. Inside of C, where the thread is about to be unwound, it is a plain EFAULT.
// A trap that only carries a panic of the kernel's own through C goes on as that panic.
func (c *Ctx) Fault(err error) error {
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
		f.What = fmt.Sprintf("kernel NULL pointer dereference, address: %08x", tr.Addr)
		f.Detail = pageFault
	case machine.TrapBounds:
		f.What = "unable to handle page fault for address outside of kernel memory"
		if tr.Addr != 0 {
			f.What = fmt.Sprintf("unable to handle page fault for address: %08x", tr.Addr)
		}
		f.Detail = pageFault
	case machine.TrapDivide:
		f.What = "!divide error: 0000"
	case machine.TrapStack:
		f.What = fmt.Sprintf("kernel stack overflow in %s", tr.Func)
		f.Detail = []string{"stack: " + tr.Msg}
	case machine.TrapWatchdog:
		f.What = fmt.Sprintf("!watchdog: BUG: soft lockup - CPU#0 stuck for %ds! [%s:%d]", int(c.s.watchdog().Seconds()), c.Comm(), c.pid)
		c.s.K.AddTaint(kernel.TaintSoftlockup)
	case machine.TrapCall:
		f.What = "unable to handle call of a bad function pointer: " + tr.Msg
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

var pageFault = []string{"#PF: supervisor access in kernel mode", "#PF: error_code(0x0000) - not-present page"}

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
	f.Regs = []string{fmt.Sprintf("RSP: 0018:%08x EFLAGS: 00000246", tr.SP)}
	if tr.Addr != 0 || tr.Kind == machine.TrapNull || tr.Kind == machine.TrapBounds {
		f.Regs = append(f.Regs, fmt.Sprintf("CR2: %08x", tr.Addr))
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
	if m := c.owner(); m != nil {
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

// dumpStack logs who runs. The frames of a running thread are not known.
func (c *Ctx) dumpStack(level kernel.Level) {
	log := &c.s.K.Log
	log.Printf(level, "CPU: 0 PID: %d Comm: %s %s #1", c.pid, c.Comm(), kernel.Release)
	log.Printf(level, "Call Trace:")
	log.Printf(level, " <TASK>")
	if m := c.th.Module(); m != nil {
		log.Printf(level, " ? [%s]", m.Name())
	}
	log.Printf(level, " </TASK>")
}
