package capi

import (
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// FailHook is asked at each call of a function that may fail, by its name; true makes it fail. It
// runs in the goroutine of the C thread that calls and must not block.
type FailHook func(name string) bool

// failures says what each function that may fail returns when it does: no memory, or the error that
// drivers must expect of it. What is not here does not fail, or not in a way that a driver can see.
func failures() map[string]int64 {
	const null = 0
	noMemory := -int64(kernel.ENOMEM)
	all := map[string]int64{
		"request_threaded_irq": -int64(kernel.EBUSY), "alloc_chrdev_region": -int64(kernel.EBUSY),
		"register_chrdev_region": -int64(kernel.EBUSY), "__register_chrdev": -int64(kernel.EBUSY),
		"misc_register": -int64(kernel.EBUSY), "filp_open": -int64(kernel.ENOENT),
		"capable": null, "try_module_get": null,
	}
	for _, name := range []string{
		"__kmalloc", "krealloc", "kvmalloc_node", "vmalloc", "vzalloc", "vmalloc_user", "kmem_cache_create", "kmem_cache_alloc",
		"__get_free_pages", "get_zeroed_page", "alloc_pages_exact", "alloc_pages", "kasprintf", "kvasprintf", "devm_kmalloc", "devm_kstrdup",
		"devm_kasprintf", "cdev_alloc", "kobject_create_and_add", "proc_create_data", "__proc_create_data_fops", "proc_create_single_data",
		"proc_create_seq_private", "proc_mkdir", "proc_mkdir_data",
	} {
		all[name] = null
	}
	for _, name := range []string{
		"cdev_add", "cdev_device_add", "__class_create", "__class_register", "device_create", "device_create_with_groups", "device_add",
		"device_register", "dev_set_name", "device_create_file", "device_add_groups", "devm_add_action", "debugfs_create_dir", "debugfs_create_file",
		"kobject_add", "kobject_init_and_add", "kobject_set_name", "kthread_create_on_node", "sysfs_create_file_ns", "sysfs_create_files",
		"sysfs_create_group", "sysfs_create_groups", "sysfs_create_link", "class_create_file_ns", "fasync_helper",
	} {
		all[name] = noMemory
	}
	return all
}

// mayFail puts the hook before a function that may fail.
func mayFail(f machine.HostFunc, hook FailHook) machine.HostFunc {
	if hook == nil {
		return f
	}
	value, may := failures()[f.Name]
	if !may || len(f.Results) != 1 {
		return f
	}
	answer := uint64(value)
	if f.Results[0] == machine.I32 {
		answer = uint64(uint32(value))
	}
	call, name := f.Fn, f.Name
	f.Fn = func(t *machine.Thread, s []uint64) {
		if hook(name) {
			s[0] = answer
			return
		}
		call(t, s)
	}
	return f
}
