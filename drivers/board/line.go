package board

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/kobench/kobench/hw/serial"
)

// Line is what a UART's line leads to: Open, Loopback, NullModem or *Attached.
type Line interface {
	// String is how reports name it: "gps".
	String() string
}

// The simple lines.
type (
	// Open is a line with nothing at its end.
	Open struct{}
	// Loopback is a plug.
	Loopback struct{}
	// NullModem leads to another UART.
	NullModem struct {
		To    string
		first bool // the end that the description does not mention
	}
)

func (Open) String() string        { return "open" }
func (Loopback) String() string    { return "loopback" }
func (n NullModem) String() string { return "null-modem to " + n.To }

// Attached is a line with a device at its end.
type Attached struct {
	Kind string        // its name in a board: "gps"
	Name string        // what the board says after it: a file or an address, "" if it gives options
	New  func() Device // builds it anew, with the board's options
}

func (a *Attached) String() string { return strings.TrimSpace(a.Kind + " " + a.Name) }

// Device is something alive at a line's far end. Its fields with a yaml tag are its options on a
// board; a tag "-" hides one.
type Device interface {
	// Run works there until ctx ends.
	Run(ctx context.Context, far serial.Conn) error
}

// Checker is a Device whose options can be wrong. Absence: all are right.
type Checker interface{ Check() error }

// HostUser is a Device that opens something of the computer with some of its options: HostFile says
// what, "" is nothing. It is asked before Check. Absence: what its row says holds for all.
type HostUser interface{ HostFile() string }

// Formatted is a Device with a rate and format of its own. Absence: it does as its terminal.
type Formatted interface{ Format() serial.Mode }

// Prober is a Device that can be asked whether it is there: ask is sent, and what comes back is
// collected until answered says so; want describes it. Absence: nobody asks.
type Prober interface {
	Probe() (ask []byte, answered func(got []byte) bool, want string)
}

// lineKind is one kind of line: plain, or with a device that make builds. word is an example of the
// name that it needs; without one it has options; form is an example of those that are more than a
// list of names. Neither plain nor make: a null modem.
type lineKind struct {
	name, word, form, about string
	plain                   Line
	host                    bool // it opens files, devices or programs of the computer
	make                    func(word string) Device
}

// usage is how a board writes it: "gps: {lat, lon}".
func (k lineKind) usage() string {
	switch {
	case k.word != "":
		return k.name + ": " + k.word
	case k.form != "":
		return k.name + ": " + k.form
	case k.make == nil:
		return k.name
	}
	var options []string
	t := reflect.TypeOf(k.make("")).Elem()
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
			options = append(options, tag)
		}
	}
	return k.name + ": {" + strings.Join(options, ", ") + "}"
}

// LineHelp lists the kinds of lines, one a line.
func LineHelp() string {
	var b strings.Builder
	for _, k := range lineKinds() {
		twoColumns(&b, 41, k.usage(), k.about)
	}
	return b.String()
}

// listWidth is how wide lists are, so that they find room in a comment.
const listWidth = 92

// twoColumns writes a line of a list; what does not fit goes on below its own column.
func twoColumns(b *strings.Builder, left int, name, about string) {
	line := fmt.Sprintf("%-*s", left, name)
	for _, word := range strings.Fields(about) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > listWidth {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", left)
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// kindList is "a, b or c".
func kindList[K any](kinds []K, name func(K) string) string {
	var b strings.Builder
	for i, k := range kinds {
		switch {
		case i == 0:
		case i == len(kinds)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(name(k))
	}
	return b.String()
}

// line reads a line: a word, or a mapping of one kind to its name or options.
func (c *checker) line(tty string, n ast.Node) (Line, error) {
	kind, rest := "", ast.Node(nil)
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return Open{}, nil
	case *ast.StringNode:
		kind = v.Value
	case *ast.MappingNode:
		if len(v.Values) != 1 {
			return nil, c.errorf(n, "%s: a line has one end: give one of %s", tty, c.b.kinds.lineNames())
		}
		kind, rest = v.Values[0].Key.GetToken().Value, v.Values[0].Value
	case *ast.MappingValueNode:
		kind, rest = v.Key.GetToken().Value, v.Value
	default:
		return nil, c.errorf(n, "%s: line: want one of %s", tty, c.b.kinds.lineNames())
	}
	for _, k := range c.b.kinds.lines() {
		switch {
		case k.name != kind:
		case k.host && c.reach == NoHostFiles:
			return nil, c.outOfReach(n, tty, kind)
		case k.plain != nil:
			return k.plain, nil
		case k.word != "":
			return c.named(tty, k, n, rest)
		default:
			return c.optional(tty, k, n, rest)
		}
	}
	return nil, c.errorf(n, "%s: line %q: want one of %s", tty, kind, c.b.kinds.lineNames())
}

// named reads a line that a name follows.
func (c *checker) named(tty string, k lineKind, n, rest ast.Node) (Line, error) {
	s, ok := rest.(*ast.StringNode)
	if !ok || strings.TrimSpace(s.Value) == "" {
		return nil, c.errorf(orNode(rest, n), "%s: %s: want a name, such as {%s: %s}", tty, k.name, k.name, k.word)
	}
	if k.make == nil {
		return NullModem{To: s.Value}, nil
	}
	return &Attached{Kind: k.name, Name: s.Value, New: func() Device { return k.make(s.Value) }}, nil
}

// optional reads a device and its options, and tries them once.
func (c *checker) optional(tty string, k lineKind, n, rest ast.Node) (Line, error) {
	if rest == nil && k.form != "" {
		return nil, c.errorf(n, "%s: %s: want more, such as {%s: %s}", tty, k.name, k.name, k.form)
	}
	build := func() (Device, error) {
		d := k.make("")
		if rest == nil {
			return d, nil
		}
		return d, yaml.NodeToValue(rest, d, yaml.Strict())
	}
	d, err := build()
	if err != nil {
		return nil, convert(c.file, err)
	}
	if h, ok := d.(HostUser); ok && c.reach == NoHostFiles && h.HostFile() != "" {
		return nil, c.outOfReach(n, tty, k.name+" "+h.HostFile())
	}
	if d, ok := d.(Checker); ok {
		if err := d.Check(); err != nil {
			return nil, c.errorf(orNode(rest, n), "%s: %s: %v", tty, k.name, err)
		}
	}
	return &Attached{Kind: k.name, New: func() Device {
		d, _ := build() // they were right once
		if c, ok := d.(Checker); ok {
			_ = c.Check()
		}
		return d
	}}, nil
}

func asYAML(err error, target *yaml.Error) bool { return errors.As(err, target) }
