package capi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kobench/kobench/kernel"
)

// debugRoot is where debugfs is mounted, below /sys.
const debugRoot = "kernel/debug"

// debugfsState is what the area keeps. It belongs to the holder of the big lock.
type debugfsState struct {
	debugs map[ptr]*debugEntry // by address of struct dentry
}

func newDebugfsState() debugfsState {
	return debugfsState{debugs: map[ptr]*debugEntry{}}
}

// debugEntry is a file or folder of debugfs: its struct dentry names it for C.
type debugEntry struct {
	path   string // below debugRoot
	remove func()
	res    *resource
}

// debugNumber is a kind of file that shows a number of the driver's [debugfs].
type debugNumber struct {
	kind   string
	size   uint64 // bytes
	format string // of a uint64
}

// Files of debugfs. References:
//
//	[debugfs] fs/debugfs/inode.c and fs/debugfs/file.c
func debugfsFuncs() []Func {
	list := []Func{
		f2("debugfs_create_dir", func(c *Ctx, name, parent ptr) ptr {
			return c.debugEntry("Directory", name, parent, func(path string) (func(), error) {
				c.s.K.SysDir(path)
				return func() { c.s.K.SysRemove(path) }, nil
			})
		}),
		f5("debugfs_create_file", func(c *Ctx, name ptr, mode uint32, parent, data, fops ptr) ptr {
			return c.debugEntry("File", name, parent, func(path string) (func(), error) {
				o := c.procOps(fops, false)
				o.proc = &procEntry{data: data}
				o.build()
				if o.mod != nil {
					o.k.Owner = o.mod.K
				}
				return c.s.K.SysFileOps(path, mode&0o7777, o.k, nil)
			})
		}),
		f2("debugfs_lookup", func(c *Ctx, name, parent ptr) ptr {
			path := c.debugPath(name, parent)
			for p, e := range c.s.debugs {
				if e.path == path {
					return p
				}
			}
			return 0
		}),
		v1("debugfs_remove", func(c *Ctx, p ptr) {
			if e := c.s.debugs[p]; e != nil {
				c.s.debugRemove(e.path)
			}
		}),
	}
	for _, n := range []debugNumber{
		{"u8", 1, "%d"}, {"u16", 2, "%d"}, {"u32", 4, "%d"}, {"u64", 8, "%d"}, {"x8", 1, "0x%02x"}, {"x16", 2, "0x%04x"}, {"x32", 4, "0x%08x"},
		{"x64", 8, "0x%016x"}, {"size_t", 8, "%d"}, {"ulong", 8, "%d"}, {"atomic_t", 4, ""}, {"bool", 1, ""},
	} {
		list = append(list, v4("debugfs_create_"+n.kind, func(c *Ctx, name ptr, mode uint32, parent, value ptr) {
			c.debugEntry("File", name, parent, func(path string) (func(), error) {
				a := &kernel.Attr{Show: func(*kernel.Task) (text string, err error) {
					c.s.M.Do(func() { text = n.show(c.s.mem(), value) })
					return text, nil
				}}
				a.Store = func(_ *kernel.Task, text string) (err error) {
					if mode&0o222 == 0 {
						return kernel.EACCES
					}
					c.s.M.Do(func() { err = n.store(c.s.mem(), value, text) })
					return err
				}
				i := strings.LastIndexByte(path, '/')
				return func() { c.s.K.SysRemove(path) }, c.s.K.SysAttr(c.s.K.SysDir(path[:i]), path[i+1:], mode&0o7777, a)
			})
		}))
	}
	return gpl(list)
}

func (n debugNumber) show(m mem, at ptr) string {
	switch n.kind {
	case "bool":
		if m.bytes(at, 1)[0] != 0 {
			return "Y\n"
		}
		return "N\n"
	case "atomic_t":
		return fmt.Sprintf("%d\n", int32(m.u32(at)))
	}
	var v uint64
	for i, b := range m.bytes(at, n.size) {
		v |= uint64(b) << (8 * i)
	}
	return fmt.Sprintf(n.format+"\n", v)
}

// store takes what is written. A number that is too large for its place loses its upper bits, as in
// Linux.
func (n debugNumber) store(m mem, at ptr, text string) error {
	text = strings.TrimSuffix(text, "\n")
	var v uint64
	switch n.kind {
	case "bool":
		on, ok := truth(text)
		if !ok { // debugfs_write_file_bool says nothing
			return nil
		}
		if on {
			v = 1
		}
	case "atomic_t":
		s, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			return kernel.EINVAL
		}
		v = uint64(s)
	default:
		u, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 0, 64)
		if err != nil {
			return kernel.EINVAL
		}
		v = u
	}
	for i := range m.bytes(at, n.size) {
		m.bytes(at, n.size)[i] = byte(v >> (8 * i))
	}
	return nil
}

// truth is kstrtobool.
func truth(text string) (on, ok bool) {
	switch {
	case text == "":
		return false, false
	case strings.ContainsRune("yYtT1", rune(text[0])):
		return true, true
	case strings.ContainsRune("nNfF0", rune(text[0])):
		return false, true
	}
	switch strings.ToLower(text[:min(2, len(text))]) {
	case "on":
		return true, true
	case "of":
		return false, true
	}
	return false, false
}

func (c *Ctx) debugPath(name, parent ptr) string {
	path := c.mem().str(name)
	if e := c.s.debugs[parent]; e != nil {
		path = e.path + "/" + path
	}
	return path
}

// debugEntry makes an entry with a struct dentry to name it. A parent that is an error is what
// comes back, so that a driver need not look.
func (c *Ctx) debugEntry(what string, name, parent ptr, make func(path string) (func(), error)) ptr {
	if isErr(parent) {
		return parent
	}
	s, path := c.s, c.debugPath(name, parent)
	for _, e := range s.debugs {
		if e.path == path {
			dir, base := "/", path
			if i := strings.LastIndexByte(path, '/'); i >= 0 {
				dir, base = path[strings.LastIndexByte(path[:i], '/')+1:i], path[i+1:]
			}
			if what == "Directory" {
				s.K.Log.Printf(kernel.LevelErr, "debugfs: Directory '%s' with parent '%s' already present!", base, dir)
			} else {
				s.K.Log.Printf(kernel.LevelErr, "debugfs: File '%s' in directory '%s' already present!", base, dir)
			}
			return errPtr(kernel.EEXIST)
		}
	}
	p, err := s.M.Alloc(sizeofDentry, 0, nil)
	if err != nil {
		return errPtr(err)
	}
	clear(c.mem().bytes(p, sizeofDentry))
	remove, err := make(debugRoot + "/" + path)
	if err != nil {
		_ = s.M.Free(p)
		return errPtr(err)
	}
	e := &debugEntry{path: path, remove: remove}
	e.res = c.own(func() string { return "/sys/" + debugRoot + "/" + path }, func() {
		e.remove()
		s.M.Do(func() {
			delete(s.debugs, p)
			_ = s.M.Free(p)
		})
	})
	s.debugs[p] = e
	return p
}

// debugRemove removes an entry and all below it, the deepest first.
func (s *System) debugRemove(path string) {
	var gone []ptr
	for p, e := range s.debugs {
		if e.path == path || strings.HasPrefix(e.path, path+"/") {
			gone = append(gone, p)
		}
	}
	slices.SortFunc(gone, func(a, b ptr) int { return strings.Compare(s.debugs[b].path, s.debugs[a].path) })
	for _, p := range gone {
		e := s.debugs[p]
		e.remove()
		e.res.done()
		delete(s.debugs, p)
		_ = s.M.Free(p)
	}
}
