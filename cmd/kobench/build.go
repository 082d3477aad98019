package main

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kbuild"
	"github.com/kobench/kobench/kernel/kbuild/modpost"
	"github.com/kobench/kobench/kernel/ko"
	"github.com/spf13/cobra"
)

func (s streams) kdirCommand() *cobra.Command {
	return &cobra.Command{
		Use: "kdir", Short: "Print the kernel build directory, for make KDIR=$(kobench kdir)", Args: cobra.NoArgs,
		Long: `kdir writes the kernel build directory (headers, makefiles, export list) below the user's cache folder, where it is not there yet, and prints
its path. Building modules needs clang and wasm-ld (Debian: apt-get install clang lld).`,
		RunE: func(*cobra.Command, []string) error {
			dir, err := kbuild.Config{Exports: exports}.Extract()
			if err == nil {
				fmt.Fprintln(s.out, dir)
			}
			return err
		},
	}
}

// exports are the symbols that the kernel really has for modules.
func exports() []kbuild.Symbol {
	k := kernel.Boot(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{ko.New(ko.Config{})}})
	defer k.Shutdown()
	var all []kbuild.Symbol
	for _, s := range k.KernelSymbols() {
		all = append(all, kbuild.Symbol{Name: s.Name, GPL: s.GPL})
	}
	return all
}

func (s streams) modpostCommand() *cobra.Command {
	return &cobra.Command{
		Use: "modpost", Short: "Check the symbols of modules that are being built", Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			err := modpost.Run(args, s.out, s.err)
			if errors.Is(err, modpost.ErrFailed) {
				return exitStatus(1)
			}
			return err
		},
	}
}

func (s streams) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the program's and the simulated kernel's version", Args: cobra.NoArgs,
		Run: func(*cobra.Command, []string) { fmt.Fprintln(s.out, version()) },
	}
}

// version names the program and the kernel in it.
func version() string {
	v := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("kobench %s, kernel %s", v, kernel.Release)
}
