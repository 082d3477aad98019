// Package sheet reads descriptions of devices, in YAML or JSON: what a person has written, with its
// place, so that an error can name file, line, what was found and what was possible.
//
// The first error sticks: after it every method answers the zero value, and [Sheet.Err] has it. A
// reader therefore reads on and looks once.
package sheet

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/kobench/kobench/hw/bounds"
)

// Error says what is wrong, and where.
type Error struct {
	File      string
	Line, Col int // from 1
	Msg       string
}

// At is where it is wrong, and what: for whoever knows the file better.
func (e *Error) At() (line, col int, msg string) { return e.Line, e.Col, e.Msg }

func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg) }

// Sheet is one file.
type Sheet struct {
	file    string
	err     error
	anchors map[string]ast.Node
	visits  int
}

// maxVisits bounds what is read of a file: aliases of aliases would have no end.
const maxVisits = 1 << 20

// Node is one value of a file. The zero Node is one that is not there.
type Node struct {
	s *Sheet
	n ast.Node
}

// Parse reads a file; name is for its errors.
//
// Errors: *Error.
func Parse(name string, text []byte) (Node, *Sheet, error) {
	s := &Sheet{file: name, anchors: map[string]ast.Node{}}
	if e := bounds.YAML(text); e != nil {
		return Node{}, nil, &Error{name, e.Line, e.Col, e.Msg}
	}
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		e := &Error{File: name, Line: 1, Col: 1, Msg: err.Error()}
		var y yaml.Error
		if errors.As(err, &y) {
			e.Msg = y.GetMessage()
			if t := y.GetToken(); t != nil {
				e.Line, e.Col = t.Position.Line, t.Position.Column
			}
		}
		return Node{}, nil, e
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		return Node{}, nil, &Error{name, 1, 1, "the file says nothing"}
	}
	root := Node{s, f.Docs[0].Body}
	s.collect(root.n, 0)
	return root, s, nil
}

// Of reads a part of a file that somebody else has read: an ast.Node of goccy's.
//
// Errors: *Error.
func Of(name string, node any) (Node, *Sheet, error) {
	n, ok := node.(ast.Node)
	if !ok || n == nil {
		return Node{}, nil, &Error{name, 1, 1, "nothing is there"}
	}
	s := &Sheet{file: name, anchors: map[string]ast.Node{}}
	s.collect(n, 0)
	return Node{s, n}, s, nil
}

// collect finds the anchors.
func (s *Sheet) collect(n ast.Node, depth int) {
	if n == nil || depth > 100 {
		return
	}
	switch v := n.(type) {
	case *ast.AnchorNode:
		s.anchors[v.Name.GetToken().Value] = v.Value
		s.collect(v.Value, depth+1)
	case *ast.MappingNode:
		for _, p := range v.Values {
			s.collect(p.Value, depth+1)
		}
	case *ast.MappingValueNode:
		s.collect(v.Value, depth+1)
	case *ast.SequenceNode:
		for _, p := range v.Values {
			s.collect(p, depth+1)
		}
	case *ast.TagNode:
		s.collect(v.Value, depth+1)
	}
}

// Err is the first error.
func (s *Sheet) Err() error { return s.err }

// Errorf notes what is wrong at a node, unless something was wrong before.
func (n Node) Errorf(format string, args ...any) {
	if n.s == nil || n.s.err != nil {
		return
	}
	e := &Error{File: n.s.file, Line: 1, Col: 1, Msg: fmt.Sprintf(format, args...)}
	if t := n.token(); t != nil {
		e.Line, e.Col = t.Position.Line, t.Position.Column
	}
	n.s.err = e
}

// token is where the node begins: a map's is its first key.
func (n Node) token() *token.Token {
	switch v := n.n.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if len(v.Values) > 0 && !v.IsFlowStyle {
			return v.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return v.Key.GetToken()
	}
	return n.n.GetToken()
}

// There reports whether the value was written, and is not null.
func (n Node) There() bool {
	_, null := n.value().(*ast.NullNode)
	return n.n != nil && !null
}

// value is the node itself, behind anchors, aliases and tags.
func (n Node) value() ast.Node {
	v := n.n
	for range 100 {
		if n.s != nil {
			if n.s.visits++; n.s.visits > maxVisits {
				n.Errorf("the file refers to itself too often")
				return nil
			}
		}
		switch x := v.(type) {
		case *ast.AnchorNode:
			v = x.Value
		case *ast.TagNode:
			v = x.Value
		case *ast.AliasNode:
			name := x.Value.GetToken().Value
			if v = n.s.anchors[name]; v == nil {
				n.Errorf("alias *%s: there is no anchor &%s", name, name)
				return nil
			}
		default:
			return v
		}
	}
	n.Errorf("an alias of itself")
	return nil
}

