package capi

import (
	"encoding/binary"
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// procState is what the area keeps. It belongs to the holder of the big lock.
type procState struct {
	procs map[ptr]*procEntry // by address of struct proc_dir_entry
}

func newProcState() procState {
	return procState{procs: map[ptr]*procEntry{}}
}

// procEntry is a struct proc_dir_entry: an address that names it, and the file or folder it stands
// for.
type procEntry struct {
	addr   ptr
	path   string // below /proc
	data   ptr
	dir    bool
	ops    *fops
	remove func()
	res    *resource
	table  ptr // seq_operations, or the show function of a single file
	single bool
	state  uint32 // size of the private part of proc_create_seq_private
}

// Files of /proc. References: fs/proc/generic.c; fs/proc/inode.c.
func procFuncs() []Func {
	return []Func{
		f5("proc_create_data", func(c *Ctx, name ptr, mode uint32, parent, ops, data ptr) ptr {
			return c.procFile(name, mode, parent, data, c.procOps(ops, true))
		}),
		f5("__proc_create_data_fops", func(c *Ctx, name ptr, mode uint32, parent, ops, data ptr) ptr {
			return c.procFile(name, mode, parent, data, c.procOps(ops, false))
		}),
		f5("proc_create_single_data", func(c *Ctx, name ptr, mode uint32, parent, show, data ptr) ptr {
			o := c.libOps("seq_read", "seq_lseek", "single_release")
			p := c.procFile(name, mode, parent, data, o)
			if e := c.s.procs[p]; e != nil {
				e.table, e.single = show, true
			}
			return p
		}),
		f6("proc_create_seq_private", func(c *Ctx, name ptr, mode uint32, parent, ops ptr, state uint32, data ptr) ptr {
			release := "seq_release"
			if state != 0 {
				release = "seq_release_private"
			}
			p := c.procFile(name, mode, parent, data, c.libOps("seq_read", "seq_lseek", release))
			if e := c.s.procs[p]; e != nil {
				e.table, e.state = ops, state
			}
			return p
		}),
		f2("proc_mkdir", func(c *Ctx, name, parent ptr) ptr { return c.procDir(name, parent, 0) }),
		f4("proc_mkdir_data", func(c *Ctx, name ptr, mode uint32, parent, data ptr) ptr { return c.procDir(name, parent, data) }),
		v1("proc_remove", func(c *Ctx, p ptr) { c.procRemove(p) }),
		v2("remove_proc_entry", func(c *Ctx, name, parent ptr) {
			if !c.procRemovePath(c.procPath(name, parent)) {
				c.warn("fs/proc/generic.c", 713, 9, fmt.Sprintf("name '%s'\n", c.mem().str(name)))
			}
		}),
		f2("remove_proc_subtree", func(c *Ctx, name, parent ptr) int32 {
			if !c.procRemovePath(c.procPath(name, parent)) {
				return -int32(kernel.ENOENT)
			}
			return 0
		}),
		v2("proc_set_size", func(c *Ctx, p ptr, size int64) {}), // stat(2) alone would show it
		v3("proc_set_user", func(c *Ctx, p ptr, uid, gid uint32) {
			if e := c.s.procs[p]; e != nil {
				c.s.K.ProcChown(e.path, uid, gid)
			}
		}),
		f1("pde_data", func(c *Ctx, inode ptr) ptr { return c.mem().ptr(inode + offInodeIPrivate) }),
	}
}

func (c *Ctx) procPath(name, parent ptr) string {
	path := c.mem().str(name)
	if e := c.s.procs[parent]; e != nil {
		path = e.path + "/" + path
	}
	return path
}

// procOps makes operations of a struct proc_ops, or of a struct file_operations as before 5.6. They
// are not kept: each file has its own.
func (c *Ctx) procOps(addr ptr, isProc bool) *fops {
	o := &fops{s: c.s, addr: addr, mod: c.owner()}
	if isProc {
		b := c.mem().bytes(addr, sizeofProcOps)
		at := func(off uint32) ptr { return binary.LittleEndian.Uint64(b[off:]) }
		o.open, o.release, o.read, o.write = at(offProcOpsProcOpen), at(offProcOpsProcRelease), at(offProcOpsProcRead), at(offProcOpsProcWrite)
		o.readIter, o.llseek, o.poll, o.ioctl = at(offProcOpsProcReadIter), at(offProcOpsProcLseek), at(offProcOpsProcPoll), at(offProcOpsProcIoctl)
	} else {
		t := c.fopsAt(addr)
		o.open, o.release, o.read, o.write = t.open, t.release, t.read, t.write
		o.readIter, o.writeIter, o.llseek, o.poll, o.ioctl, o.flush = t.readIter, t.writeIter, t.llseek, t.poll, t.ioctl, t.flush
	}
	o.addr = 0
	return o
}

// libOps are operations made of functions of kernel/lib; open is done by the entry.
func (c *Ctx) libOps(read, llseek, release string) *fops {
	slot := func(name string) ptr {
		sym, _ := c.s.M.Builtin().Symbol(name)
		return sym.Addr
	}
	return &fops{s: c.s, mod: c.owner(), read: slot(read), llseek: slot(llseek), release: slot(release)}
}

func (c *Ctx) procEntry(path string, data ptr) *procEntry {
	s := c.s
	p, err := s.M.Alloc(16, 0, nil)
	if err != nil {
		return nil
	}
	e := &procEntry{addr: p, path: path, data: data, remove: func() {}}
	e.res = c.own(func() string { return "/proc/" + path }, func() {
		e.remove()
		s.M.Do(func() {
			delete(s.procs, p)
			_ = s.M.Free(p)
		})
	})
	s.procs[p] = e
	return e
}

func (c *Ctx) procDir(name, parent, data ptr) ptr {
	e := c.procEntry(c.procPath(name, parent), data)
	if e == nil {
		return 0
	}
	e.dir = true
	c.s.K.ProcDir(e.path)
	e.remove = func() { c.s.K.ProcRemove(e.path) }
	return e.addr
}

func (c *Ctx) procFile(name ptr, mode uint32, parent, data ptr, o *fops) ptr {
	e := c.procEntry(c.procPath(name, parent), data)
	if e == nil {
		return 0
	}
	if mode&0o7777 == 0 {
		mode |= 0o444
	}
	e.ops, o.proc = o, e
	o.build()
	if o.mod != nil {
		// Linux takes open files away from their users when the entry goes (proc_entry_rundown);
		// here they hold the module.
		o.k.Owner = o.mod.K
	}
	remove, err := c.s.K.ProcFileOps(e.path, mode&0o7777, o.k, e)
	if err != nil {
		c.warn("fs/proc/generic.c", 377, 9, fmt.Sprintf("proc_dir_entry '/proc/%s' already registered\n", e.path))
		c.dropProc(e)
		return 0
	}
	e.remove = remove
	return e.addr
}

func (c *Ctx) dropProc(e *procEntry) {
	e.res.done()
	delete(c.s.procs, e.addr)
	_ = c.s.M.Free(e.addr)
}

func (c *Ctx) procRemove(p ptr) {
	if e := c.s.procs[p]; e != nil {
		c.procRemovePath(e.path)
	}
}

// procRemovePath removes an entry and all below it.
func (c *Ctx) procRemovePath(path string) (found bool) {
	for _, e := range c.s.procs {
		if e.path == path || len(e.path) > len(path) && e.path[:len(path)+1] == path+"/" {
			found = true
			e.remove()
			c.dropProc(e)
		}
	}
	return found
}

// procOpen is the open of files that kernel/lib serves: seq_open, __seq_open_private or
// single_open.
func (c *Ctx) procOpen(e *procEntry, of *openFile) (int32, error) {
	name, args := "seq_open", []uint64{uint64(of.addr), uint64(e.table)}
	switch {
	case e.single:
		name, args = "single_open", append(args, uint64(e.data))
	case e.state != 0:
		name, args = "seq_open_private", append(args, uint64(e.state))
	}
	sym, ok := c.s.M.Builtin().Symbol(name)
	if !ok {
		return -int32(kernel.ENOSYS), nil
	}
	r, err := c.Call(sym.Addr, args...)
	return int32(r), err
}
