package kmod

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Index is an index file that depmod wrote, held in memory. A damaged file cannot make a search
// run away: every offset is checked, children must lie before their parents, as they are written,
// and one search visits no more nodes than the file has bytes.
type Index struct {
	data []byte
	root uint32
}

// ErrIndex is wrapped by every complaint about an index file's contents.
var ErrIndex = errors.New("damaged module index, run depmod")

// OpenIndex reads an index file.
//
// Errors: the file's; ErrIndex.
func OpenIndex(path string) (*Index, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	x, err := ParseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

// ParseIndex takes an index file's bytes, which the caller must not change afterwards.
//
// Errors: ErrIndex for a short file, a wrong magic number, a wrong major version.
func ParseIndex(data []byte) (*Index, error) {
	if len(data) < 12 {
		return nil, fmt.Errorf("%w: %d bytes, the header has 12", ErrIndex, len(data))
	}
	if m := binary.BigEndian.Uint32(data); m != indexMagic {
		return nil, fmt.Errorf("%w: magic check fail: %x instead of %x", ErrIndex, m, uint32(indexMagic))
	}
	if v := binary.BigEndian.Uint32(data[4:]) >> 16; v != indexVersionMajor {
		return nil, fmt.Errorf("%w: major version check fail: %d instead of %d", ErrIndex, v, indexVersionMajor)
	}
	return &Index{data: data, root: binary.BigEndian.Uint32(data[8:])}, nil
}

// indexNode is one node, its parts still in the file.
type indexNode struct {
	at          uint32 // offset without flags
	prefix      []byte
	first, last int // empty when last < first
	children    []byte
	values      []byte // count values, each priority and NUL-terminated text
	count       int
}

// walk is one search; budget bounds the nodes it may still visit.
type walk struct {
	x      *Index
	budget int
}

func (x *Index) walk() *walk { return &walk{x, len(x.data)} }

// node reads the node at an offset, which must lie before below.
func (w *walk) node(offset, below uint32) (indexNode, bool) {
	n := indexNode{at: offset & nodeMask, last: -1}
	if n.at < 12 || n.at >= below || n.at >= uint32(len(w.x.data)) || w.budget == 0 {
		return n, false
	}
	w.budget--
	p := w.x.data[n.at:]
	if offset&nodePrefix != 0 {
		i := bytes.IndexByte(p, 0)
		if i < 0 {
			return n, false
		}
		n.prefix, p = p[:i], p[i+1:]
	}
	if offset&nodeChilds != 0 {
		if len(p) < 2 || p[0] > p[1] || p[1] >= indexCharMax {
			return n, false
		}
		n.first, n.last = int(p[0]), int(p[1])
		size := 4 * (n.last - n.first + 1)
		if len(p) < 2+size {
			return n, false
		}
		n.children, p = p[2:2+size], p[2+size:]
	}
	if offset&nodeValues != 0 {
		if len(p) < 4 {
			return n, false
		}
		count := binary.BigEndian.Uint32(p)
		if uint64(count)*5 > uint64(len(p)-4) { // a value takes at least 5 bytes
			return n, false
		}
		n.count, n.values = int(count), p[4:]
	}
	return n, true
}

func (w *walk) child(n *indexNode, ch int) (indexNode, bool) {
	if ch < n.first || ch > n.last {
		return indexNode{}, false
	}
	return w.node(binary.BigEndian.Uint32(n.children[4*(ch-n.first):]), n.at)
}

// each calls f with the node's values in their order.
func (n *indexNode) each(f func(priority uint32, value string)) {
	p := n.values
	for range n.count {
		if len(p) < 4 {
			return
		}
		end := bytes.IndexByte(p[4:], 0)
		if end < 0 {
			return
		}
		f(binary.BigEndian.Uint32(p), string(p[4:4+end]))
		p = p[4+end+1:]
	}
}

// Search gives the first value of a key, taken literally.
func (x *Index) Search(key string) (string, bool) {
	w := x.walk()
	n, ok := w.node(x.root, nodeMask)
	for ok {
		if len(key) < len(n.prefix) || key[:len(n.prefix)] != string(n.prefix) {
			return "", false
		}
		key = key[len(n.prefix):]
		if key == "" {
			value, found := "", false
			n.each(func(_ uint32, v string) {
				if !found {
					value, found = v, true
				}
			})
			return value, found
		}
		n, ok = w.child(&n, int(key[0]))
		key = key[1:]
	}
	return "", false
}

// SearchWild gives the values of every key, read as a shell pattern, that matches the name,
// by priority.
func (x *Index) SearchWild(name string) []string {
	s := wildSearch{walk: x.walk()}
	key := name
	n, ok := s.node(x.root, nodeMask)
	for ok {
		for i, ch := range n.prefix {
			if ch == '*' || ch == '?' || ch == '[' {
				s.all(&n, n.prefix[i:], nil, key[i:])
				return s.values()
			}
			if i >= len(key) || key[i] != ch {
				return s.values()
			}
		}
		key = key[len(n.prefix):]
		for _, ch := range [3]byte{'*', '?', '['} {
			if c, found := s.child(&n, int(ch)); found {
				s.all(&c, c.prefix, []byte{ch}, key)
			}
		}
		if key == "" {
			n.each(s.add)
			break
		}
		n, ok = s.child(&n, int(key[0]))
		key = key[1:]
	}
	return s.values()
}

type wildSearch struct {
	*walk
	found trieNode // its ordering of values is the one wanted
}

func (s *wildSearch) add(priority uint32, value string) { s.found.add(value, priority) }

func (s *wildSearch) values() []string {
	var out []string
	for _, v := range s.found.values {
		out = append(out, v.value)
	}
	return out
}

// all looks through the patterns that begin with pattern+prefix for those that match the key.
func (s *wildSearch) all(n *indexNode, prefix, pattern []byte, key string) {
	pattern = append(pattern, prefix...)
	for ch := n.first; ch <= n.last; ch++ {
		if c, ok := s.child(n, ch); ok {
			s.all(&c, c.prefix, append(pattern, byte(ch)), key)
		}
	}
	if n.count > 0 && Match(string(pattern), key) {
		n.each(s.add)
	}
}

// Dump writes one line "prefix+key value" for each value, in the order of the keys.
func (x *Index) Dump(out io.Writer, prefix string) error {
	w := x.walk()
	n, ok := w.node(x.root, nodeMask)
	if !ok {
		return nil
	}
	return w.dump(out, &n, []byte(prefix))
}

func (w *walk) dump(out io.Writer, n *indexNode, key []byte) (err error) {
	key = append(key, n.prefix...)
	n.each(func(_ uint32, v string) {
		if err == nil {
			_, err = fmt.Fprintf(out, "%s %s\n", key, v)
		}
	})
	for ch := n.first; ch <= n.last && err == nil; ch++ {
		if c, ok := w.child(n, ch); ok {
			err = w.dump(out, &c, append(key, byte(ch)))
		}
	}
	return err
}
