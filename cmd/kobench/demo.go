package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/drivers/board"
	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod/local"
	"github.com/spf13/cobra"
)

func (s streams) demoCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "demo [-b BOARD]", Short: "Boot, load modules and drivers, loop back every device, show what happened", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			d := demo{streams: s}
			if err := d.run(name); err != nil {
				return err
			}
			if d.failed > 0 {
				return fmt.Errorf("%d of %d checks failed", d.failed, d.checks)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&name, "board", "b", "", "the machine: a board's name, or a .yaml file (default \"default\")")
	return cmd
}

// demo is the main job: everything that a first look should show, checked.
type demo struct {
	streams
	sim            *sim.Sim
	rows           [][]string
	checks, failed int
}

func (d *demo) run(name string) (err error) {
	if d.sim, err = sim.Start(sim.Options{Board: name}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.sim.Close()) }()
	d.sim.AutoModprobe()
	d.title("insmod: the handout's hello.ko, and samples in C")
	for _, module := range []string{"handout/hello", "chrb", "pipe"} {
		if err := d.insmod(module); err != nil {
			return err
		}
	}
	d.tool("lsmod")
	d.devices()
	d.title("kobench devtab: where read leads")
	d.devtab("read")
	d.title("rmmod")
	d.tool("rmmod", "hello", "chrb", "pipe")
	d.title("dmesg")
	for _, r := range d.sim.Kernel.Log.All() {
		fmt.Fprintln(d.out, r.Stamp()+r.Text)
	}
	d.title("results")
	d.table()
	return nil
}

func (d *demo) title(text string) { fmt.Fprintf(d.out, "\n== %s\n", text) }

// insmod loads a prebuilt module with the tool's own code, from a file as it would be on disk.
func (d *demo) insmod(module string) error {
	image, err := fixtures.Module(module)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "$ insmod %s.ko\n", module[strings.LastIndexByte(module, '/')+1:])
	if err := (local.System{Task: d.sim.Kernel.Init()}).FinitModule(image, "", 0); err != nil {
		return fmt.Errorf("insmod %s.ko: %w\n%s", module, err, d.sim.Kernel.Log.Text())
	}
	return nil
}

func (d *demo) tool(name string, args ...string) {
	fmt.Fprintf(d.out, "$ %s\n", strings.Join(append([]string{name}, args...), " "))
	t, _ := modtools.ByName(name)
	env := &modtools.Env{Argv0: name, Stdout: d.out, Stderr: d.out, System: local.System{Task: d.sim.Kernel.Init()}, Root: d.sim.Root, Release: kernel.Release}
	if t.Run(env, args) != 0 {
		d.failed++
	}
}

func (d *demo) devtab(op string) {
	for _, t := range d.sim.Kernel.DevTables() {
		if t.Op != op {
			continue
		}
		w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "  major\tdevice\tmodule\tfunction")
		for _, e := range t.Entries {
			fmt.Fprintf(w, "  %d\t%s\t%s\t%s\n", e.Major, e.Name, e.Module, e.Function)
		}
		w.Flush()
	}
}

// check notes a row of the result table.
func (d *demo) check(device, driver, kind, what string, bytes int, err error, cost time.Duration) {
	d.checks++
	verdict := "ok"
	if err != nil {
		d.failed++
		verdict = "FAILED: " + err.Error()
	}
	perRead := ""
	if cost > 0 {
		perRead = fmt.Sprintf("%d ns", cost.Nanoseconds())
	}
	d.rows = append(d.rows, []string{device, driver, kind, what, fmt.Sprint(bytes), perRead, verdict})
}

func (d *demo) table() {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "device\tdriver\tin\tcheck\tbytes\tper read(1)\tresult")
	for _, r := range d.rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
	fmt.Fprintf(d.out, "%d checks, %d failed\n", d.checks, d.failed)
}

// devices writes and reads through every device.
func (d *demo) devices() {
	k := d.sim.Kernel
	t := k.NewTask(kernel.WithComm("demo"))
	defer t.Exit()
	msg := make([]byte, 1000)
	for i := range msg {
		msg[i] = byte(i * 7)
	}
	d.check("/dev/zero", "mem", "Go", "reads zeros", 1000, d.readIs(t, "/dev/zero", make([]byte, 1000)), d.cost(t, "/dev/zero"))
	d.check("/dev/null", "mem", "Go", "swallows", 1000, d.writeAll(t, "/dev/null", msg), d.cost(t, "/dev/null"))
	d.check("/dev/full", "mem", "Go", "ENOSPC", 0, d.wants(t, "/dev/full", kernel.ENOSPC), 0)
	d.check("/dev/loop0", "loopback", "Go", "loop-back", 1000, d.loop(t, "/dev/loop0", msg), 0)
	d.check("/dev/chrb", "chrb.ko", "C", "reads zeros", 1000, d.readIs(t, "/dev/chrb", make([]byte, 1000)), d.cost(t, "/dev/chrb"))
	d.check("/dev/kpipe", "pipe.ko", "C", "loop-back", 64, d.loop(t, "/dev/kpipe", msg[:64]), 0)
	d.lines(msg)
	d.usb(t, msg)
}

