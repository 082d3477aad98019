package uapi

// What uname(2) says of the simulated kernel, and the version magic that a module must carry to be
// loaded.
const (
	Sysname  = "Linux"
	Nodename = "kobench"
	Release  = "6.1.0-kobench"
	Version  = "#1 SMP PREEMPT"
	Machine  = "wasm64"
	Vermagic = Release + " SMP preempt mod_unload " + Machine + " "
)
