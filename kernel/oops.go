package kernel

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// ErrKilled is what every call of a dead task gives: a driver's fault or SIGKILL has ended it.
var ErrKilled = errors.New("task was killed")

// errShutdown unwinds tasks that nothing else could wake.
var errShutdown = errors.New("kernel shuts down")

// Fault is what went wrong in a driver. As an error of a driver's function it makes the kernel log
// an oops and kill the task.
type Fault struct {
	// after "BUG: ", or the whole line where it begins with '!': "kernel NULL pointer dereference,
	// address: 00000000"
	What   string
	Detail []string // lines like "#PF: supervisor write access in kernel mode"
	Code   uint32   // after "Oops: "
	IP     string   // "o_init+0x13/0x40 [oops]"
	Regs   []string // lines of register-like context
	Trace  []string // innermost first, "do_one_initcall+0x59/0x220"
	Module string   // whose code it was
	Err    error    // the cause below, for Go callers
}

func (f *Fault) Error() string { return "oops: " + f.What }

// Unwrap is the cause below the fault.
func (f *Fault) Unwrap() error { return f.Err }

// Oops logs a fault as Linux's arch code does, taints the kernel and kills the task: its files are
// closed and further calls give ErrKilled, which is returned. References held elsewhere stay, so
// that the module may be stuck.
//
// References: arch/x86/mm/fault.c page_fault_oops, arch/x86/kernel/dumpstack.c __die.
//
// Errors: ErrKilled, always.
func (t *Task) Oops(f *Fault) error {
	k := t.k
	n := k.oopses.Add(1)
	lines := make([]string, 0, 16)
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if what, whole := strings.CutPrefix(f.What, "!"); whole {
		add("%s", what)
	} else {
		add("BUG: %s", f.What)
	}
	lines = append(lines, f.Detail...)
	add("Oops: %04x [#%d] PREEMPT SMP", f.Code, n)
	lines = append(lines, k.cpuLine(t), "Hardware name: kobench simulated machine")
	if f.IP != "" {
		add("RIP: 0010:%s", f.IP)
	}
	lines = append(lines, f.Regs...)
	add("Call Trace:")
	add(" <TASK>")
	for _, l := range f.Trace {
		add(" %s", l)
	}
	add(" </TASK>")
	add("%s", k.linkedIn())
	add("---[ end trace 0000000000000000 ]---")
	k.Trouble(TroubleOops, lines[0])
	k.Log.store(t, FacilityKern, LevelAlert, false, lines[0]+"\n", "")
	for _, l := range lines[1:] {
		k.Log.store(t, FacilityKern, LevelWarning, false, l+"\n", "")
	}
	k.AddTaint(TaintDie)
	t.die()
	return ErrKilled
}

func (k *Kernel) cpuLine(t *Task) string {
	return fmt.Sprintf("CPU: 0 PID: %d Comm: %s %s %s #1", t.pid, t.Comm(), k.taintString(), Release)
}

// dumpStack logs where a task is, as dump_stack does.
func (k *Kernel) dumpStack(t *Task, where string) {
	for _, l := range []string{k.cpuLine(t), "Hardware name: kobench simulated machine", "Call Trace:", " <TASK>", " " + where, " </TASK>"} {
		k.Log.store(t, FacilityKern, LevelWarning, false, l+"\n", "")
	}
}

// Warn logs a WARN of the kernel's own and notes the trouble: where is its place,
// "kernel/module/main.c:857 module_put", text what it says, "" for nothing. t is who runs, nil for
// the kernel itself.
func (k *Kernel) Warn(t *Task, where, text string) {
	if t == nil {
		t = k.init
	}
	line := fmt.Sprintf("WARNING: CPU: 0 PID: %d at %s", t.pid, where)
	k.Log.Printf(LevelWarning, "------------[ cut here ]------------")
	if text != "" {
		k.Log.Printf(LevelWarning, "%s", text)
	}
	k.Log.Printf(LevelWarning, "%s", line)
	_, fn, _ := strings.Cut(where, " ")
	k.dumpStack(t, fn)
	k.Log.Printf(LevelWarning, "---[ end trace 0000000000000000 ]---")
	if text != "" {
		line += ": " + text
	}
	k.AddTaint(TaintWarn)
	k.Trouble(TroubleWarn, line)
}

// die marks the task dead and closes its files (make_task_dead).
func (t *Task) die() {
	if t.dead.Swap(true) {
		return
	}
	t.pending.Or(1 << (SIGKILL - 1))
	t.exitFiles()
	t.k.tasks.remove(t)
}

// catch is deferred around every call into a driver: a panic becomes an oops.
func (t *Task) catch(f *File, err *error) {
	if t.depth--; t.slept && t.depth == 0 {
		t.awake()
	}
	if r := recover(); r != nil {
		*err = t.recovered(f.owner, r)
	}
}

// recovered turns what a driver's function has panicked with into an error.
func (t *Task) recovered(m *Module, r any) error {
	if r == errShutdown {
		return ErrKilled
	}
	if f, ok := r.(*Fault); ok {
		return t.Oops(f)
	}
	return t.Oops(goFault(m, r))
}

// goFault describes a panic of a driver that is written in Go.
func goFault(m *Module, r any) *Fault {
	f := &Fault{What: fmt.Sprintf("panic in a driver: %v", r)}
	if err, ok := r.(error); ok {
		f.Err = err
		if strings.Contains(err.Error(), "nil pointer dereference") {
			f.What = "kernel NULL pointer dereference, address: 0000000000000000"
			f.Detail = []string{"#PF: " + err.Error()}
		}
	}
	name := ""
	if m != nil {
		name = " [" + m.Name + "]"
		f.Module = m.Name
	}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicked := false
	for more := true; more && len(f.Trace) < 12; {
		var fr runtime.Frame
		fr, more = frames.Next()
		fn := fr.Function[strings.LastIndexByte(fr.Function, '/')+1:]
		switch {
		case fn == "runtime.gopanic":
			panicked = true
		case !panicked || strings.HasPrefix(fn, "runtime."):
		case f.IP == "":
			f.IP = fmt.Sprintf("%s+%#x%s", fn, fr.PC-fr.Entry, name)
		case strings.HasPrefix(fn, "kernel."):
			f.Trace = append(f.Trace, fmt.Sprintf("%s+%#x", fn, fr.PC-fr.Entry))
		default:
			f.Trace = append(f.Trace, fmt.Sprintf("%s+%#x%s", fn, fr.PC-fr.Entry, name))
		}
	}
	return f
}
