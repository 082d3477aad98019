package board

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/hw/bounds"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/fault"
	"github.com/kobench/kobench/hw/serial/uart16550"
)

// Board is a machine that has been described and checked.
type Board struct {
	Name    string
	Cmdline string // what the kernel's command line says besides board=NAME
	Speed   serial.Speed
	Builtin []string
	Modules []Module
	UARTs   []UART
	USB     USB

	kinds kinds // of its own, beside the built-in ones
}

// Module is one that is loaded at boot, with its parameters as on insmod's command line.
type Module struct{ Name, Params string }

// UART is one chip and what its line leads to.
type UART struct {
	TTY  string // "ttyS0": its place in the list says which it is, the name is checked
	Kind uart16550.Kind
	IO   uint32 // I/O port
	IRQ  int
	Line Line
	Door Door
	// Faults are injected into the line; Record is the file that gets what happened on it, or "".
	Faults Faults
	Record string
}

// Door is a way in for other programs, besides the pty that each terminal gets.
type Door struct {
	RFC2217 string `yaml:"rfc2217"` // the TCP address to serve, or ""
}

// Faults are the rules of a line's two directions, as [fault.Parse] reads them, and the seed of
// their rates.
type Faults struct {
	Out  string `yaml:"out"` // of what the chip sends
	In   string `yaml:"in"`  // of what it receives; a loop-back plug has only out
	Seed uint64 `yaml:"seed"`
}

// Error says what is wrong with a board, and where.
type Error struct {
	File      string
	Line, Col int // from 1
	Msg       string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg) }

// Load reads a board: the path of a .yaml file, or the name of one that comes with the program.
//
// Errors: fs.ErrNotExist and the like; *Error.
func Load(name string, opts ...Option) (*Board, error) {
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.ContainsRune(name, os.PathSeparator) {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, bounds.MaxText+1))
		if err != nil {
			return nil, err
		}
		return Parse(name, text, opts...)
	}
	text, err := fixtures.Board(name)
	if err != nil {
		return nil, err
	}
	return Parse(name+".yaml", text, opts...)
}

// file is the shape of the YAML, with positions where meaning is checked later.
type file struct {
	Name    string         `yaml:"name"`
	Cmdline at[string]     `yaml:"cmdline"`
	Speed   at[string]     `yaml:"speed"`
	Builtin []at[string]   `yaml:"builtin"`
	Modules []at[string]   `yaml:"modules"`
	UARTs   []at[uartNode] `yaml:"uarts"`
	USB     usbNode        `yaml:"usb"`
}

type uartNode struct {
	TTY  at[string] `yaml:"tty"`
	Chip at[string] `yaml:"chip"`
	IO   at[uint32] `yaml:"io"`
	IRQ  at[int]    `yaml:"irq"`
	Line at[any]    `yaml:"line"`

	Door   at[Door]   `yaml:"door"`
	Faults at[Faults] `yaml:"faults"`
	Record at[string] `yaml:"record"`
}

// at is a value that knows where it stood.
type at[T any] struct {
	V    T
	node ast.Node
}

// UnmarshalYAML keeps the node beside the value.
func (a *at[T]) UnmarshalYAML(n ast.Node) error {
	a.node = n
	if _, isAny := any(&a.V).(*any); isAny {
		return nil
	}
	return yaml.NodeToValue(n, &a.V, yaml.Strict())
}

// Parse reads and checks a board; name is for its errors.
//
// Errors: *Error.
func Parse(name string, text []byte, opts ...Option) (*Board, error) {
	if err := CheckYAML(name, text); err != nil {
		return nil, err
	}
	var f file
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return nil, convert(name, err)
	}
	c := checker{file: name, b: &Board{Name: f.Name, Speed: serial.Paced}}
	for _, o := range opts {
		o(&c.b.kinds)
	}
	if c.b.Name == "" {
		c.b.Name = strings.TrimSuffix(name, ".yaml")
	}
	c.b.Cmdline = strings.TrimSpace(f.Cmdline.V)
	if strings.ContainsFunc(c.b.Cmdline, unicode.IsControl) || len(c.b.Cmdline) > maxCmdline {
		return nil, c.errorf(f.Cmdline.node, "cmdline: want one line of at most %d bytes", maxCmdline)
	}
	switch f.Speed.V {
	case "", "paced":
	case "max":
		c.b.Speed = serial.Max
	default:
		return nil, c.errorf(f.Speed.node, "speed %q: want paced or max", f.Speed.V)
	}
	for _, m := range f.Builtin {
		if m.V == "" || m.V == "8250" {
			return nil, c.errorf(m.node, "driver %q cannot be built in: want a driver without chips of its own, such as mem", m.V)
		}
		c.b.Builtin = append(c.b.Builtin, m.V)
	}
	for _, m := range f.Modules {
		mod, params, _ := strings.Cut(strings.TrimSpace(m.V), " ")
		if mod == "" {
			return nil, c.errorf(m.node, "a module needs a name")
		}
		c.b.Modules = append(c.b.Modules, Module{mod, strings.TrimSpace(params)})
	}
	for i, u := range f.UARTs {
		if err := c.uart(i, u); err != nil {
			return nil, err
		}
	}
	if err := c.pairs(); err != nil {
		return nil, err
	}
	if err := c.usb(f.USB); err != nil {
		return nil, err
	}
	return c.b, nil
}

// maxCmdline is how long x86's command line may be (COMMAND_LINE_SIZE), with room for the board's
// name.
const maxCmdline = 1900