func (d *demo) with(t *kernel.Task, path string, do func(fd int) error) error {
	fd, err := t.Open(path, kernel.O_RDWR)
	if err != nil {
		return err
	}
	defer t.Close(fd)
	return do(fd)
}

func (d *demo) readIs(t *kernel.Task, path string, want []byte) error {
	return d.with(t, path, func(fd int) error {
		got := bytes.Repeat([]byte{0xff}, len(want))
		n, err := t.Read(fd, got)
		if err == nil && (n != len(want) || !bytes.Equal(got, want)) {
			err = fmt.Errorf("read %d bytes, and not what was expected", n)
		}
		return err
	})
}

func (d *demo) writeAll(t *kernel.Task, path string, p []byte) error {
	return d.with(t, path, func(fd int) error {
		n, err := t.Write(fd, p)
		if err == nil && n != len(p) {
			err = io.ErrShortWrite
		}
		return err
	})
}

func (d *demo) wants(t *kernel.Task, path string, want error) error {
	return d.with(t, path, func(fd int) error {
		if _, err := t.Write(fd, []byte("x")); !errors.Is(err, want) {
			return fmt.Errorf("write gave %v", err)
		}
		return nil
	})
}

// loop writes p and reads it back.
func (d *demo) loop(t *kernel.Task, path string, p []byte) error {
	return d.with(t, path, func(fd int) error {
		if n, err := t.Write(fd, p); err != nil || n != len(p) {
			return fmt.Errorf("wrote %d: %w", n, err)
		}
		var got []byte
		buf := make([]byte, len(p))
		for len(got) < len(p) {
			n, err := t.Read(fd, buf)
			if err != nil {
				return err
			}
			got = append(got, buf[:n]...)
		}
		if !bytes.Equal(got, p) {
			return errors.New("what came back is not what was sent")
		}
		return nil
	})
}

// cost is the time of a read of one byte, the best of a few short runs.
func (d *demo) cost(t *kernel.Task, path string) (best time.Duration) {
	_ = d.with(t, path, func(fd int) error {
		p := make([]byte, 1)
		const n = 20000
		for range 5 {
			start := time.Now()
			for range n {
				if _, err := t.Read(fd, p); err != nil {
					return err
				}
			}
			if each := time.Since(start) / n; best == 0 || each < best {
				best = max(each, 1)
			}
		}
		return nil
	})
	return best
}

// lines tries what is at the end of each serial line, through the driver, its registers and the
// wire.
func (d *demo) lines(msg []byte) {
	for _, p := range d.sim.Ports {
		d.line(p.TTY, "8250", p.Line, p.Device, msg)
	}
}

// line tries what is at the end of a terminal's line.
func (d *demo) line(name, driver string, line board.Line, device board.Device, msg []byte) {
	check, n, err := "", 0, error(nil)
	switch line := line.(type) {
	case board.Loopback:
		check, n, err = "loop-back", len(msg), d.across("/dev/"+name, "/dev/"+name, msg)
	case board.NullModem:
		check, n, err = "to "+line.To, len(msg), d.across("/dev/"+name, "/dev/"+line.To, msg)
	case *board.Attached:
		p, ok := device.(board.Prober)
		if !ok {
			return
		}
		check, n, err = d.asks(name, device, p)
	default:
		return
	}
	d.check("/dev/"+name, driver, "Go", check, n, err, 0)
}

// across sends from one terminal to another, or to itself.
func (d *demo) across(from, to string, msg []byte) error {
	mode := serial.Format8N1(115200)
	a, err := terminal.Open(d.sim.Kernel, from, mode)
	if err != nil {
		return err
	}
	defer a.Close()
	b := a
	if to != from {
		if b, err = terminal.Open(d.sim.Kernel, to, mode); err != nil {
			return err
		}
		defer b.Close()
	}
	if _, err := a.Write(msg); err != nil {
		return err
	}
	got := make([]byte, len(msg))
	if err := b.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := io.ReadFull(b, got); err != nil {
		return err
	}
	if !bytes.Equal(got, msg) {
		return errors.New("what arrived is not what was sent")
	}
	return nil
}

// asks sends a device its question and waits for the answer.
func (d *demo) asks(name string, device board.Device, p board.Prober) (check string, n int, err error) {
	question, answered, want := p.Probe()
	check = "answers: " + want
	m := serial.DefaultMode
	if f, ok := device.(board.Formatted); ok {
		m = f.Format()
	}
	c, err := terminal.Open(d.sim.Kernel, "/dev/"+name, m)
	if err != nil {
		return check, 0, err
	}
	defer c.Close()
	if _, err := c.Write(question); err != nil {
		return check, 0, err
	}
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return check, 0, err
	}
	var got []byte
	buf := make([]byte, 256)
	for !answered(got) {
		k, err := c.Read(buf)
		if err != nil {
			return check, len(got), fmt.Errorf("%w after %q", err, got)
		}
		got = append(got, buf[:k]...)
	}
	return check, len(got), nil
}
