package capi

import (
	"encoding/binary"

	"github.com/kobench/kobench/kernel"
)

// fsState is what the area keeps. It belongs to the holder of the big lock.
type fsState struct {
	fops   map[ptr]*fops      // by address of struct file_operations
	files  map[ptr]*openFile  // by address of struct file
	polls  map[ptr]*pollEntry // by address of struct wait_queue_entry
	asyncs map[ptr]*fasync    // by what a struct fasync_struct * holds
}

func newFsState() fsState {
	return fsState{fops: map[ptr]*fops{}, files: map[ptr]*openFile{}, polls: map[ptr]*pollEntry{}, asyncs: map[ptr]*fasync{}}
}

// fops is a struct file_operations of C as the kernel calls it.
type fops struct {
	s    *System
	mod  *Module // whose table it is
	addr ptr
	raw  [sizeofFileOperations]byte
	k    *kernel.FileOperations

	open, release, read, write, llseek, ioctl, poll, fasync, flush, readIter, writeIter ptr
	proc                                                                                *procEntry
	// by operation, of the dispatch tables
	names map[string]string
}

// openFile is a file that C has opened, with its struct file, struct inode and struct dentry in
// kernel memory.
type openFile struct {
	ops   *fops
	k     *kernel.File
	addr  ptr // struct file
	inode ptr
	flags uint32 // as C knows them
	// where C's read and write find the position; 0: the file is a stream (FMODE_STREAM)
	pos    ptr
	astray bool // a seek has left the position negative
	polls  []*pollEntry
	iter   ptr            // struct kiocb and iov_iter, 0 until needed
	handle *kernel.Handle // of filp_open
}

const (
	offInode  = sizeofFile
	offDentry = offInode + sizeofInode
	offName   = offDentry + sizeofDentry
	nameLen   = 40
	fileBlock = offName + nameLen
)

// fopsAt makes the kernel's operations of the table at addr, or finds them where the table has not
// changed. Needs the big lock.
func (c *Ctx) fopsAt(addr ptr) *fops {
	b := c.mem().bytes(addr, sizeofFileOperations)
	if o := c.s.fops[addr]; o != nil && string(o.raw[:]) == string(b) {
		return o
	}
	o := &fops{s: c.s, addr: addr, mod: c.owner()}
	copy(o.raw[:], b)
	at := func(off uint32) ptr { return binary.LittleEndian.Uint64(b[off:]) }
	o.open, o.release = at(offFileOperationsOpen), at(offFileOperationsRelease)
	o.read, o.write = at(offFileOperationsRead), at(offFileOperationsWrite)
	o.readIter, o.writeIter = at(offFileOperationsReadIter), at(offFileOperationsWriteIter)
	o.llseek, o.ioctl, o.poll = at(offFileOperationsLlseek), at(offFileOperationsUnlockedIoctl), at(offFileOperationsPoll)
	o.fasync, o.flush = at(offFileOperationsFasync), at(offFileOperationsFlush)
	o.build()
	if owner := c.s.modules[at(offFileOperationsOwner)]; owner != nil {
		o.k.Owner, o.mod = owner.K, owner
	}
	c.s.fops[addr] = o
	return o
}

// build fills in the functions that C has.
func (o *fops) build() {
	o.name()
	k := &kernel.FileOperations{Open: o.doOpen, Release: o.doRelease, Symbol: o.symbol}
	if o.read != 0 {
		k.Read = o.doRead
	} else if o.readIter != 0 {
		k.Read = o.doReadIter
	}
	if o.write != 0 {
		k.Write = o.doWrite
	} else if o.writeIter != 0 {
		k.Write = o.doWriteIter
	}
	if o.llseek != 0 {
		k.Llseek = o.doLlseek
	}
	if o.ioctl != 0 {
		k.Ioctl = o.doIoctl
	}
	if o.poll != 0 {
		k.Poll = o.doPoll
	}
	if o.fasync != 0 {
		k.Fasync = o.doFasync
	}
	o.k = k
}

// symbol names the C function behind an operation, for the dispatch tables. It takes no lock: the
// kernel asks with its own held.
func (o *fops) symbol(op string) string { return o.names[op] }

// name looks the names up. Needs the big lock.
func (o *fops) name() {
	o.names = map[string]string{}
	for op, slot := range map[string]ptr{"open": o.open, "release": o.release, "read": max(o.read, o.readIter),
		"write": max(o.write, o.writeIter), "llseek": o.llseek, "ioctl": o.ioctl, "poll": o.poll} {
		if slot != 0 {
			_, o.names[op], _, _ = o.s.M.FuncAt(slot)
		}
	}
}
