package dialogue

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// pattern is what a frame must be like. It gives the variables that it finds in it.
type pattern struct {
	re     *regexp.Regexp
	fields []hexField // of a hexadecimal one
	lit    []byte     // whole: a text, or a hexadecimal pattern without fields
	any    bool
}

// hexField is a run of bytes: given, or of a type with a name; size -1 is the rest.
type hexField struct {
	lit  []byte
	wild bool
	name string
	num  numberType
	size int
}

// names are the variables that a match gives.
func (p *pattern) names() []string {
	var list []string
	if p.re != nil {
		for i, n := range p.re.SubexpNames()[1:] {
			list = append(list, fmt.Sprintf("m%d", i+1))
			if n != "" {
				list = append(list, n)
			}
		}
	}
	for _, f := range p.fields {
		if f.name != "" {
			list = append(list, f.name)
		}
	}
	return append(list, "frame")
}

// match tries a whole frame.
func (p *pattern) match(frame []byte) (map[string]value, bool) {
	vars := map[string]value{"frame": string(frame)}
	switch {
	case p.any:
		return vars, true
	case p.lit != nil:
		return vars, bytes.Equal(p.lit, frame)
	case p.re != nil:
		m := p.re.FindSubmatch(frame)
		if m == nil {
			return nil, false
		}
		for i, n := range p.re.SubexpNames()[1:] {
			vars[fmt.Sprintf("m%d", i+1)] = string(m[i+1])
			if n != "" {
				vars[n] = string(m[i+1])
			}
		}
		return vars, true
	}
	for _, f := range p.fields {
		size := f.size
		if size < 0 {
			size = len(frame)
		}
		if len(frame) < size {
			return nil, false
		}
		b := frame[:size]
		frame = frame[size:]
		switch {
		case f.lit != nil:
			if !bytes.Equal(f.lit, b) {
				return nil, false
			}
		case f.num.size > 0:
			vars[f.name] = f.num.number(b)
		case f.name != "":
			vars[f.name] = string(b)
		}
	}
	return vars, len(frame) == 0
}

// parseHex reads "01 03 ?? {addr:u16} {rest:*}".
func parseHex(s string) (*pattern, error) {
	p := &pattern{}
	for {
		before, name, format, rest, found, err := field(s)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		for i, run := range strings.Split(before, "??") {
			if i > 0 {
				p.fields = append(p.fields, hexField{wild: true, size: 1})
			}
			lit, err := unhex(run)
			if err != nil {
				return nil, err
			}
			if lit != "" {
				p.fields = append(p.fields, hexField{lit: []byte(lit), size: len(lit)})
			}
		}
		if !found {
			break
		}
		f := hexField{name: strings.TrimSpace(name)}
		switch t := numberTypes()[format]; {
		case f.name == "" || !nameRE.MatchString(f.name):
			return nil, fmt.Errorf("{%s}: want {name:type}", name)
		case format == "*":
			f.size = -1
		case t.size > 0:
			f.num, f.size = t, t.size
		default:
			if _, err := fmt.Sscanf(format, "%d", &f.size); err != nil || f.size < 1 || f.size > 4096 {
				return nil, fmt.Errorf("{%s:%s}: want %s, a number of bytes, or * for the rest", name, format, numberTypeList)
			}
		}
		p.fields = append(p.fields, f)
		s = rest
	}
	if len(p.fields) == 1 && p.fields[0].lit != nil {
		return &pattern{lit: p.fields[0].lit}, nil
	}
	if len(p.fields) == 0 {
		return nil, fmt.Errorf("%q: want bytes", s)
	}
	return p, nil
}

var nameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z_0-9]*$`)
