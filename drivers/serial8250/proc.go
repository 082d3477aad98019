package serial8250

import (
	"fmt"
	"strings"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/kernel"
)

// procSerial adds /proc/tty/driver/serial: what each port has moved and lost ([serial_core]
// uart_proc_show, uart_line_info).
func procSerial(env *kernel.Env, ports []*port) error {
	return env.ProcFile("tty/driver/serial", 0o400, &kernel.Attr{Show: func(*kernel.Task) (string, error) {
		var b strings.Builder
		b.WriteString("serinfo:1.0 driver revision:\n")
		for i, p := range ports {
			fmt.Fprintf(&b, "%d: %s\n", i, p.info())
		}
		return b.String(), nil
	}})
}

// info is one line of it, without the port's number.
func (p *port) info() string {
	kindName := p.kind.name()
	if p.kind == unknown {
		kindName = "unknown"
	}
	head := fmt.Sprintf("uart:%s port:%08X irq:%d", kindName, p.site.Base, p.site.IRQ)
	if p.kind == unknown {
		return head
	}
	n := p.Counters()
	head += fmt.Sprintf(" tx:%d rx:%d", n.TX, n.RX)
	for _, c := range []struct {
		name  string
		count uint64
	}{{"fe", n.Frame}, {"pe", n.Parity}, {"brk", n.Break}, {"oe", n.Overrun}} {
		if c.count > 0 {
			head += fmt.Sprintf(" %s:%d", c.name, c.count)
		}
	}
	bits, _ := p.ModemBits()
	var lines []string
	for _, l := range []struct {
		name string
		bit  uint32
	}{{"RTS", tty.TIOCM_RTS}, {"CTS", tty.TIOCM_CTS}, {"DTR", tty.TIOCM_DTR}, {"DSR", tty.TIOCM_DSR}, {"CD", tty.TIOCM_CAR}, {"RI", tty.TIOCM_RNG}} {
		if bits&l.bit != 0 {
			lines = append(lines, l.name)
		}
	}
	if len(lines) > 0 {
		head += " " + strings.Join(lines, "|")
	}
	return head
}
