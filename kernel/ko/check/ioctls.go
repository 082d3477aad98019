package check

import (
	"encoding/binary"
	"slices"
)

// mostCommands bounds how many numbers are tried as ioctl commands.
const mostCommands = 64

// commands are the constants in a module's code that may be ioctl numbers [ioctl]: a letter as
// type, a small ordinal, and a size where and only where there is a direction. It looks at every
// byte that may be an i32.const: what is none is a call that any program could make, too.
func commands(image []byte) []uint32 {
	const i32Const = 0x41
	var all []uint32
	for at, b := range image {
		if b != i32Const {
			continue
		}
		if v, ok := signedLEB(image[at+1:]); ok && command(v) {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), mostCommands)]
}

func command(v uint32) bool {
	ordinal, letter, size, direction := v&0xff, byte(v>>8), v>>16&0x3fff, v>>30
	isLetter := letter >= 'A' && letter <= 'Z' || letter >= 'a' && letter <= 'z'
	return isLetter && ordinal < 64 && (direction == 0) == (size == 0) && size <= 4096
}

// signedLEB reads the immediate of an i32.const of at least three bytes: smaller numbers are no
// command.
func signedLEB(p []byte) (uint32, bool) {
	var v uint64
	for i := range min(len(p), binary.MaxVarintLen32) {
		v |= uint64(p[i]&0x7f) << (7 * i)
		if p[i]&0x80 == 0 {
			if p[i]&0x40 != 0 {
				v |= ^uint64(0) << (7 * (i + 1))
			}
			return uint32(v), i >= 2
		}
	}
	return 0, false
}
