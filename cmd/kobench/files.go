package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/kobench/kobench/cmd/internal/daemon"
	"github.com/kobench/kobench/kernel"
	"github.com/spf13/cobra"
)

// interruptible ends with SIGINT: a read that waits for a device ends then too.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// text is an error as the classic tools print it: the C library's words for an errno.
func text(err error) string {
	var e kernel.Errno
	if errors.As(err, &e) {
		return e.Error()
	}
	return err.Error()
}

func (s streams) catCommand() *cobra.Command {
	count := int64(-1)
	cmd := &cobra.Command{
		Use: "cat [-n BYTES] FILE…", Short: "Print files of the simulated kernel: devices, /proc, /sys", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c := s.bench("cat")
			defer c.Close()
			ctx, stop := interruptible()
			defer stop()
			failed := false
			for _, name := range args {
				what := fmt.Sprintf("can't open '%s'", name)
				r, err := c.Open(ctx, name, count)
				if err == nil {
					what = name
					_, err = io.Copy(s.out, r)
					r.Close()
				}
				switch {
				case ctx.Err() != nil:
					return exitStatus(130)
				case err != nil:
					fmt.Fprintf(s.err, "cat: %s: %s\n", what, text(err))
					failed = true
				}
			}
			if failed {
				return exitStatus(1)
			}
			return nil
		},
	}
	cmd.Flags().Int64VarP(&count, "bytes", "n", -1, "stop after this many bytes (default: at the end of the file)")
	return cmd
}

func (s streams) writeCommand() *cobra.Command {
	var appendTo, raw bool
	cmd := &cobra.Command{
		Use: "write [-a] [-r] FILE [TEXT]…", Short: "Write to a file or device of the simulated kernel", Args: cobra.MinimumNArgs(1),
		Long: "write writes the words given, with spaces between and a newline at the end, or standard input where there are none.",
		RunE: func(_ *cobra.Command, args []string) error {
			c := s.bench("write")
			defer c.Close()
			ctx, stop := interruptible()
			defer stop()
			var from = s.in
			if len(args) > 1 {
				line := strings.Join(args[1:], " ")
				if !raw {
					line += "\n"
				}
				from = strings.NewReader(line)
			}
			if _, err := c.WriteFile(ctx, args[0], appendTo, from); err != nil {
				fmt.Fprintf(s.err, "write: %s: %s\n", args[0], text(err))
				return exitStatus(1)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&appendTo, "append", "a", false, "add to the end of a regular file")
	cmd.Flags().BoolVarP(&raw, "raw", "r", false, "no newline after the words")
	return cmd
}

func (s streams) lsCommand() *cobra.Command {
	var long, all bool
	cmd := &cobra.Command{
		Use: "ls [-l] [-a] [FILE]…", Short: "List files of the simulated kernel",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"/"}
			}
			c := s.bench("ls")
			defer c.Close()
			failed := false
			for _, name := range args {
				st, err := c.Lstat(name)
				list := []daemon.Stat{st}
				isDir := err == nil && st.Mode&kernel.S_IFMT == kernel.S_IFDIR
				if isDir {
					if list, err = c.List(name); all {
						up := st
						st.Name, up.Name = ".", ".."
						list = append([]daemon.Stat{st, up}, list...)
					}
				} else {
					list[0].Name = name
				}
				if err != nil {
					fmt.Fprintf(s.err, "ls: %s: %s\n", name, text(err))
					failed = true
					continue
				}
				if isDir && len(args) > 1 {
					fmt.Fprintf(s.out, "%s:\n", name)
				}
				if long && isDir {
					fmt.Fprintln(s.out, "total 0")
				}
				for _, e := range list {
					if long {
						fmt.Fprintln(s.out, longLine(e))
					} else {
						fmt.Fprintln(s.out, e.Name)
					}
				}
			}
			if failed {
				return exitStatus(1)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "type, permissions, owner, size or device number, time")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also . and ..")
	return cmd
}

// longLine is a line of ls -l as busybox prints it.
func longLine(s daemon.Stat) string {
	kind := map[uint32]byte{kernel.S_IFDIR: 'd', kernel.S_IFCHR: 'c', kernel.S_IFLNK: 'l', kernel.S_IFREG: '-'}[s.Mode&kernel.S_IFMT]
	perm := []byte("rwxrwxrwx")
	for i := range perm {
		if s.Mode&(1<<(8-i)) == 0 {
			perm[i] = '-'
		}
	}
	if s.Mode&kernel.S_ISVTX != 0 {
		perm[8] = 't'
	}
	size := fmt.Sprintf("%9d", s.Size)
	if kind == 'c' {
		size = fmt.Sprintf("%3d, %3d", s.Major, s.Minor)
	}
	name := s.Name
	if s.Target != "" {
		name += " -> " + s.Target
	}
	return fmt.Sprintf("%c%s %4d %-8s %-8s %s %s %s", kind, perm, s.Nlink, owner(s.UID), owner(s.GID), size, s.Mtime.UTC().Format("Jan _2 15:04"), name)
}

func owner(id uint32) string {
	switch id {
	case 0:
		return "root"
	case 65534:
		return "nobody"
	}
	return strconv.FormatUint(uint64(id), 10)
}

func (s streams) mknodCommand() *cobra.Command {
	mode := "0644"
	cmd := &cobra.Command{
		Use: "mknod [-m MODE] NAME c MAJOR MINOR", Short: "Make a device node in the simulated kernel", Args: cobra.ExactArgs(4),
		RunE: func(_ *cobra.Command, args []string) error {
			perm, err := strconv.ParseUint(mode, 8, 12)
			if err != nil {
				return fmt.Errorf("invalid mode %q: want octal, such as 0666", mode)
			}
			if args[1] != "c" && args[1] != "u" {
				return fmt.Errorf("invalid type %q: only character devices (c) are simulated", args[1])
			}
			major, err1 := strconv.ParseUint(args[2], 0, 12)
			minor, err2 := strconv.ParseUint(args[3], 0, 20)
			if err1 != nil || err2 != nil {
				return fmt.Errorf("invalid device number %s, %s: want a major below 4096 and a minor below 1048576", args[2], args[3])
			}
			c := s.bench("mknod")
			defer c.Close()
			if err := c.Mknod(args[0], kernel.S_IFCHR|uint32(perm), uint32(major), uint32(minor)); err != nil {
				fmt.Fprintf(s.err, "mknod: %s: %s\n", args[0], text(err))
				return exitStatus(1)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&mode, "mode", "m", mode, "permission bits, octal")
	return cmd
}

func (s streams) mkdirCommand() *cobra.Command {
	return &cobra.Command{
		Use: "mkdir DIRECTORY…", Short: "Make directories in the simulated kernel", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c := s.bench("mkdir")
			defer c.Close()
			for _, name := range args {
				if err := c.Mkdir(name, 0o777); err != nil {
					fmt.Fprintf(s.err, "mkdir: can't create directory '%s': %s\n", name, text(err))
					return exitStatus(1)
				}
			}
			return nil
		},
	}
}

func (s streams) rmCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rm FILE…", Short: "Remove names and empty directories of the simulated kernel", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c := s.bench("rm")
			defer c.Close()
			for _, name := range args {
				if err := c.Remove(name); err != nil {
					fmt.Fprintf(s.err, "rm: can't remove '%s': %s\n", name, text(err))
					return exitStatus(1)
				}
			}
			return nil
		},
	}
}

