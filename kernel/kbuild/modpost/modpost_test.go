package modpost

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures"
)

// place writes prebuilt modules as objects, and a dump of what the kernel exports, into a folder.
func place(t *testing.T, modules ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, m := range modules {
		b, err := fixtures.Module(m)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, m+".o"), b, 0o644))
	}
	dump := "0x00000000\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n0x00000000\tspaced\tvmlinux\tEXPORT_SYMBOL\tSPACE\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "vmlinux.symvers"), []byte(dump), 0o644))
	return dir
}

func TestRun(t *testing.T) {
	tests := []struct {
		name    string
		modules []string
		args    []string
		log     string
		symvers string
		depends map[string]string
		fails   bool
	}{
		{
			name: "exports and dependencies", modules: []string{"depa", "depb", "depgpl"},
			symvers: "0x00000000\tdepa_add\tDIR/depa\tEXPORT_SYMBOL\t\n" +
				"0x00000000\tdepa_gpl\tDIR/depa\tEXPORT_SYMBOL_GPL\t\n" +
				"0x00000000\tdepa_counter\tDIR/depa\tEXPORT_SYMBOL\t\n",
			depends: map[string]string{"depa": "", "depb": "depa", "depgpl": "depa"},
		},
		{
			name: "undefined", modules: []string{"unk"}, fails: true,
			log: "ERROR: modpost: \"no_such_symbol\" [DIR/unk.ko] undefined!\nERROR: modpost: \"other_missing\" [DIR/unk.ko] undefined!\n",
		},
		{
			name: "undefined, only a warning", modules: []string{"unk"}, args: []string{"-w"},
			log: "WARNING: modpost: \"no_such_symbol\" [DIR/unk.ko] undefined!\nWARNING: modpost: \"other_missing\" [DIR/unk.ko] undefined!\n",
		},
		{
			name: "no licence", modules: []string{"nolic"}, args: []string{"-w"},
			log: "WARNING: modpost: missing MODULE_LICENSE() in DIR/nolic.o\n",
		},
		{
			name: "no licence, strict", modules: []string{"nolic"}, args: []string{"-L"}, fails: true,
			log: "ERROR: modpost: missing MODULE_LICENSE() in DIR/nolic.o\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := place(t, tt.modules...)
			args := append([]string{"-e", "-i", dir + "/vmlinux.symvers", "-o", dir + "/Module.symvers"}, tt.args...)
			for _, m := range tt.modules {
				args = append(args, filepath.Join(dir, m+".o"))
			}
			var log bytes.Buffer
			err := Run(args, nil, &log)
			if tt.fails {
				require.ErrorIs(t, err, ErrFailed)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, tt.log, strings.ReplaceAll(log.String(), dir, "DIR"))
			symvers, err := os.ReadFile(dir + "/Module.symvers")
			require.NoError(t, err)
			require.Equal(t, tt.symvers, strings.ReplaceAll(string(symvers), dir, "DIR"))
			for m, deps := range tt.depends {
				c, err := os.ReadFile(filepath.Join(dir, m+".mod.c"))
				require.NoError(t, err)
				require.Contains(t, string(c), "MODULE_INFO(depends, \""+deps+"\");\n")
			}
		})
	}
}

func TestExportedTwice(t *testing.T) {
	dir := place(t, "depa")
	dump := "0x00000000\tdepa_add\tvmlinux\tEXPORT_SYMBOL\t\n"
	require.NoError(t, os.WriteFile(dir+"/vmlinux.symvers", []byte(dump), 0o644))
	var log bytes.Buffer
	err := Run([]string{"-e", "-w", "-i", dir + "/vmlinux.symvers", dir + "/depa.o"}, nil, &log)
	require.ErrorIs(t, err, ErrFailed)
	require.Contains(t, log.String(), "depa: 'depa_add' exported twice. Previous export was in vmlinux\n")
}

func TestBadInput(t *testing.T) {
	dir := place(t, "hello")
	require.NoError(t, os.WriteFile(dir+"/elf.o", []byte("\x7fELF not wasm"), 0o644))
	require.NoError(t, os.WriteFile(dir+"/bad.symvers", []byte("junk\n"), 0o644))
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"not wasm":         {[]string{dir + "/elf.o"}, "is CC clang and LD wasm-ld?"},
		"no such object":   {[]string{dir + "/none.o"}, "none.o: no such file"},
		"a broken dump":    {[]string{"-i", dir + "/bad.symvers"}, "bad.symvers:1: not a symbol version dump"},
		"unknown option":   {[]string{"-Z"}, "unknown option -Z"},
		"missing argument": {[]string{"-o"}, "-o needs a file name"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, Run(tt.args, nil, &bytes.Buffer{}), tt.want)
		})
	}
}

func FuzzReadDump(f *testing.F) {
	f.Add([]byte("0x00000000\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n"))
	f.Add([]byte("0x1\ta\tb\tEXPORT_SYMBOL_GPL\tNS\r\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "dump")
		require.NoError(t, os.WriteFile(path, text, 0o644))
		p := &post{symbols: map[string]*export{}}
		if err := p.readDump(path); err == nil {
			for name, s := range p.symbols {
				require.Equal(t, name, s.name)
			}
		}
	})
}
