//go:build linux

package fuse

import "encoding/binary"

// The operations that a kernel sends (include/uapi/linux/fuse.h, enum fuse_opcode).
const (
	opLookup      = 1
	opForget      = 2
	opGetattr     = 3
	opSetattr     = 4
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatfs      = 17
	opRelease     = 18
	opFsync       = 20
	opFlush       = 25
	opInit        = 26
	opOpendir     = 27
	opReaddir     = 28
	opReleasedir  = 29
	opInterrupt   = 36
	opDestroy     = 38
	opIoctl       = 39
	opPoll        = 40
	opBatchForget = 42

	notifyPoll = 1 // FUSE_NOTIFY_POLL
)

// Flags of INIT, OPEN and POLL.
const (
	initAtomicTrunc = 1 << 3
	initBigWrites   = 1 << 5
	initMaxPages    = 1 << 22

	openDirect         = 1 << 0
	openStream         = 1 << 4
	openNoFlush        = 1 << 5
	openParallelWrites = 1 << 6

	pollNotify = 1 << 0
)

const (
	inHeader  = 40
	outHeader = 16
	attrSize  = 88

	maxPages = 256
	maxIO    = maxPages * 4096
	bufSize  = maxIO + 4096
)

var le = binary.LittleEndian // of every machine that this runs on

// request is a message of the kernel's: struct fuse_in_header and what follows it.
type request []byte

func (r request) op() uint32       { return le.Uint32(r[4:]) }
func (r request) unique() uint64   { return le.Uint64(r[8:]) }
func (r request) node() uint64     { return le.Uint64(r[16:]) }
func (r request) body() []byte     { return r[inHeader:] }
func (r request) u64(i int) uint64 { return le.Uint64(r[inHeader+i:]) }
func (r request) u32(i int) uint32 { return le.Uint32(r[inHeader+i:]) }

func (r request) caller() Caller {
	return Caller{UID: le.Uint32(r[24:]), GID: le.Uint32(r[28:]), PID: int(le.Uint32(r[32:]))}
}

// need is how many bytes the body of an operation has at least; the kernel never sends less.
func need(op uint32) int {
	switch op {
	case opRead, opWrite, opReaddir:
		return 40
	case opPoll, opRelease, opReleasedir:
		return 24
	case opInit, opGetattr:
		return 16
	case opOpen, opOpendir, opForget, opInterrupt, opBatchForget:
		return 8
	}
	return 0
}

// putAttr writes struct fuse_attr. Sizes are so large that no direct write ever goes past the end,
// which would take the inode's lock.
func putAttr(b []byte, id uint64, dir bool) {
	clear(b[:attrSize])
	mode := uint32(0o100666)
	if dir {
		mode = 0o040755
	}
	le.PutUint64(b, id)
	le.PutUint64(b[8:], 1<<62)
	le.PutUint32(b[60:], mode)
	le.PutUint32(b[64:], 1)
	le.PutUint32(b[80:], 4096)
}

// putDirent appends struct fuse_dirent, or gives false where there is no room.
func putDirent(out []byte, limit int, e Entry, next uint64) ([]byte, bool) {
	size := (24 + len(e.Name) + 7) &^ 7
	if len(out)+size > limit {
		return out, false
	}
	at := len(out)
	out = append(out, make([]byte, size)...)
	b := out[at:]
	le.PutUint64(b, e.Ino)
	le.PutUint64(b[8:], next)
	le.PutUint32(b[16:], uint32(len(e.Name)))
	le.PutUint32(b[20:], e.Mode>>12&0xf)
	copy(b[24:], e.Name)
	return out, true
}
