package board

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/kobench/kobench/hw/program"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/device/dialogue"
	"github.com/kobench/kobench/hw/serial/host"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/function/described"
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

// tableLine is a device that is a table: in a file, or in the board.
type tableLine struct {
	file, device string
	table        *dialogue.Table
	dev          *dialogue.Device
	log          func(string)
}

// UnmarshalYAML takes a file's name, {file, device} for one of several in a file, or the table
// itself.
func (l *tableLine) UnmarshalYAML(n ast.Node) (err error) {
	var f struct {
		File   string `yaml:"file"`
		Device string `yaml:"device"`
	}
	if s, ok := n.(*ast.StringNode); ok {
		l.file = s.Value
		return nil
	}
	if yaml.NodeToValue(n, &f) == nil && f.File != "" {
		l.file, l.device = f.File, f.Device
		return nil
	}
	l.table, err = dialogue.ParseNode("", n)
	return err
}

// HostFile implements [HostUser].
func (l *tableLine) HostFile() string { return l.file }

// Check implements [Checker]: it reads the file.
func (l *tableLine) Check() error {
	if l.table == nil {
		text, err := os.ReadFile(l.file)
		if err != nil {
			return err
		}
		if l.table, err = dialogue.Parse(l.file, l.device, text); err != nil {
			return err
		}
	}
	l.dev = l.table.New()
	return nil
}

// SetLog implements [Logger].
func (l *tableLine) SetLog(log func(string)) { l.log = log }

// Run implements [Device].
func (l *tableLine) Run(ctx context.Context, far serial.Conn) error {
	if l.dev == nil { // the file is no longer what it was
		return l.Check()
	}
	l.dev.SetLog(l.log)
	return l.dev.Run(ctx, far)
}

// Format implements [Formatted].
func (l *tableLine) Format() serial.Mode {
	if m, ok := l.table.Format(); ok {
		return m
	}
	return serial.DefaultMode
}

// ownKinds are the kinds of lines with a device of one's own: a table, or a program of the host.
func ownKinds() []lineKind {
	return []lineKind{
		{name: "table", form: "scale.yaml", about: "when this comes, answer that: go doc ./hw/serial/device/dialogue; pyvisa-sim's files too",
			make: func(string) Device { return &tableLine{} }},
		{name: "exec", host: true, form: "[python3, device.py]", about: "a program: its input and output are the line; also {run, dir, restart, start: open}",
			make: func(string) Device { return &programLine{} }},
		{name: "program", host: true, form: "[python3, device.py]", about: "a program that speaks hw/program/PROTOCOL.md; also options: {…} for it",
			make: func(string) Device { return &programLine{protocol: true} }},
		{name: "pty", host: true, word: "dev/tty", about: "a terminal that the program that is the device opens",
			make: func(name string) Device { return &waiting{name, host.ServeFar} }},
		{name: "listen", host: true, word: "127.0.0.1:4000", about: "waits for that program at an address, or at a socket, ./device.sock",
			make: func(name string) Device { return &waiting{name, host.Listen} }},
		{name: "unix", host: true, word: "./device.sock", about: "raw bytes over a socket of this computer",
			make: onHost(func(ctx context.Context, path string) (serial.Conn, error) { return host.DialUnix(ctx, path) })},
	}
}

// describedUSB makes a device of its description; its program runs in the file's directory.
func describedUSB(p *Plugged) (hw.Device, error) {
	text, err := os.ReadFile(p.From)
	if err != nil {
		return nil, err
	}
	spec, err := described.Parse(p.From, filepath.Dir(p.From), text)
	if err != nil {
		return nil, err
	}
	if p.Speed != hw.UnknownSpeed && p.Speed != spec.Speed {
		return nil, fmt.Errorf("%s: it is described at %s speed; leave the speed out", p.From, spec.Speed)
	}
	p.Speed = spec.Speed
	f := described.New(spec)
	f.Log = p.log
	dev, err := hw.New(f, spec.Speed)
	if err != nil {
		return nil, err
	}
	f.Ended = func(err error) {
		if err != nil {
			p.log(err.Error() + "; the device is pulled out")
		}
		dev.Unplug()
	}
	p.stop = func() { dev.Unplug(); f.Wait() }
	return dev, nil
}
