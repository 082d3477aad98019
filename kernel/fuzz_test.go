package kernel_test

import (
	"testing"

	"github.com/kobench/kobench/kernel"
)

// Whatever stands on insmod's command line, a parameter is set or refused.
func FuzzParameters(f *testing.F) {
	for _, s := range []string{"", "count=2 whom=mum flag", `whom="two words" count=0x10`, `"whom=two words"`, "count", "-- x", "=", `"`, "hidden-one=1\x00"} {
		f.Add(s)
	}
	k := kernel.Boot(kernel.Config{})
	f.Cleanup(func() { _ = k.Shutdown() })
	f.Fuzz(func(t *testing.T, args string) {
		var v values
		if err := k.Init().LoadModule(parm(&v), args); err != nil {
			if e := kernel.ErrnoOf(err); e != kernel.EINVAL && e != kernel.ERANGE && e != kernel.ENOSPC {
				t.Fatalf("%q: %v", args, err)
			}
			return
		}
		if err := k.Init().DeleteModule("parm", 0); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
	})
}