// IsMap, IsList and IsText say what was written; numbers and words are text too.
func (n Node) IsMap() bool {
	switch n.value().(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// IsList reports whether it is a list.
func (n Node) IsList() bool { _, ok := n.value().(*ast.SequenceNode); return ok }

// IsText reports whether it is a word, a number or a text.
func (n Node) IsText() bool { return n.There() && !n.IsMap() && !n.IsList() }

// Pair is one entry of a map.
type Pair struct {
	Key   string
	At    Node // the key
	Value Node
}

// Pairs are the entries of a map, in order.
func (n Node) Pairs() []Pair {
	var list []*ast.MappingValueNode
	switch v := n.value().(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		list = v.Values
	case *ast.MappingValueNode:
		list = []*ast.MappingValueNode{v}
	default:
		n.Errorf("%s: want a map, such as {name: value}", n.found())
		return nil
	}
	var pairs []Pair
	for _, p := range list {
		k := Node{n.s, p.Key}
		pairs = append(pairs, Pair{k.Text(), k, Node{n.s, p.Value}})
	}
	return pairs
}

// Fields are the entries of a map by name.
type Fields map[string]Node

// Fields reads a map that may have these keys and no others; what is what it describes.
func (n Node) Fields(what string, keys ...string) Fields {
	f := Fields{}
	for _, p := range n.Pairs() {
		switch {
		case !slices.Contains(keys, p.Key):
			p.At.Errorf("%s has no %q; it may have %s", what, p.Key, strings.Join(keys, ", "))
		case f[p.Key].n != nil:
			p.At.Errorf("%s: %q is there twice", what, p.Key)
		}
		f[p.Key] = p.Value
	}
	return f
}

// List is the values of a list; of a single value, that one.
func (n Node) List() []Node {
	switch v := n.value().(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		var list []Node
		for _, x := range v.Values {
			list = append(list, Node{n.s, x})
		}
		return list
	}
	return []Node{n}
}

// found is how an error names what was written.
func (n Node) found() string {
	switch {
	case n.IsMap():
		return "a map"
	case n.IsList():
		return "a list"
	case !n.There():
		return "nothing"
	}
	return strconv.Quote(n.raw())
}

// raw is a scalar as it was written, without quotes.
func (n Node) raw() string {
	switch v := n.value().(type) {
	case nil, *ast.NullNode:
		return ""
	case *ast.StringNode:
		return v.Value
	case *ast.LiteralNode:
		return v.Value.Value
	default:
		return v.GetToken().Value
	}
}

// Text is a word, a number or a text.
func (n Node) Text() string {
	if n.IsMap() || n.IsList() {
		n.Errorf("%s: want a text", n.found())
		return ""
	}
	return n.raw()
}

// Texts is a list of them, or one.
func (n Node) Texts() []string {
	var list []string
	for _, v := range n.List() {
		list = append(list, v.Text())
	}
	return list
}

// One is a text that must be one of these.
func (n Node) One(possible ...string) string {
	if !n.There() {
		return ""
	}
	s := n.Text()
	if !slices.Contains(possible, s) {
		n.Errorf("%s: want %s", n.found(), strings.Join(possible, ", "))
	}
	return s
}

// Int is a whole number in a range, decimal or 0x….
func (n Node) Int(low, high int) int {
	v, err := strconv.ParseInt(strings.TrimSpace(n.Text()), 0, 64)
	if err != nil || v < int64(low) || v > int64(high) {
		n.Errorf("%s: want a whole number from %s to %s", n.found(), number(low), number(high))
		return low
	}
	return int(v)
}

func number(n int) string {
	if n > 255 {
		return fmt.Sprintf("%d (%#x)", n, n)
	}
	return strconv.Itoa(n)
}

// Float is a number.
func (n Node) Float() float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(n.Text()), 64)
	if i, ierr := strconv.ParseInt(strings.TrimSpace(n.Text()), 0, 64); ierr == nil {
		v, err = float64(i), nil
	}
	if err != nil || math.IsNaN(v) {
		n.Errorf("%s: want a number", n.found())
		return 0
	}
	return v
}

// Bool is true or false, also on and off.
func (n Node) Bool() bool {
	switch n.Text() {
	case "true", "on", "yes":
		return true
	case "false", "off", "no":
		return false
	}
	n.Errorf("%s: want on or off", n.found())
	return false
}

// Duration is a time such as 20ms, at least 0.
func (n Node) Duration() time.Duration {
	d, err := time.ParseDuration(n.Text())
	if err != nil || d < 0 {
		n.Errorf("%s: want a time, such as 20ms or 1.5s", n.found())
		return 0
	}
	return d
}

// Hex is bytes in hexadecimal; blanks between them do not count.
func (n Node) Hex() []byte {
	var b []byte
	text := strings.Join(strings.Fields(n.Text()), "")
	for i := 0; i < len(text); i += 2 {
		v, err := strconv.ParseUint(text[i:min(i+2, len(text))], 16, 8)
		if err != nil || i+2 > len(text) {
			n.Errorf("%s: want bytes in hexadecimal, such as \"01 af\"", n.found())
			return nil
		}
		b = append(b, byte(v))
	}
	return b
}

// Required notes an error where one of the keys is missing; n is the map.
func (n Node) Required(what string, f Fields, keys ...string) {
	for _, k := range keys {
		if !f[k].There() {
			n.Errorf("%s needs %q", what, k)
		}
	}
}

// Any is the value as encoding/json writes it: maps, lists, numbers, words.
func (n Node) Any() any {
	switch {
	case n.IsMap():
		m := map[string]any{}
		for _, p := range n.Pairs() {
			m[p.Key] = p.Value.Any()
		}
		return m
	case n.IsList():
		l := []any{}
		for _, v := range n.List() {
			l = append(l, v.Any())
		}
		return l
	}
	switch v := n.value().(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return n.Float()
	case *ast.BoolNode:
		return v.Value
	case nil, *ast.NullNode:
		return nil
	}
	return n.raw()
}
