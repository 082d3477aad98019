package kmod

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// The on-disk index ([kmod] libkmod/libkmod-index.c, tools/depmod.c): a radix trie in post-order,
// all integers big-endian.
//
//	header  magic u32, version u32, offset of the root node u32
//	node    [prefix, NUL]  [first u8, last u8, (last-first+1) child offsets u32]
//	        [count u32, count × (priority u32, value, NUL)]
//
// The flags in an offset's high nibble say which parts the node has; offset 0 means no node.
const (
	indexMagic        = 0xB007F457
	indexVersion      = 0x00020001
	indexVersionMajor = indexVersion >> 16

	nodePrefix = 0x80000000
	nodeValues = 0x40000000
	nodeChilds = 0x20000000
	nodeMask   = 0x0FFFFFFF

	indexCharMax = 128 // keys and values are 7-bit ASCII
)

// IndexBuilder builds an index in memory. The zero value is empty and ready.
type IndexBuilder struct{ root trieNode }

type trieNode struct {
	prefix   string
	values   []trieValue
	children []trieChild // by character
}

type trieChild struct {
	ch   byte
	node *trieNode
}

type trieValue struct {
	priority uint32
	value    string
}

// Insert adds a value to a key. Values are kept by priority, lowest first; of equal ones the
// newest comes first. duplicate reports that the key had this value before.
//
// Errors: a character above 0x7f in key or value.
func (b *IndexBuilder) Insert(key, value string, priority uint32) (duplicate bool, err error) {
	for _, s := range [2]string{key, value} {
		for i := 0; i < len(s); i++ {
			if s[i] >= indexCharMax {
				return false, fmt.Errorf("Module index: bad character '%c'=0x%x - only 7-bit ASCII is supported:\n%s", s[i], s[i], s)
			}
		}
	}
	node := &b.root
	for {
		n := 0
		for n < len(node.prefix) && n < len(key) && node.prefix[n] == key[n] {
			n++
		}
		if n < len(node.prefix) { // the key leaves inside the prefix: split the node there
			rest := *node
			rest.prefix = node.prefix[n+1:]
			*node = trieNode{prefix: node.prefix[:n], children: []trieChild{{node.prefix[n], &rest}}}
		}
		key = key[n:]
		if key == "" {
			return node.add(value, priority), nil
		}
		i, found := slices.BinarySearchFunc(node.children, key[0], func(c trieChild, ch byte) int { return int(c.ch) - int(ch) })
		if !found {
			leaf := &trieNode{prefix: key[1:], values: []trieValue{{priority, value}}}
			node.children = slices.Insert(node.children, i, trieChild{key[0], leaf})
			return false, nil
		}
		node, key = node.children[i].node, key[1:]
	}
}

func (n *trieNode) add(value string, priority uint32) (duplicate bool) {
	at := len(n.values)
	for i, v := range n.values {
		if v.value == value {
			duplicate = true
		}
		if at == len(n.values) && v.priority >= priority {
			at = i
		}
	}
	n.values = slices.Insert(n.values, at, trieValue{priority, value})
	return duplicate
}

// WriteTo writes the index file.
//
// Errors: the writer's; an index of more than 256 MiB, which the format cannot address.
func (b *IndexBuilder) WriteTo(w io.Writer) (int64, error) {
	buf := make([]byte, 12, 8<<10)
	binary.BigEndian.PutUint32(buf[0:], indexMagic)
	binary.BigEndian.PutUint32(buf[4:], indexVersion)
	buf, root := b.root.append(buf)
	if len(buf) > nodeMask {
		return 0, fmt.Errorf("index of %d bytes: the format holds at most %d", len(buf), nodeMask)
	}
	binary.BigEndian.PutUint32(buf[8:], root)
	n, err := w.Write(buf)
	return int64(n), err
}

func (n *trieNode) append(buf []byte) ([]byte, uint32) {
	var offsets [indexCharMax]uint32
	first, last := 0, -1
	if len(n.children) > 0 {
		first, last = int(n.children[0].ch), int(n.children[len(n.children)-1].ch)
		for _, c := range n.children {
			buf, offsets[c.ch] = c.node.append(buf)
		}
	}
	offset := uint32(len(buf))
	if n.prefix != "" {
		buf = append(append(buf, n.prefix...), 0)
		offset |= nodePrefix
	}
	if last >= 0 {
		buf = append(buf, byte(first), byte(last))
		for ch := first; ch <= last; ch++ {
			buf = binary.BigEndian.AppendUint32(buf, offsets[ch])
		}
		offset |= nodeChilds
	}
	if len(n.values) > 0 {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(n.values)))
		for _, v := range n.values {
			buf = binary.BigEndian.AppendUint32(buf, v.priority)
			buf = append(append(buf, v.value...), 0)
		}
		offset |= nodeValues
	}
	return buf, offset
}
