package capi

import (
	"unsafe"

	"github.com/kobench/kobench/kernel/ko/machine"
)

// Func is a kernel function with its C name.
type Func struct {
	machine.HostFunc
	GPL bool // EXPORT_SYMBOL_GPL
}

// word is what C passes in one argument: 32 bits are int, 64 bits long and pointers.
type word interface {
	~int32 | ~uint32 | ~int64 | ~uint64
}

func kind[T word]() machine.ValType {
	var z T
	if unsafe.Sizeof(z) == 8 {
		return machine.I64
	}
	return machine.I32
}

func result[T word](s []uint64, v T) {
	if unsafe.Sizeof(v) == 8 {
		s[0] = uint64(v)
	} else {
		s[0] = uint64(uint32(v))
	}
}

func ctxOf(t *machine.Thread) *Ctx { return t.Data.(*Ctx) }

func bind(name string, params []machine.ValType, res []machine.ValType, fn func(*Ctx, []uint64)) Func {
	return Func{HostFunc: machine.HostFunc{Name: name, Params: params, Results: res,
		Fn: func(t *machine.Thread, s []uint64) { fn(ctxOf(t), s) }}}
}

func kinds(k ...machine.ValType) []machine.ValType { return k }

// F0 to F8 bind functions with a result, V0 to V6 such without.
func f0[R word](name string, fn func(*Ctx) R) Func {
	return bind(name, nil, kinds(kind[R]()), func(c *Ctx, s []uint64) { result(s, fn(c)) })
}

func f1[A, R word](name string, fn func(*Ctx, A) R) Func {
	return bind(name, kinds(kind[A]()), kinds(kind[R]()), func(c *Ctx, s []uint64) { result(s, fn(c, A(s[0]))) })
}

func f2[A, B, R word](name string, fn func(*Ctx, A, B) R) Func {
	return bind(name, kinds(kind[A](), kind[B]()), kinds(kind[R]()), func(c *Ctx, s []uint64) { result(s, fn(c, A(s[0]), B(s[1]))) })
}

func f3[A, B, C, R word](name string, fn func(*Ctx, A, B, C) R) Func {
	return bind(name, kinds(kind[A](), kind[B](), kind[C]()), kinds(kind[R]()),
		func(c *Ctx, s []uint64) { result(s, fn(c, A(s[0]), B(s[1]), C(s[2]))) })
}

func f4[A, B, C, D, R word](name string, fn func(*Ctx, A, B, C, D) R) Func {
	return bind(name, kinds(kind[A](), kind[B](), kind[C](), kind[D]()), kinds(kind[R]()),
		func(c *Ctx, s []uint64) { result(s, fn(c, A(s[0]), B(s[1]), C(s[2]), D(s[3]))) })
}

func f5[A, B, C, D, E, R word](name string, fn func(*Ctx, A, B, C, D, E) R) Func {
	return bind(name, kinds(kind[A](), kind[B](), kind[C](), kind[D](), kind[E]()), kinds(kind[R]()),
		func(c *Ctx, s []uint64) { result(s, fn(c, A(s[0]), B(s[1]), C(s[2]), D(s[3]), E(s[4]))) })
}

func f6[A, B, C, D, E, F, R word](name string, fn func(*Ctx, A, B, C, D, E, F) R) Func {
	return bind(name, kinds(kind[A](), kind[B](), kind[C](), kind[D](), kind[E](), kind[F]()), kinds(kind[R]()),
		func(c *Ctx, s []uint64) { result(s, fn(c, A(s[0]), B(s[1]), C(s[2]), D(s[3]), E(s[4]), F(s[5]))) })
}

func f7[A, B, C, D, E, F, G, R word](name string, fn func(*Ctx, A, B, C, D, E, F, G) R) Func {
	return bind(name, kinds(kind[A](), kind[B](), kind[C](), kind[D](), kind[E](), kind[F](), kind[G]()), kinds(kind[R]()),
		func(c *Ctx, s []uint64) {
			result(s, fn(c, A(s[0]), B(s[1]), C(s[2]), D(s[3]), E(s[4]), F(s[5]), G(s[6])))
		})
}

func v0(name string, fn func(*Ctx)) Func {
	return bind(name, nil, nil, func(c *Ctx, _ []uint64) { fn(c) })
}

func v1[A word](name string, fn func(*Ctx, A)) Func {
	return bind(name, kinds(kind[A]()), nil, func(c *Ctx, s []uint64) { fn(c, A(s[0])) })
}

func v2[A, B word](name string, fn func(*Ctx, A, B)) Func {
	return bind(name, kinds(kind[A](), kind[B]()), nil, func(c *Ctx, s []uint64) { fn(c, A(s[0]), B(s[1])) })
}

func v3[A, B, C word](name string, fn func(*Ctx, A, B, C)) Func {
	return bind(name, kinds(kind[A](), kind[B](), kind[C]()), nil, func(c *Ctx, s []uint64) { fn(c, A(s[0]), B(s[1]), C(s[2])) })
}

func v4[A, B, C, D word](name string, fn func(*Ctx, A, B, C, D)) Func {
	return bind(name, kinds(kind[A](), kind[B](), kind[C](), kind[D]()), nil,
		func(c *Ctx, s []uint64) { fn(c, A(s[0]), B(s[1]), C(s[2]), D(s[3])) })
}

func v5[A, B, C, D, E word](name string, fn func(*Ctx, A, B, C, D, E)) Func {
	return bind(name, kinds(kind[A](), kind[B](), kind[C](), kind[D](), kind[E]()), nil,
		func(c *Ctx, s []uint64) { fn(c, A(s[0]), B(s[1]), C(s[2]), D(s[3]), E(s[4])) })
}

// gpl marks functions that only modules with a compatible licence may use.
func gpl(list []Func) []Func {
	for i := range list {
		list[i].GPL = true
	}
	return list
}
