package capi

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/kobench/kobench/kernel"
)

// Parameters. References: kernel/params.c.

// param is one of them. All work is done by the functions that its struct kernel_param_ops names,
// as in Linux: those of the standard types are in kernel/lib.
type param struct {
	sys            *System
	addr           ptr // struct kernel_param
	typ            string
	arg            ptr
	set, get, drop ptr
	noArg          bool
	arrayMax       int // 0: no array
}

// ReadParams gives the module the parameters of its __param section, an array of struct
// kernel_param. modinfo tells their types and descriptions.
//
// Errors: an entry that points outside of kernel memory.
func (mod *Module) ReadParams(modinfo []string) (err error) {
	sec, ok := mod.M.Section("__param")
	if !ok {
		return nil
	}
	desc, typ := map[string]string{}, map[string]string{}
	for _, kv := range modinfo {
		key, val, _ := strings.Cut(kv, "=")
		name, text, ok := strings.Cut(val, ":")
		if ok && key == "parm" {
			desc[name] = text
		}
		if ok && key == "parmtype" {
			typ[name] = text
		}
	}
	sys, arrayOps := mod.s, ptr(0)
	if s, ok := sys.M.Builtin().Symbol("param_array_ops"); ok {
		arrayOps = s.Addr
	}
	sys.M.Do(func() {
		for at := sec.Addr; at+sizeofKernelParam <= sec.Addr+uint64(sec.Size); at += sizeofKernelParam {
			b, _ := sys.M.Bytes(at, sizeofKernelParam)
			word := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
			name, ok := sys.M.CString(word(offKernelParamName), 256)
			ops, ok2 := sys.M.Bytes(word(offKernelParamOps), sizeofKernelParamOps)
			if !ok || !ok2 {
				err = fmt.Errorf("parameter %d of its __param section points outside of kernel memory", (at-sec.Addr)/sizeofKernelParam)
				return
			}
			v := &param{sys: sys, addr: at, typ: typ[name], arg: word(offKernelParamArg)}
			v.noArg = ops[offKernelParamOpsFlags]&kernelParamOpsFlNoarg != 0
			v.set = binary.LittleEndian.Uint64(ops[offKernelParamOpsSet:])
			v.get = binary.LittleEndian.Uint64(ops[offKernelParamOpsGet:])
			v.drop = binary.LittleEndian.Uint64(ops[offKernelParamOpsFree:])
			if arrayOps != 0 && word(offKernelParamOps) == arrayOps {
				n, _ := sys.M.U32(v.arg + offKparamArrayMax)
				v.arrayMax = int(n)
			}
			mod.params = append(mod.params, v)
			perm := uint32(binary.LittleEndian.Uint16(b[offKernelParamPerm:]))
			mod.K.Params = append(mod.K.Params, kernel.Param{Name: name, Desc: desc[name], Perm: perm, Value: v})
		}
	})
	return err
}

// freeParams lets the parameters give back their memory (destroy_params).
func (mod *Module) freeParams() {
	for _, v := range mod.params {
		if v.drop != 0 {
			_ = mod.s.helper(func(c *Ctx) error {
				_, err := c.Call(v.drop, uint64(v.arg))
				return err
			})
		}
	}
}

// Type is the word of modinfo.
func (v *param) Type() string { return v.typ }

// Set runs the type's set function. Errors: EINVAL, ERANGE, ENOSPC and whatever a function of the
// module's own gives; *kernel.TooMany; *kernel.Fault.
func (v *param) Set(text string, given bool) error {
	switch {
	case v.set == 0:
		return kernel.EPERM
	case !given && !v.noArg:
		return kernel.EINVAL
	case v.arrayMax > 0 && strings.Count(text, ",") >= v.arrayMax:
		values := strings.Split(text, ",")
		// what fits stays (param_array)
		if err := v.call(strings.Join(values[:v.arrayMax], ","), true); err != nil {
			return err
		}
		return &kernel.TooMany{Max: v.arrayMax, First: values[0]}
	}
	return v.call(text, given)
}

func (v *param) call(text string, given bool) (err error) {
	var addr ptr
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
	return v.sys.helper(func(c *Ctx) error {
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
	_ = v.sys.page(func(p ptr) error {
		return v.sys.helper(func(c *Ctx) error {
			r, err := c.Call(v.get, uint64(p), uint64(v.addr))
			if err != nil || int32(r) < 0 {
				return err
			}
			v.sys.M.Do(func() {
				if b, ok := v.sys.M.Bytes(p, min(r, pageSize)); ok {
					text = string(b)
				}
			})
			return nil
		})
	})
	return strings.TrimSuffix(text, "\n")
}
