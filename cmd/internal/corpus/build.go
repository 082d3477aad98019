package corpus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel/kbuild"
)

// build builds module i in a worker's copy of the sources, and keeps its .ko.
func (r *run) build(ctx context.Context, i int, copied string) error {
	m := r.modules[i]
	sum, err := sourcesSum(filepath.Join(r.Dir, m.Folder))
	if err != nil {
		return err
	}
	x := Result{Path: m.Path(), Name: m.Name(), Sources: sum, Board: r.Board, Program: r.program}
	folder := filepath.Join(copied, m.Folder)
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	// A symbol of another module of the corpus is found when the module is loaded.
	cmd := exec.CommandContext(limited, "make", "-C", r.KDir, "M="+folder, "obj-m="+m.Object, "obj-y=", "KBUILD_MODPOST_WARN=1", "modules")
	cmd.Dir = folder // makefiles say -I$(PWD)/../include
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	ownGroup(cmd)
	begun := time.Now()
	err = cmd.Run()
	x.BuildTime = time.Since(begun)
	ko := filepath.Join(folder, strings.TrimSuffix(m.Object, ".o")+".ko")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		x.First = fmt.Sprintf("the build did not end within %v", r.Timeout)
	case err != nil:
		x.First = strings.ReplaceAll(firstError(said.String()), copied+string(filepath.Separator), "")
		x.Scope = kbuild.Scope(x.First)
	default:
		x.Built = true
		target := r.koFile(i)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := copyFile(target, ko); err != nil {
			return err
		}
	}
	r.results[i] = x
	return nil
}

// koFile is where the built module i lies.
func (r *run) koFile(i int) string {
	return filepath.Join(r.built, fmt.Sprint(i), r.modules[i].Name()+".ko")
}

// firstError is the line of a compiler's, modpost's or make's output that says what is wrong: the
// first one, but that a header is out of scope says more than what follows from its absence.
func firstError(said string) string {
	first := ""
	for line := range strings.Lines(said) {
		if kbuild.Scope(line) != "" {
			return strings.TrimSpace(line)
		}
		isError := slices.ContainsFunc(errorMarks(), func(mark string) bool { return strings.Contains(line, mark) })
		if first == "" && isError {
			first = strings.TrimSpace(line)
		}
	}
	if first != "" {
		return first
	}
	return lastLine(said)
}

func errorMarks() []string { return []string{" error: ", "ERROR: ", "*** "} }

// programSum is a hash of a program's file.
func programSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// sourcesSum is a hash of the C sources, headers and makefiles of one folder.
func sourcesSum(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if !e.Type().IsRegular() || (ext != ".c" && ext != ".h" && e.Name() != "Makefile" && e.Name() != "Kbuild") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n", e.Name(), len(text))
		sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
