package capi

import (
	"fmt"
	"strings"

	"github.com/kobench/kobench/kernel"
)

// The log. References: kernel/printk/printk.c; drivers/base/core.c dev_vprintk_emit;
// kernel/panic.c.
func printkFuncs() []Func {
	list := []Func{
		f2("_printk", func(c *Ctx, format, args ptr) int32 { return c.printk(format, args) }),
		f2("_printk_deferred", func(c *Ctx, format, args ptr) int32 { return c.printk(format, args) }),
		f2("vprintk", func(c *Ctx, format, args ptr) int32 { return c.printk(format, args) }),
		v0("dump_stack", func(c *Ctx) { c.dumpStack(kernel.LevelWarning) }),
		v1("dump_stack_lvl", func(c *Ctx, level ptr) { c.dumpStack(levelOf(c.mem().name(level))) }),
		v2("add_taint", func(c *Ctx, flag, lockdep uint32) { c.s.K.AddTaint(kernel.Taint(1 << (flag & 31))) }),
		v2("__bug", func(c *Ctx, file ptr, line int32) { c.bug("kernel BUG at %s:%d!", c.mem().name(file), line) }),
		v5("warn_slowpath_fmt", func(c *Ctx, file ptr, line int32, taint uint32, format, args ptr) {
			text := ""
			if format != 0 {
				text = c.vformat(format, args)
			}
			c.warn(c.mem().name(file), int(line), taint, text)
		}),
		v2("panic", func(c *Ctx, format, args ptr) {
			text := c.vformat(format, args)
			c.s.K.Log.Printf(kernel.LevelEmerg, "Kernel panic - not syncing: %s", strings.TrimSuffix(text, "\n"))
			c.bug("Kernel panic - not syncing: %s", strings.TrimSuffix(text, "\n"))
		}),
		v4("_dev_printk", func(c *Ctx, level, dev, format, args ptr) {
			c.devPrintk(levelOf(c.mem().name(level)), dev, c.vformat(format, args))
		}),
		f4("dev_err_probe", func(c *Ctx, dev ptr, err int32, format, args ptr) int32 {
			if kernel.Errno(-err) != kernel.EPROBE_DEFER {
				c.devPrintk(kernel.LevelErr, dev, fmt.Sprintf("error %s: %s", errText(err), c.vformat(format, args)))
			}
			return err
		}),
	}
	for i, name := range []string{"emerg", "alert", "crit", "err", "warn", "notice", "info"} {
		list = append(list, v3("_dev_"+name, func(c *Ctx, dev, format, args ptr) {
			c.devPrintk(kernel.Level(i), dev, c.vformat(format, args))
		}))
	}
	return list
}

func errText(err int32) string { return "-" + kernel.Errno(-err).Name() }

func (c *Ctx) printk(format, args ptr) int32 {
	return int32(c.s.K.Log.Print(c.T, c.vformat(format, args)))
}

// levelOf reads a "\0014" header.
func levelOf(s string) kernel.Level {
	if len(s) >= 2 && s[0] == 1 && s[1] >= '0' && s[1] <= '7' {
		return kernel.Level(s[1] - '0')
	}
	return kernel.LevelDefault
}

// devPrintk logs "driver device: text".
func (c *Ctx) devPrintk(level kernel.Level, dev ptr, text string) {
	if dev == 0 {
		c.s.K.Log.Print(c.T, fmt.Sprintf("\x01%d(NULL device *): %s", level, text))
		return
	}
	name := c.devName(dev)
	c.s.K.Log.Print(c.T, fmt.Sprintf("\x01%d%s %s: %s", level, c.devDriver(dev), name, text))
}

func (c *Ctx) devName(dev ptr) string {
	m := c.mem()
	if p := m.ptr(dev + offDeviceInitName); p != 0 {
		return m.str(p)
	}
	return m.name(m.ptr(dev + offDeviceKobj + offKobjectName))
}

// devDriver is dev_driver_string.
func (c *Ctx) devDriver(dev ptr) string {
	m := c.mem()
	if d := m.ptr(dev + offDeviceDriver); d != 0 {
		return m.name(m.ptr(d + offDeviceDriverName))
	}
	if b := m.ptr(dev + offDeviceBus); b != 0 {
		return m.name(m.ptr(b + offBusTypeName))
	}
	if cl := m.ptr(dev + offDeviceClass); cl != 0 {
		return m.name(m.ptr(cl + offClassName))
	}
	return ""
}
