package sheet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	n, s, err := Parse("x.yaml", []byte("a: &x {b: 0x10, c: [1, two, \"3\"]}\nd: *x\ne: 1.5s\nf: |\n  text\n  more\ng: null\nh: \"01 aF\"\ni: on\n"))
	require.NoError(t, err)
	f := n.Fields("it", "a", "d", "e", "f", "g", "h", "i")
	d := f["d"].Fields("d", "b", "c")
	require.Equal(t, 16, d["b"].Int(0, 255))
	require.Equal(t, []string{"1", "two", "3"}, d["c"].Texts())
	require.Equal(t, 1500*time.Millisecond, f["e"].Duration())
	require.Equal(t, "text\nmore\n", f["f"].Text())
	require.False(t, f["g"].There())
	require.False(t, f["z"].There())
	require.Equal(t, []byte{1, 0xaf}, f["h"].Hex())
	require.True(t, f["i"].Bool())
	require.NoError(t, s.Err())
}

func TestJSON(t *testing.T) {
	n, s, err := Parse("x.json", []byte(`{"a": [1, {"b": "x\u00e4\n"}], "c": true}`))
	require.NoError(t, err)
	f := n.Fields("it", "a", "c")
	require.Equal(t, "xä\n", f["a"].List()[1].Fields("a", "b")["b"].Text())
	require.True(t, f["c"].Bool())
	require.NoError(t, s.Err())
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		read func(Node)
		want string
	}{
		{"a: 1\nz: 2\n", func(n Node) { n.Fields("a rule", "a", "b") }, `x:2:1: a rule has no "z"; it may have a, b`},
		{"a: 300\n", func(n Node) { n.Fields("it", "a")["a"].Int(0, 255) }, `x:1:4: "300": want a whole number from 0 to 255`},
		{"a: [1]\n", func(n Node) { n.Fields("it", "a")["a"].Text() }, `x:1:4: a list: want a text`},
		{"a: soon\n", func(n Node) { n.Fields("it", "a")["a"].Duration() }, `x:1:4: "soon": want a time, such as 20ms or 1.5s`},
		{"a: 1g\n", func(n Node) { n.Fields("it", "a")["a"].Hex() }, `x:1:4: "1g": want bytes in hexadecimal`},
		{"a: maybe\n", func(n Node) { n.Fields("it", "a")["a"].Bool() }, `x:1:4: "maybe": want on or off`},
		{"a: *b\n", func(n Node) { n.Fields("it", "a")["a"].Text() }, `alias *b`},
		{"- a\n", func(n Node) { n.Fields("it", "a") }, `x:1:1: a list: want a map`},
		{"a: b\n", func(n Node) { n.Fields("it", "a")["a"].One("c", "d") }, `x:1:4: "b": want c, d`},
		{"b: 1\n", func(n Node) { n.Required("it", n.Fields("it", "b"), "a") }, `it needs "a"`},
	} {
		n, s, err := Parse("x", []byte(c.text))
		if err == nil {
			c.read(n)
			err = s.Err()
		}
		require.ErrorContains(t, err, c.want, c.text)
	}
	for _, text := range []string{"", "a: [", "a: b: c", "{", "\t", "a: &x [*x, *x]"} {
		n, s, err := Parse("x", []byte(text))
		if err == nil {
			walk(n, 0)
			err = s.Err()
		}
		_ = err
	}
}

func walk(n Node, depth int) {
	if depth > 20 {
		return
	}
	switch {
	case n.IsMap():
		for _, p := range n.Pairs() {
			walk(p.Value, depth+1)
		}
	case n.IsList():
		for _, v := range n.List() {
			walk(v, depth+1)
		}
	default:
		n.Text()
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a: &x {b: [1, *x]}\n? c\n: d\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		if n, _, err := Parse("x", text); err == nil {
			walk(n, 0)
		}
	})
}