func (s streams) mountCommand() *cobra.Command {
	return &cobra.Command{
		Use: "mount DIRECTORY", Short: "Show the simulated kernel's files at a directory of the host, until interrupted", Args: cobra.ExactArgs(1),
		Long: `mount serves /dev, /proc, /sys and the rest of the running bench's name space by FUSE, so that any program of the host can use them:
"dd if=DIRECTORY/dev/zero", "exec 3<DIRECTORY/dev/loop0". Device nodes appear as regular files there. A driver sees
the program's name, number and user. poll(2) finds every file ready, and ioctls pass whose number says how much data they carry; terminals
have their ptys. It needs /dev/fuse (Linux).`,
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := abs(args[0])
			if err != nil {
				return err
			}
			c := s.bench("mount")
			defer c.Close()
			ctx, stop := interruptible()
			defer stop()
			if err := c.Mount(dir); err != nil {
				if errors.Is(err, kernel.ENOSYS) {
					return errors.New("this system has no FUSE")
				}
				return fmt.Errorf("%s: %s (the kernel's log says more: dmesg)", dir, text(err))
			}
			fmt.Fprintf(s.err, "kobench: the machine's files are at %s; interrupt to end\n", dir)
			<-ctx.Done()
			return c.Unmount(dir)
		},
	}
}

func abs(dir string) (string, error) {
	if path.IsAbs(dir) {
		return path.Clean(dir), nil
	}
	wd, err := os.Getwd()
	return path.Join(wd, dir), err
}
