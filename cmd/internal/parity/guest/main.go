// Command guest is what the parity test puts into its guest beside kobench's tools, by name:
//
//	raw init FILE [PARAMETERS]    what fixtures/oracle/guest/raw.c is in the real guest:
//	raw del NAME [FLAGS]          the module system calls, with the kernel's own errno
//	cat [FILE]...                 busybox's cat by its messages, but with read: busybox's uses
//	                              sendfile, and through
//	                              FUSE that takes a file that says it has 0 bytes,
//	                              as all of /proc does, for empty
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/kobench/kobench/cmd/internal/client"
	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod"
)

func main() {
	var err error
	switch filepath.Base(os.Args[0]) {
	case "cat":
		os.Exit(cat(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	default:
		err = raw(os.Args[1:], os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func cat(names []string, in io.Reader, out, errw io.Writer) (status int) {
	if len(names) == 0 {
		_, _ = io.Copy(out, in)
		return 0
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			fmt.Fprintf(errw, "cat: can't open '%s': %s\n", name, text(err))
			status = 1
			continue
		}
		// Hide ReadFrom and WriteTo, which would splice.
		if _, err := io.Copy(struct{ io.Writer }{out}, struct{ io.Reader }{f}); err != nil {
			fmt.Fprintf(errw, "cat: read error: %s\n", text(err))
			status = 1
		}
		f.Close()
	}
	return status
}

// text is strerror.
func text(err error) string {
	var e syscall.Errno
	if errors.As(err, &e) {
		return kernel.Errno(e).Error()
	}
	return err.Error()
}

func raw(args []string, out io.Writer) error {
	if len(args) < 2 {
		return errors.New("usage: raw init FILE [PARAMETERS] | raw del NAME [FLAGS]")
	}
	if as := os.Getenv("AS"); as != "" {
		os.Setenv("KOBENCH_UID", as)
	}
	c := client.New(daemon.DefaultSocket(), "raw")
	defer c.Close()
	switch {
	case args[0] == "init":
		image, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		params := ""
		if len(args) > 2 {
			params = args[2]
		}
		fmt.Fprintf(out, "init_module(%s, %d, %q)", args[1], len(image), params)
		return answer(out, c.FinitModule(image, params, 0))
	case args[0] == "del":
		flags := kmod.DeleteNonblock
		if len(args) > 2 {
			n, err := strconv.ParseInt(args[2], 0, 32)
			if err != nil {
				return fmt.Errorf("raw: flags %q: %w", args[2], err)
			}
			flags = int(n)
		}
		shown := "0" // as C's %#x
		if flags != 0 {
			shown = fmt.Sprintf("%#x", flags)
		}
		fmt.Fprintf(out, "delete_module(%q, %s)", args[1], shown)
		return answer(out, c.DeleteModule(args[1], flags))
	}
	return fmt.Errorf("raw: %s: init or del", args[0])
}

// answer prints what a system call gave; an error that is not the kernel's is returned.
func answer(out io.Writer, err error) error {
	var e kernel.Errno
	switch {
	case err == nil:
		fmt.Fprint(out, " = 0 errno 0 \n")
	case errors.As(err, &e):
		fmt.Fprintf(out, " = -1 errno %d %s\n", int(e), e.Error())
	default:
		fmt.Fprintln(out)
		return err
	}
	return nil
}
