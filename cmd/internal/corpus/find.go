package corpus

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel/uapi"
)

// A Module is one that a folder wants built.
type Module struct {
	Folder string // below the corpus, "." for its top
	Object string // as obj-m has it: scull.o
}

// Name is the module's name in the kernel.
func (m Module) Name() string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(m.Object), ".o"), "-", "_")
}

// Path names the module below the corpus: scull/scull.
func (m Module) Path() string {
	return filepath.Join(m.Folder, strings.TrimSuffix(m.Object, ".o"))
}

// find asks make what each Kbuild or Makefile below dir would build: obj-m, and also what only a
// kernel's configuration would choose (obj-$(CONFIG_X) with X unset).
func find(ctx context.Context, dir, kdir string) ([]Module, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s: not a folder", dir)
	}
	var all []Module
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if d.Name() == ".git" {
			return filepath.SkipDir
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		folder, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for _, object := range objects(ctx, path, kdir) {
			all = append(all, Module{folder, object})
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Module) int { return strings.Compare(a.Path(), b.Path()) })
	return all, err
}

// marker begins the line that the makefile's question is answered in.
const marker = "kobench-corpus-objects:"

// objects are what the makefile of one folder names, in the order of their names; none where there
// is none, or where it is no Kbuild file.
func objects(ctx context.Context, folder, kdir string) []string {
	makefile := filepath.Join(folder, "Kbuild")
	if _, err := os.Stat(makefile); err != nil {
		makefile = filepath.Join(folder, "Makefile")
	}
	text, err := os.ReadFile(makefile)
	if err != nil || !bytes.Contains(text, []byte("obj-")) {
		return nil
	}
	question := fmt.Sprintf(`KERNELRELEASE := %s
srctree := %s
src := %s
obj := %[3]s
include %s
.DEFAULT_GOAL := kobench-corpus-objects
kobench-corpus-objects: ; $(info %s $(obj-m) $(obj-))@:
`, uapi.Release, kdir, folder, makefile, marker)
	cmd := exec.CommandContext(ctx, "make", "-s", "-r", "-R", "-f", "-", "kobench-corpus-objects")
	cmd.Dir, cmd.Stdin = folder, strings.NewReader(question)
	out, _ := cmd.Output() // a makefile that is none of Kbuild's fails, and names nothing
	var names []string
	answered := false
	for line := range strings.Lines(string(out)) {
		rest, ok := strings.CutPrefix(line, marker)
		if !ok {
			continue
		}
		answered = true
		for _, object := range strings.Fields(rest) {
			if strings.HasSuffix(object, ".o") {
				names = append(names, object)
			}
		}
	}
	if answered && len(names) == 0 && bytes.Contains(text, []byte("obj-m")) {
		return licensed(folder) // obj-m comes from outside: $(OBJECT_FILES)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// licensed are the objects of the C files that say they are modules.
func licensed(folder string) []string {
	files, _ := filepath.Glob(filepath.Join(folder, "*.c"))
	var names []string
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("MODULE_LICENSE(")) {
			names = append(names, strings.TrimSuffix(filepath.Base(file), ".c")+".o")
		}
	}
	return names
}
