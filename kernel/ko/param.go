package ko

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/capi"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// params are the parameters of a loaded C module: its __param section, an array of struct kernel_param.
type params struct {
	sys  *capi.System
	mod  *machine.Module
	list []*param
}

// param is one of them. All work is done by the functions that its struct kernel_param_ops names, as in Linux: those of the standard
// types are in kernel/lib.
type param struct {
	sys            *capi.System
	addr           uint64 // struct kernel_param
	typ            string
	arg            uint64
	set, get, drop uint64
	noArg          bool
	arrayMax       int // 0: no array
}

func (p *params) read(m *kernel.Module, g *image) (err error) {
	sec, ok := p.mod.Section("__param")
	if !ok {
		return nil
	}
	desc, typ := map[string]string{}, map[string]string{}
	for _, kv := range g.Modinfo() {
		key, val, _ := strings.Cut(kv, "=")
		name, text, ok := strings.Cut(val, ":")
		if ok && key == "parm" {
			desc[name] = text
		}
		if ok && key == "parmtype" {
			typ[name] = text
		}
	}
	arrayOps := uint64(0)
	if s, ok := p.sys.M.Builtin().Symbol("param_array_ops"); ok {
		arrayOps = s.Addr
	}
	p.sys.M.Do(func() {
		for at := sec.Addr; at+capi.SizeofKernelParam <= sec.Addr+uint64(sec.Size); at += capi.SizeofKernelParam {
			b, _ := p.sys.M.Bytes(at, capi.SizeofKernelParam)
			word := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
			name, ok := p.sys.M.CString(word(capi.OffKernelParamName), 256)
			ops, ok2 := p.sys.M.Bytes(word(capi.OffKernelParamOps), capi.SizeofKernelParamOps)
			if !ok || !ok2 {
				err = fmt.Errorf("parameter %d of its __param section points outside of kernel memory", (at-sec.Addr)/capi.SizeofKernelParam)
				return
			}
			v := &param{sys: p.sys, addr: at, typ: typ[name], arg: word(capi.OffKernelParamArg)}
			v.noArg = ops[capi.OffKernelParamOpsFlags]&capi.KernelParamOpsFlNoarg != 0
			v.set = binary.LittleEndian.Uint64(ops[capi.OffKernelParamOpsSet:])
			v.get = binary.LittleEndian.Uint64(ops[capi.OffKernelParamOpsGet:])
			v.drop = binary.LittleEndian.Uint64(ops[capi.OffKernelParamOpsFree:])
			if arrayOps != 0 && word(capi.OffKernelParamOps) == arrayOps {
				n, _ := p.sys.M.U32(v.arg + capi.OffKparamArrayMax)
				v.arrayMax = int(n)
			}
			p.list = append(p.list, v)
			perm := uint32(binary.LittleEndian.Uint16(b[capi.OffKernelParamPerm:]))
			m.Params = append(m.Params, kernel.Param{Name: name, Desc: desc[name], Perm: perm, Value: v})
		}
	})
	return err
}

// free lets the parameters give back their memory (destroy_params).
func (p *params) free() {
	for _, v := range p.list {
		if v.drop != 0 {
			_ = p.sys.Helper(func(c *capi.Ctx) error {
				_, err := c.Call(v.drop, uint64(v.arg))
				return err
			})
		}
	}
}

// Type is the word of modinfo.
func (v *param) Type() string { return v.typ }

// Set runs the type's set function. Errors: EINVAL, ERANGE, ENOSPC and whatever a function of the module's own gives;
// *kernel.TooMany; *kernel.Fault.
func (v *param) Set(text string, given bool) error {
	switch {
	case v.set == 0:
		return kernel.EPERM
	case !given && !v.noArg:
		return kernel.EINVAL
	case v.arrayMax > 0 && strings.Count(text, ",") >= v.arrayMax:
		values := strings.Split(text, ",")
		if err := v.call(strings.Join(values[:v.arrayMax], ","), true); err != nil { // what fits stays (param_array)
			return err
		}
		return &kernel.TooMany{Max: v.arrayMax, First: values[0]}
	}
	return v.call(text, given)
}

func (v *param) call(text string, given bool) (err error) {
	var addr uint64
	if given {
		v.sys.M.Do(func() {
			if addr, err = v.sys.M.Alloc(uint64(len(text))+1, 0, nil); err != nil {
				return
			}
			b, _ := v.sys.M.Bytes(addr, uint64(len(text))+1)
			copy(b, text)
			b[len(text)] = 0
		})
		if err != nil {
			return kernel.ENOMEM
		}
		defer v.sys.M.Do(func() { _ = v.sys.M.Free(addr) })
	}
	return v.sys.Helper(func(c *capi.Ctx) error {
		r, err := c.Call(v.set, uint64(addr), uint64(v.addr))
		if err != nil {
			return err
		}
		if int32(r) < 0 {
			return kernel.Errno(-int32(r))
		}
		return nil
	})
}

// Get runs the type's get function.
func (v *param) Get() string {
	if v.get == 0 {
		return ""
	}
	text := ""
	_ = v.sys.Page(func(p uint64) error {
		return v.sys.Helper(func(c *capi.Ctx) error {
			r, err := c.Call(v.get, uint64(p), uint64(v.addr))
			if err != nil || int32(r) < 0 {
				return err
			}
			v.sys.M.Do(func() {
				if b, ok := v.sys.M.Bytes(p, min(r, capi.PageSize)); ok {
					text = string(b)
				}
			})
			return nil
		})
	})
	return strings.TrimSuffix(text, "\n")
}
