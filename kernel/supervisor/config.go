package supervisor

// Config says what programs see.
type Config struct {
	// Root is the directory of the host that stands for the machine's "/": its lib/modules,
	// etc/modprobe.d and var/log are shown. "": none.
	Root string
	// Build makes the kernel build directory and gives its path; it is called when somebody first
	// asks for /lib/modules/RELEASE/build. nil: there is none.
	Build func() (string, error)
	// BenchDev shows nothing of the host's /dev, not even null and tty.
	BenchDev bool
}
