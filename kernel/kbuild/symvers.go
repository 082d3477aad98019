package kbuild

import (
	"bytes"
	"fmt"

	"github.com/kobench/kobench/kernel/include"
	"github.com/kobench/kobench/kernel/kbuild/headers"
)

// A Symbol is one name that the base kernel exports to modules.
type Symbol struct {
	Name string
	GPL  bool
}

// HeaderExports lists the names that the headers declare: what the kernel means to supply. It is
// the export list when Config.Exports is nil.
func HeaderExports() []Symbol {
	text, err := include.FS.ReadFile("EXPORTS")
	if err != nil {
		panic("kbuild: embedded EXPORTS: " + err.Error())
	}
	list, err := headers.ParseExports(text)
	if err != nil {
		panic("kbuild: embedded EXPORTS: " + err.Error())
	}
	syms := make([]Symbol, len(list))
	for i, e := range list {
		syms[i].Name = e.Name
	}
	return syms
}

// symvers renders the kernel's export list in the format of Module.symvers: CRC, name, module,
// kind, namespace.
func symvers(list []Symbol) []byte {
	var b bytes.Buffer
	for _, s := range list {
		kind := "EXPORT_SYMBOL"
		if s.GPL {
			kind = "EXPORT_SYMBOL_GPL"
		}
		fmt.Fprintf(&b, "0x00000000\t%s\tvmlinux\t%s\t\n", s.Name, kind)
	}
	return b.Bytes()
}
