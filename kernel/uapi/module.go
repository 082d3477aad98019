package uapi

// Flags of finit_module(2) [linux/module.h] and of delete_module(2), which are open's O_NONBLOCK
// and O_TRUNC.
const (
	MODULE_INIT_IGNORE_MODVERSIONS = 1
	MODULE_INIT_IGNORE_VERMAGIC    = 2

	DELETE_NONBLOCK = 0o4000
	DELETE_FORCE    = 0o1000
)
