package machine

import "testing"

// BenchmarkCall puts a call through the machine beside wazero's own, on the
// same function: the difference is the lock, the C stack and the checks.
func BenchmarkCall(b *testing.B) {
	k := newKern(b, Config{})
	mod := k.load(b, "hello")
	th := k.thread(b)
	b.Run("wazero", func(b *testing.B) {
		f := mod.inst.ExportedFunction("nothing")
		if f == nil {
			b.Fatal("no such function")
		}
		st := make([]uint64, 2)
		for b.Loop() {
			if err := f.CallWithStack(k.m.ctx, st); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("machine", func(b *testing.B) {
		slot := slotOf(b, mod, "nothing")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := th.Call(slot, 0, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lock", func(b *testing.B) {
		for b.Loop() {
			k.m.Do(func() {})
		}
	})
}
