package kernel

// Taint is a set of reasons why the kernel is not as its makers left it.
type Taint uint32

// The bits of /proc/sys/kernel/tainted (include/linux/panic.h).
const (
	TaintProprietary Taint = 1 << iota
	TaintForcedModule
	TaintCPUOutOfSpec
	TaintForcedRmmod
	TaintMachineCheck
	TaintBadPage
	TaintUser
	TaintDie
	TaintOverriddenACPI
	TaintWarn
	TaintCrap
	TaintFirmware
	TaintOOTModule
	TaintUnsignedModule
	TaintSoftlockup
	TaintLivepatch
	TaintAux
	TaintRandstruct
	TaintTest
)

const (
	taintChars = "PFSRMBUDAWCIOELKXTN"
	// moduleTaints are those that a module carries itself.
	moduleTaints = TaintProprietary | TaintForcedModule | TaintCrap | TaintOOTModule | TaintUnsignedModule | TaintLivepatch | TaintTest
)

func taintLetters(t Taint) string {
	var s []byte
	for i := range len(taintChars) {
		if t&(1<<i) != 0 {
			s = append(s, taintChars[i])
		}
	}
	return string(s)
}

// Tainted reports whether any of the bits is set.
func (k *Kernel) Tainted(t Taint) bool { return Taint(k.taint.Load())&t != 0 }

// Taint is the set of all reasons so far.
func (k *Kernel) Taint() Taint { return Taint(k.taint.Load()) }

// AddTaint adds a reason; there is no way back. The first one that makes lock debugging pointless
// says so.
func (k *Kernel) AddTaint(t Taint) {
	old := Taint(k.taint.Or(uint32(t)))
	const unreliable = TaintForcedModule | TaintForcedRmmod | TaintDie
	if t&unreliable != 0 && old&unreliable == 0 && t&TaintDie == 0 {
		k.Log.Printf(LevelWarning, "Disabling lock debugging due to kernel taint")
	}
}

func (k *Kernel) taintModule(m *Module, t Taint) {
	k.AddTaint(t)
	m.taints.Or(uint32(t & moduleTaints))
}

// taintString is print_tainted: "Tainted: G           OE     " with a column for each reason.
func (k *Kernel) taintString() string {
	t := k.Taint()
	if t == 0 {
		return "Not tainted"
	}
	s := []byte("Tainted: ")
	for i := range len(taintChars) {
		switch c := taintChars[i]; {
		case t&(1<<i) != 0:
			s = append(s, c)
		case c == 'P':
			s = append(s, 'G')
		default:
			s = append(s, ' ')
		}
	}
	return string(s)
}

// gplCompatible is include/linux/license.h license_is_gpl_compatible.
func gplCompatible(license string) bool {
	switch license {
	case "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL":
		return true
	}
	return false
}

// taintOnLoad notes where a module comes from, with the lines that Linux logs the first time.
func (k *Kernel) taintOnLoad(m *Module) {
	if !m.Intree {
		if !k.Tainted(TaintOOTModule) {
			k.Log.Printf(LevelWarning, "%s: loading out-of-tree module taints kernel.", m.Name)
		}
		k.taintModule(m, TaintOOTModule)
	}
	license := m.License
	if license == "" {
		license = "unspecified"
	}
	if !gplCompatible(license) {
		if !k.Tainted(TaintProprietary) {
			k.Log.Printf(LevelWarning, "%s: module license '%s' taints kernel.", m.Name, license)
		}
		k.taintModule(m, TaintProprietary)
	}
	if !m.Signed {
		if !k.Tainted(TaintUnsignedModule) {
			k.Log.Printf(LevelNotice, "%s: module verification failed: signature and/or required key missing - tainting kernel", m.Name)
		}
		k.taintModule(m, TaintUnsignedModule)
	}
}