// convert takes position and message out of the YAML package's error.
func convert(name string, err error) error {
	if e, ok := err.(*Error); ok {
		return e
	}
	var placed interface {
		At() (line, col int, msg string)
	}
	if errors.As(err, &placed) {
		line, col, msg := placed.At()
		return &Error{name, line, col, msg}
	}
	var where yaml.Error
	if ok := asYAML(err, &where); ok && where.GetToken() != nil {
		p := where.GetToken().Position
		return &Error{name, p.Line, p.Column, where.GetMessage()}
	}
	return &Error{name, 1, 1, err.Error()}
}

// beside checks what a uart has beside its line.
func (c *checker) beside(u *UART, n uartNode) error {
	u.Door, u.Faults, u.Record = n.Door.V, n.Faults.V, n.Record.V
	if n.Door.node != nil {
		if _, port, err := net.SplitHostPort(u.Door.RFC2217); err != nil || port == "" {
			return c.errorf(n.Door.node, "%s: door: rfc2217 %q: want host:port, such as 127.0.0.1:2217", u.TTY, u.Door.RFC2217)
		}
	}
	for _, dir := range []struct{ name, rules string }{{"out", u.Faults.Out}, {"in", u.Faults.In}} {
		if _, err := fault.Parse(u.Faults.Seed, dir.rules); dir.rules != "" && err != nil {
			return c.errorf(n.Faults.node, "%s: faults: %s: %v", u.TTY, dir.name, err)
		}
	}
	if _, loop := u.Line.(Loopback); loop && u.Faults.In != "" {
		return c.errorf(n.Faults.node, "%s: faults: in: a loop-back plug has one direction; give its faults as out", u.TTY)
	}
	if n.Record.node != nil {
		switch filepath.Ext(u.Record) {
		case ".script", ".pcapng", ".vcd":
		default:
			return c.errorf(n.Record.node, "%s: record %q: want a file that ends in .script, .pcapng or .vcd", u.TTY, u.Record)
		}
	}
	return nil
}

// checker turns the YAML's values into a board.
type checker struct {
	file  string
	b     *Board
	lines []ast.Node // of each UART's line, for errors about pairs
	reach Reach
}

func (c *checker) errorf(n ast.Node, format string, args ...any) error {
	e := &Error{File: c.file, Line: 1, Col: 1, Msg: fmt.Sprintf(format, args...)}
	if n != nil && n.GetToken() != nil {
		e.Line, e.Col = n.GetToken().Position.Line, n.GetToken().Position.Column
	}
	return e
}

func (c *checker) uart(i int, n at[uartNode]) error {
	u := UART{TTY: n.V.TTY.V, IO: n.V.IO.V, IRQ: n.V.IRQ.V}
	want := fmt.Sprintf("ttyS%d", i)
	switch {
	case u.TTY == "":
		u.TTY = want
	case u.TTY != want:
		return c.errorf(n.V.TTY.node, "uart number %d is %s, not %q", i, want, u.TTY)
	}
	if n.V.IO.node == nil || u.IO == 0 || u.IO > 0xfff8 {
		return c.errorf(orNode(n.V.IO.node, n.node), "%s: io: want an I/O port from 0x1 to 0xfff8", u.TTY)
	}
	if n.V.IRQ.node == nil || u.IRQ < 0 || u.IRQ > 255 {
		return c.errorf(orNode(n.V.IRQ.node, n.node), "%s: irq: want an interrupt line from 0 to 255", u.TTY)
	}
	for _, o := range c.b.UARTs {
		if o.IO/8 == u.IO/8 {
			return c.errorf(n.V.IO.node, "%s: I/O port %#x is %s's already", u.TTY, u.IO, o.TTY)
		}
	}
	switch n.V.Chip.V {
	case "", "16550A":
	case "16550":
		u.Kind = uart16550.PC16550
	case "16450":
		u.Kind = uart16550.NS16450
	case "8250":
		u.Kind = uart16550.INS8250
	default:
		return c.errorf(n.V.Chip.node, "%s: chip %q: want 16550A, 16550, 16450 or 8250", u.TTY, n.V.Chip.V)
	}
	line, err := c.line(u.TTY, n.V.Line.node)
	if err != nil {
		return err
	}
	u.Line = line
	if err := c.beside(&u, n.V); err != nil {
		return err
	}
	c.b.UARTs = append(c.b.UARTs, u)
	c.lines = append(c.lines, orNode(n.V.Line.node, n.node))
	return nil
}

func orNode(n, other ast.Node) ast.Node {
	if n != nil {
		return n
	}
	return other
}

// pairs checks that each null modem leads to a uart without a line of its own, and gives that one
// its end.
func (c *checker) pairs() error {
	for i, u := range c.b.UARTs {
		peer, ok := u.Line.(NullModem)
		if !ok || peer.first {
			continue
		}
		at := -1
		for j, o := range c.b.UARTs {
			if o.TTY == peer.To {
				at = j
			}
		}
		switch {
		case at < 0:
			return c.errorf(c.lines[i], "%s: null-modem: there is no uart %q", u.TTY, peer.To)
		case at == i:
			return c.errorf(c.lines[i], "%s: null-modem: to itself; that is a loopback", u.TTY)
		case c.b.UARTs[at].Line != Line(Open{}):
			return c.errorf(c.lines[i], "%s: null-modem: %s has a line of its own; leave it out there", u.TTY, peer.To)
		}
		c.b.UARTs[at].Line = NullModem{To: u.TTY, first: true}
	}
	return nil
}
