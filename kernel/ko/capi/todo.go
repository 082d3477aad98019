package capi

type procEntry struct{ data uint32 }
type kobj struct {
	addr  uint32
	path  string
	shown bool
}
type debugEntry struct{}
type irqKey struct{ irq, dev uint32 }

func kobjectFuncs() []Func { return nil }
func procFuncs() []Func    { return nil }
func debugfsFuncs() []Func { return nil }
func irqFuncs() []Func     { return nil }
