package capi

import (
	"crypto/rand"
	mrand "math/rand/v2"
)

// Random numbers. References: drivers/char/random.c.
func randomFuncs() []Func {
	return []Func{
		v2("get_random_bytes", func(c *Ctx, p, n ptr) { _, _ = rand.Read(c.mem().bytes(p, n)) }),
		f0("get_random_u8", func(c *Ctx) uint32 { return mrand.Uint32() & 0xff }),
		f0("get_random_u16", func(c *Ctx) uint32 { return mrand.Uint32() & 0xffff }),
		f0("get_random_u32", func(c *Ctx) uint32 { return mrand.Uint32() }),
		f0("get_random_u64", func(c *Ctx) uint64 { return mrand.Uint64() }),
	}
}
