package described

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kobench/kobench/hw/internal/sheet"
)

// items are the short items of a report descriptor: their first byte without the size [HID] 6.2.2.4
// to 6.2.2.8.
func items() map[string]byte {
	return map[string]byte{
		"input": 0x80, "output": 0x90, "feature": 0xb0, "collection": 0xa0, "end collection": 0xc0,
		"usage page": 0x04, "logical minimum": 0x14, "logical maximum": 0x24, "physical minimum": 0x34, "physical maximum": 0x44,
		"unit exponent": 0x54, "unit": 0x64, "report size": 0x74, "report id": 0x84, "report count": 0x94, "push": 0xa4, "pop": 0xb4,
		"usage": 0x08, "usage minimum": 0x18, "usage maximum": 0x28,
	}
}

// flags are words for bits of input, output and feature [HID] 6.2.2.5, and kinds of collections.
func flags() map[string]int {
	return map[string]int{
		"data": 0, "constant": 1, "array": 0, "variable": 2, "absolute": 0, "relative": 4, "wrap": 8, "nonlinear": 16, "no-preferred": 32, "null": 64,
		"physical": 0, "application": 1, "logical": 2,
	}
}

// parseReport reads a report descriptor: bytes in hexadecimal, or a list of items.
func parseReport(n sheet.Node) []byte {
	if !n.IsList() {
		return n.Hex()
	}
	var b []byte
	for _, item := range n.List() {
		b = append(b, parseItem(item)...)
	}
	return b
}

// parseItem reads one item: its name, and a number or words.
func parseItem(n sheet.Node) []byte {
	words := strings.Fields(n.Text())
	name, head := "", byte(0)
	for i := min(len(words), 2); i > 0 && name == ""; i-- {
		if h, ok := items()[strings.Join(words[:i], " ")]; ok {
			name, head = strings.Join(words[:i], " "), h
			words = words[i:]
		}
	}
	if name == "" {
		n.Errorf("item %q: want one of %s, and a value", n.Text(), strings.Join(names(items()), ", "))
		return nil
	}
	if len(words) == 0 {
		if name == "end collection" || name == "push" || name == "pop" {
			return []byte{head}
		}
		n.Errorf("item %q needs a value", name)
		return nil
	}
	v := 0
	for _, w := range words {
		if f, ok := flags()[w]; ok {
			v |= f
			continue
		}
		i, err := strconv.ParseInt(w, 0, 64)
		if err != nil || i < -1<<31 || i > 1<<32-1 {
			n.Errorf("item %q: %q: want a number, or of %s", name, w, strings.Join(names(flags()), ", "))
			return nil
		}
		v |= int(i)
	}
	signed := slices.Contains([]string{"logical minimum", "logical maximum", "physical minimum", "physical maximum", "unit exponent"}, name)
	switch {
	case signed && v >= -128 && v <= 127, !signed && v >= 0 && v <= 255:
		return []byte{head | 1, byte(v)}
	case signed && v >= -32768 && v <= 32767, !signed && v >= 0 && v <= 65535:
		return []byte{head | 2, byte(v), byte(v >> 8)}
	}
	return []byte{head | 3, byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
}
