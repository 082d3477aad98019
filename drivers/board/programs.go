package board

import (
	"context"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/kobench/kobench/hw/program"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/host"
)

// Logger is a Device that has something to say in the kernel's log. Absence: it has not.
type Logger interface{ SetLog(log func(text string)) }

// programLine is a program at the end of a line: its bytes, or the device protocol.
type programLine struct {
	Argv    []string       `yaml:"run"`
	Dir     string         `yaml:"dir"`
	Restart string         `yaml:"restart"`
	Start   string         `yaml:"start"`
	Options map[string]any `yaml:"options"` // for a program of the protocol

	protocol bool
	log      func(string)
}

// UnmarshalYAML takes a list for run alone.
func (l *programLine) UnmarshalYAML(n ast.Node) error {
	if _, list := n.(*ast.SequenceNode); list {
		return yaml.NodeToValue(n, &l.Argv)
	}
	type plain programLine
	return yaml.NodeToValue(n, (*plain)(l), yaml.Strict())
}

func (l *programLine) command() *program.Command {
	c := &program.Command{Argv: l.Argv, Dir: l.Dir, Restart: program.Restart(l.Restart), Start: program.Start(l.Start), Log: l.log}
	if l.Options != nil {
		c.Options = l.Options
	}
	return c
}

// SetLog implements [Logger].
func (l *programLine) SetLog(log func(string)) { l.log = log }

// Check implements [Checker].
func (l *programLine) Check() error { return l.command().Validate() }

// Run implements [Device].
func (l *programLine) Run(ctx context.Context, far serial.Conn) error {
	if l.protocol {
		return l.command().RunLine(ctx, far.(*serial.Port))
	}
	return l.command().RunBytes(ctx, far.(*serial.Port))
}

// waiting is a line that the program at its end comes to by itself.
type waiting struct {
	name string
	wait func(ctx context.Context, far *serial.Port, name string) error
}

func (w *waiting) Run(ctx context.Context, far serial.Conn) error {
	return w.wait(ctx, far.(*serial.Port), w.name)
}

// programKinds are the kinds of lines whose device is a program of the host.
func programKinds() []lineKind {
	return []lineKind{
		{name: "exec", form: "[python3, device.py]", about: "a program: its input and output are the line; also {run, dir, restart, start: open}",
			make: func(string) Device { return &programLine{} }},
		{name: "program", form: "[python3, device.py]", about: "a program that speaks hw/program/PROTOCOL.md; also options: {…} for it",
			make: func(string) Device { return &programLine{protocol: true} }},
		{name: "pty", word: "dev/tty", about: "a terminal that the program that is the device opens",
			make: func(name string) Device { return &waiting{name, host.ServeFar} }},
		{name: "listen", word: "127.0.0.1:4000", about: "waits for that program at an address, or at a socket, ./device.sock",
			make: func(name string) Device { return &waiting{name, host.Listen} }},
		{name: "unix", word: "./device.sock", about: "raw bytes over a socket of this computer",
			make: onHost(func(ctx context.Context, path string) (serial.Conn, error) { return host.DialUnix(ctx, path) })},
	}
}
