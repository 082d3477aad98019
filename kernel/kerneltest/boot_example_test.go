package kerneltest_test

import (
	"fmt"
	"testing"

	"github.com/kobench/kobench/fixtures"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/ko"
)

// counter is a driver in Go: each read gives one more letter of the alphabet.
func counter() *kernel.Module {
	var next byte
	return &kernel.Module{
		Name: "counter", License: "GPL",
		Init: func(env *kernel.Env) error {
			read := func(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
				if len(p) == 0 {
					return 0, nil
				}
				p[0] = 'a' + next%26
				next++
				return 1, nil
			}
			return env.MiscRegister(&kernel.Miscdevice{
				Name: "counter", Minor: kernel.MiscDynamicMinor, Ops: &kernel.FileOperations{Read: read},
			})
		},
	}
}

// A driver in Go: the kernel finds it by its name, as insmod finds a file.
func ExampleBoot_driverInGo() {
	test := func(t testing.TB) { // in your package: func TestCounter(t *testing.T)
		k := kerneltest.Boot(t, kerneltest.WithCatalog(map[string]func() *kernel.Module{"counter": counter}))
		task := k.Init()
		if err := task.LoadByName("counter", ""); err != nil {
			t.Fatal(err)
		}
		f, err := task.OpenFile("/dev/counter", kernel.O_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1)
		for range 3 {
			if _, err := f.Read(buf); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("%s ", buf)
		}
		_ = f.Close()
		fmt.Println(task.DeleteModule("counter", 0)) // without it the test fails: something is left
	}
	run(test)
	// Output: a b c <nil>
}

// A driver in C: the module file that make has built.
func ExampleBoot_driverInC() {
	test := func(t testing.TB) { // in your package: func TestHello(t *testing.T)
		k := kerneltest.Boot(t, kerneltest.WithFormat(ko.New(ko.Config{})))
		task := k.Init()
		hello := fixtures.MustModule("handout/hello") // yours: os.ReadFile("hello.ko")
		if err := task.InitModule(hello, "", 0); err != nil {
			t.Fatal(err)
		}
		for _, r := range k.Log.All() {
			if r.Text == "Hello world!" {
				fmt.Println(r.Text)
			}
		}
		fmt.Println(task.DeleteModule("hello", 0))
	}
	run(test)
	// Output:
	// Hello world!
	// <nil>
}

// run is the test framework, for an example that has none.
func run(test func(testing.TB)) {
	t := &framework{}
	test(t)
	for i := len(t.ends) - 1; i >= 0; i-- {
		t.ends[i]()
	}
}

type framework struct {
	testing.TB
	ends   []func()
	failed bool
}

func (*framework) Helper()                     {}
func (*framework) Name() string                { return "example" }
func (*framework) Logf(string, ...any)         {}
func (*framework) Log(...any)                  {}
func (t *framework) Failed() bool              { return t.failed }
func (t *framework) Cleanup(f func())          { t.ends = append(t.ends, f) }
func (t *framework) Error(a ...any)            { t.failed = true; fmt.Println(a...) }
func (t *framework) Errorf(s string, a ...any) { t.failed = true; fmt.Printf(s+"\n", a...) }
func (t *framework) Fatal(a ...any)            { panic(fmt.Sprint(a...)) }
func (t *framework) Fatalf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }
