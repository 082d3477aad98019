package dialogue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// template is what a device says: texts and expressions in turn.
type template struct {
	parts []part1
	hex   bool
}

type part1 struct {
	lit    string
	e      *expr // nil: lit
	format string
}

// formatRE is a format after the colon of {expr:format}: Go's and Python's common part.
var formatRE = regexp.MustCompile(`^[-+ 0#]*[0-9]*(\.[0-9]+)?[sdxXfeEgGc]?$`)

// numberTypes are the formats of hexadecimal templates and patterns: how many bytes, and in which
// order.
func numberTypes() map[string]numberType {
	be, le := binary.ByteOrder(binary.BigEndian), binary.ByteOrder(binary.LittleEndian)
	return map[string]numberType{
		"u8": {1, false, false, be}, "i8": {1, true, false, be},
		"u16": {2, false, false, be}, "i16": {2, true, false, be}, "u16le": {2, false, false, le}, "i16le": {2, true, false, le},
		"u32": {4, false, false, be}, "i32": {4, true, false, be}, "u32le": {4, false, false, le}, "i32le": {4, true, false, le},
		"f32": {4, true, true, be}, "f32le": {4, true, true, le},
	}
}

const numberTypeList = "u8, u16, u32, i8, i16, i32, f32, or one of them with le"

type numberType struct {
	size   int
	signed bool
	float  bool
	order  binary.ByteOrder
}

func (t numberType) append(b []byte, f float64) []byte {
	if t.float {
		return append(b, t.bytes(uint64(math.Float32bits(float32(f))))...)
	}
	return append(b, t.bytes(uint64(int64(math.Round(f))))...)
}

func (t numberType) bytes(v uint64) []byte {
	var b [4]byte
	switch t.size {
	case 1:
		b[0] = byte(v)
	case 2:
		t.order.PutUint16(b[:], uint16(v))
	default:
		t.order.PutUint32(b[:], uint32(v))
	}
	return b[:t.size]
}

func (t numberType) number(b []byte) float64 {
	var v uint32
	switch t.size {
	case 1:
		v = uint32(b[0])
	case 2:
		v = uint32(t.order.Uint16(b))
	default:
		v = t.order.Uint32(b)
	}
	switch {
	case t.float:
		return float64(math.Float32frombits(v))
	case t.signed:
		shift := 32 - 8*t.size
		return float64(int32(v<<shift) >> shift)
	}
	return float64(v)
}

// field finds the next {…} in s: what is before it, the expression, its format, and the rest. {{
// and }} are braces.
func field(s string) (before, e, format, rest string, found bool, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "{{"), strings.HasPrefix(s[i:], "}}"):
			b.WriteByte(s[i])
			i++
		case s[i] == '}':
			return "", "", "", "", false, errors.New("a } without {; a brace itself is }}")
		case s[i] == '{':
			depth, colon, quote := 0, -1, byte(0)
			for j := i + 1; j < len(s); j++ {
				c := s[j]
				switch {
				case quote != 0:
					if c == quote {
						quote = 0
					}
				case c == '"' || c == '`' || c == '\'':
					quote = c
				case c == '(' || c == '[':
					depth++
				case c == ')' || c == ']':
					depth--
				case c == ':' && depth == 0:
					colon = j
				case c == '}':
					if colon < 0 {
						return b.String(), s[i+1 : j], "", s[j+1:], true, nil
					}
					return b.String(), s[i+1 : colon], s[colon+1 : j], s[j+1:], true, nil
				}
			}
			return "", "", "", "", false, errors.New("a { without }; a brace itself is {{")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), "", "", "", false, nil
}

// parseTemplate reads a template; hex: of bytes in hexadecimal.
func parseTemplate(s string, hex bool, known func(string) bool) (*template, error) {
	t := &template{hex: hex}
	for {
		before, e, format, rest, found, err := field(s)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		if hex {
			if before, err = unhex(before); err != nil {
				return nil, err
			}
		}
		if before != "" {
			t.parts = append(t.parts, part1{lit: before})
		}
		if !found {
			return t, nil
		}
		x, err := parseExpr(e, known)
		switch {
		case err != nil:
			return nil, err
		case hex && format != "" && numberTypes()[format].size == 0:
			return nil, fmt.Errorf("{%s:%s}: want %s, or no format for text", e, format, numberTypeList)
		case !hex && !formatRE.MatchString(format):
			return nil, fmt.Errorf("{%s:%s}: want a format such as 8.3f, +d, 04x or s", e, format)
		}
		t.parts = append(t.parts, part1{e: x, format: format})
		s = rest
	}
}

func unhex(s string) (string, error) {
	s = strings.Join(strings.Fields(s), "")
	var b []byte
	for i := 0; i < len(s); i += 2 {
		v, err := strconv.ParseUint(s[i:min(i+2, len(s))], 16, 8)
		if err != nil || i+2 > len(s) {
			return "", fmt.Errorf("%q: want bytes in hexadecimal, such as 01 af", s)
		}
		b = append(b, byte(v))
	}
	return string(b), nil
}

// maxSay bounds what one answer says.
const maxSay = 64 << 10

// fill works a template out.
func (t *template) fill(s scope) ([]byte, error) {
	var b []byte
	for _, p := range t.parts {
		if p.e == nil {
			b = append(b, p.lit...)
			continue
		}
		v, err := p.e.eval(s)
		if err != nil {
			return nil, err
		}
		if t.hex {
			b, err = appendNumbers(b, v, p.format)
		} else {
			b, err = appendFormatted(b, v, p.format)
		}
		if err != nil {
			return nil, fmt.Errorf("{%s}: %w", p.e.text, err)
		}
		if len(b) > maxSay {
			return nil, fmt.Errorf("an answer of more than %d bytes", maxSay)
		}
	}
	return b, nil
}

// appendNumbers writes a number, or each of a list; a text without a format as it is.
func appendNumbers(b []byte, v value, format string) ([]byte, error) {
	if format == "" {
		if s, ok := v.(string); ok {
			return append(b, s...), nil
		}
		format = "u8"
	}
	list, ok := v.([]value)
	if !ok {
		list = []value{v}
	}
	for _, e := range list {
		f, err := num(e)
		if err != nil {
			return nil, err
		}
		b = numberTypes()[format].append(b, f)
	}
	return b, nil
}

// appendFormatted writes a value in a format of Go's, which for numbers and texts is Python's too.
func appendFormatted(b []byte, v value, format string) ([]byte, error) {
	if format == "" {
		return append(b, text(v)...), nil
	}
	verb := format[len(format)-1]
	if strings.IndexByte("sdxXfeEgGc", verb) < 0 {
		if _, isText := v.(string); isText {
			format, verb = format+"s", 's'
		} else {
			format, verb = format+"g", 'g'
		}
	}
	if verb == 's' {
		return fmt.Appendf(b, "%"+format, text(v)), nil
	}
	f, err := num(v)
	if err != nil {
		return nil, err
	}
	switch verb {
	case 'd', 'x', 'X':
		return fmt.Appendf(b, "%"+format, int64(math.Round(f))), nil
	case 'c':
		return append(b, byte(int64(f))), nil
	}
	return fmt.Appendf(b, "%"+format, f), nil
}
