package kmod

import (
	"encoding/binary"
	"hash/crc32"
)

// maxXZDictionary is the largest LZMA2 dictionary that is decoded, as its code in the block
// header: 28 is 64 MiB, that of xz -9. The decoder allocates it whole, up to 4 GiB, before it has
// read a byte of data, so a file of a hundred bytes could otherwise ask for that.
const maxXZDictionary = 28

// checkXZ refuses .xz data that has a block with a larger dictionary. A stream may hold any number
// of blocks at any multiple of four bytes; what looks like a block header there and has the right
// checksum is one. References: The .xz File Format 1.1, 3.1 Block Header, 5.3.1 LZMA2.
func checkXZ(data []byte) error {
	for off := 12; off+8 <= len(data); off += 4 {
		size := (int(data[off]) + 1) * 4
		if size < 8 || off+size > len(data) {
			continue
		}
		h := data[off : off+size]
		code, ok := xzDictionary(h[1 : size-4])
		if !ok || code <= maxXZDictionary {
			continue
		}
		if crc32.ChecksumIEEE(h[:size-4]) == binary.LittleEndian.Uint32(h[size-4:]) {
			return badFormat("compressed data wants an LZMA2 dictionary of size code %d, the largest is %d (64 MiB)", code, maxXZDictionary)
		}
	}
	return nil
}

// xzDictionary finds the LZMA2 filter in a block header that begins with its flags.
func xzDictionary(h []byte) (code byte, ok bool) {
	flags, h := h[0], h[1:]
	if flags&0x3c != 0 {
		return 0, false
	}
	for _, present := range [2]byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&present == 0 {
			continue
		}
		if _, n := binary.Uvarint(h); n > 0 {
			h = h[n:]
		} else {
			return 0, false
		}
	}
	for range flags&3 + 1 {
		id, n := binary.Uvarint(h)
		if n <= 0 {
			return 0, false
		}
		size, m := binary.Uvarint(h[n:])
		if m <= 0 || size > uint64(len(h)-n-m) {
			return 0, false
		}
		props := h[n+m:][:size]
		if id == 0x21 && size == 1 {
			return props[0], true
		}
		h = h[n+m:][size:]
	}
	return 0, false
}
