package parity

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/fixtures/oracle"
)

// recorded is what the real kernel answered to the conformance script.
func recorded(t *testing.T) []Section {
	t.Helper()
	text, err := oracle.Files.ReadFile("transcripts/conformance.txt")
	require.NoError(t, err)
	sections, err := Parse(bytes.NewReader(text))
	require.NoError(t, err)
	return sections
}

func listed(t *testing.T) *Rules {
	t.Helper()
	text, err := oracle.Files.ReadFile("differences.yaml")
	require.NoError(t, err)
	rules, err := ReadRules(text)
	require.NoError(t, err)
	return rules
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, text, fails string }{
		{"output first", "lsmod: no\n=== a\n", `line 1: "lsmod: no" stands before the first section`},
		{"a command first", "$ lsmod\n", "stands before the first section"},
		{"the same section twice", "=== a\n$ x\n=== a\n", `line 3: section "a" a second time`},
		{"nothing", "\n", "no section in 1 lines"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(tt.text))
			require.ErrorContains(t, err, tt.fails)
		})
	}
	got, err := Parse(strings.NewReader("\n=== a\n$ one\nx\n\ny\n[rc=1]\n$ two\n\n=== b: c\nstray\n$ three\n"))
	require.NoError(t, err)
	require.Equal(t, []Section{
		{Name: "a", Steps: []Step{{"one", []string{"x", "", "y", "[rc=1]"}, 3}, {"two", []string{}, 8}}},
		{Name: "b: c", Steps: []Step{{"(before the first command)", []string{"stray"}, 11}, {"three", nil, 12}}},
	}, got)
}

// The recorded transcript is whole: a guest that died half-way must not become the reference.
func TestRecordedTranscript(t *testing.T) {
	script, err := oracle.Files.ReadFile("conformance.sh")
	require.NoError(t, err)
	var want []string
	for line := range strings.Lines(string(script)) {
		if name, ok := strings.CutPrefix(line, "section "); ok {
			want = append(want, strings.TrimSpace(name))
		}
	}
	var got []string
	steps := 0
	for _, s := range recorded(t) {
		got = append(got, s.Name)
		steps += len(s.Steps)
		require.NotEmpty(t, s.Steps, s.Name)
		require.NotEqual(t, "(before the first command)", s.Steps[0].Command, s.Name)
	}
	require.Equal(t, want, got)
	require.Greater(t, steps, 200)
}

func TestNormalLines(t *testing.T) {
	rules := listed(t)
	for _, tt := range []struct{ real, ours string }{
		{"[    2.361507] Hello world!", "[    0.000012] Hello world!"},
		{"[12345.361507] Hello world!", "[    0.000012] Hello world!"},
		{"hello                  16384  0", "hello                   1204  0"},
		{"depa                   16384  2 depb,depgpl", "depa                     904  2 depb,depgpl"},
		{"noexit                 12288  -2", "noexit                    72  -2"},
		{"hello 16384 0 - Live 0xffffffffc0201000 (OE)", "hello 1204 0 - Live 0x00010400 (OE)"},
		{"depa 16384 1 depb, Live 0xffffffffc0201000 (OE)", "depa 1204 1 depb, Live 0x00010400 (OE)"},
		{"noexit 12288 0 [permanent], Live 0xffffffffc0201000 (OE)", "noexit 5 0 [permanent], Live 0x00010400 (OE)"},
		{"ffffffffc0201000 T depa_add\t[depa]", "00010400 T depa_add\t[depa]"},
		{"crw-------    1 root     root      246,   0 Nov 23 02:57 /dev/chrb", "crw-------    1 root     root      246,   0 Jan  1 12:00 /dev/chrb"},
		{"modprobe: FATAL: Module nosuch not found in directory /lib/modules/6.1.0-56-amd64", "modprobe: FATAL: Module nosuch not found in directory /lib/modules/6.1.0-kobench"},
		{"vermagic:       6.1.0-56-amd64 SMP preempt mod_unload modversions ", "vermagic:       6.1.0-kobench SMP preempt mod_unload wasm64 "},
		{"init_module(hello.ko, 5520, \"\") = 0 errno 0 ", "init_module(hello.ko, 733, \"\") = 0 errno 0 "},
		{"coresize: 16384", "coresize: 733"},
		{"srcversion:     75BE5F72E275DC764142C35", "srcversion:     0123456789ABCDEF0123456"},
	} {
		t.Run(tt.real, func(t *testing.T) { require.Equal(t, rules.normal(tt.real), rules.normal(tt.ours)) })
	}
	for _, tt := range []struct{ real, ours string }{
		{"hello                  16384  0", "hello                   1204  1"},
		{"hello                  16384  0", "hello 1204  0"},
		{"depa 16384 1 depb, Live 0xffffffffc0201000 (OE)", "depa 1204 1 depb, Loading 0x00010400 (OE)"},
		{"depa 16384 1 depb, Live 0xffffffffc0201000 (OE)", "depa 1204 1 depb, Live 0x00010400 (O)"},
		{"init_module(empty.ko, 0, \"\") = -1 errno 8 Exec format error", "init_module(empty.ko, 12, \"\") = -1 errno 8 Exec format error"},
		{"delete_module(\"depa\", 0x800) = -1 errno 11 Resource temporarily unavailable", "delete_module(\"depa\", 0) = -1 errno 11 Resource temporarily unavailable"},
		{"246 chrb", "254 chrb"},
		{"12288", "12289"},
	} {
		t.Run("not "+tt.real, func(t *testing.T) { require.NotEqual(t, rules.normal(tt.real), rules.normal(tt.ours)) })
	}
}

// Every line that the script can change must be seen: the transcript against itself agrees, and
// against itself with any one compared line changed it does not.
func TestCompareSeesEveryLine(t *testing.T) {
	plain := func() *Rules {
		r := listed(t)
		r.Differences, r.Unordered = nil, nil // they take lines away, or their order, on purpose
		return r
	}
	real := recorded(t)
	require.Empty(t, plain().Compare(real, real).Wrong)
	rules := plain()
	checked := 0
	for i, s := range real {
		for j, step := range s.Steps {
			if find(rules.LeaveOut, s.Name, step.Command) != nil {
				continue
			}
			for k := range step.Output {
				changed := bytes.Clone([]byte(step.Output[k]))
				ours := []Section{{Name: s.Name, Steps: []Step{step}}}
				ours[0].Steps[0].Output = append([]string{}, step.Output...)
				ours[0].Steps[0].Output[k] = string(changed) + "!"
				res := &Result{}
				rules.section(res, Section{Name: s.Name, Steps: []Step{real[i].Steps[j]}}, ours[0])
				require.Len(t, res.Wrong, 1, "%s: %s: line %q", s.Name, step.Command, step.Output[k])
				checked++
			}
		}
	}
	require.Greater(t, checked, 500)
}

func TestCompare(t *testing.T) {
	const real = "=== a\n$ lsmod\nx 1\ntainted\ny\n$ dmesg\nonly here\n=== b\n$ strace x\nfoo\n"
	for _, tt := range []struct {
		name, ours, rules string
		wrong             []string // a part of each mismatch, in order
	}{
		{"the same", real, "", nil},
		{"a line differs", strings.Replace(real, "\ny\n", "\nz\n", 1), "", []string{"- y\n  + z"}},
		{"a line is missing", strings.Replace(real, "tainted\n", "", 1), "", []string{"- tainted"}},
		{"a command differs", strings.Replace(real, "$ dmesg", "$ dmesg -w", 1), "", []string{`ours "dmesg -w"`}},
		{"a command is missing", strings.Replace(real, "$ dmesg\nonly here\n", "", 1), "", []string{`ours "(no more)"`}},
		{"a section is missing", "=== a\n$ lsmod\nx 1\ntainted\ny\n$ dmesg\nonly here\n", "", []string{`has "b", we have no more`}},
		{"substituted", strings.Replace(real, "x 1", "x 2", 1),
			"normalise:\n- {pattern: '^x \\d$', to: x N, reason: r}", nil},
		{"listed", strings.Replace(real, "tainted\n", "", 1),
			"differences:\n- {section: a, command: lsmod, real: [taint.*], reason: r}", nil},
		{"listed on both sides", strings.Replace(real, "only here", "only there", 1),
			"differences:\n- {command: ^dmesg$, real: [only here], ours: [only there], reason: r}", nil},
		{"listed elsewhere", strings.Replace(real, "tainted\n", "", 1),
			"differences:\n- {section: b, real: [taint.*], reason: r}", []string{"- tainted", "the real kernel prints no line like"}},
		{"a pattern matches whole lines", strings.Replace(real, "tainted\n", "", 1),
			"differences:\n- {real: [taint], reason: r}", []string{"- tainted", "the real kernel prints no line like"}},
		{"listed, but it no longer occurs", real,
			"differences:\n- {command: dmesg, ours: [gone], reason: r}", []string{"kobench prints no line like"}},
		{"sometimes", real, "differences:\n- {command: dmesg, ours: [gone], sometimes: true, reason: r}", nil},
		{"another order", strings.Replace(real, "x 1\ntainted\n", "tainted\nx 1\n", 1), "unordered:\n- {command: lsmod, reason: r}", nil},
		{"another order, and a line more", strings.Replace(real, "x 1\ntainted\n", "tainted\nx 1\nx 1\n", 1),
			"unordered:\n- {command: lsmod, reason: r}", []string{"+ x 1"}},
		{"listed as unordered, but it is in order", real, "unordered:\n- {command: lsmod, reason: r}", []string{"the order is the same"}},
		{"left out", strings.Replace(real, "foo", "bar", 1), "leave-out:\n- {section: ^b$, reason: r}", nil},
		{"left out, but there is none", real, "leave-out:\n- {section: ^c$, reason: r}", []string{"there is no such command"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules, err := ReadRules([]byte(tt.rules))
			require.NoError(t, err)
			a, err := Parse(strings.NewReader(real))
			require.NoError(t, err)
			b, err := Parse(strings.NewReader(tt.ours))
			require.NoError(t, err)
			res := rules.Compare(a, b)
			require.Len(t, res.Wrong, len(tt.wrong), "%v", res.Wrong)
			for i, want := range tt.wrong {
				require.Contains(t, res.Wrong[i].Text, want)
			}
		})
	}
}

func TestReadRulesRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no reason", "differences:\n- {section: a, real: [x]}", "gives no reason"},
		{"no line", "differences:\n- {section: a, reason: r}", "names no line"},
		{"a bad pattern", "differences:\n- {section: a, real: ['('], reason: r}", "missing closing )"},
		{"an unknown key", "diferences: []", "unknown field"},
		{"not YAML", "normalise: [", "sequence end token ']' not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadRules([]byte(tt.text))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestReport(t *testing.T) {
	res := &Result{
		Sections: []SectionResult{{Name: "a", Same: 2, Listed: 1}, {Name: "b", LeftOut: 3, Wrong: 1}},
		Wrong:    []Mismatch{{Section: "b", Command: "lsmod", Text: "  - x\n  + y"}},
	}
	var out bytes.Buffer
	res.Report(&out)
	require.Contains(t, out.String(), "=== b\n$ lsmod\n  - x\n  + y\n")
	require.Regexp(t, `together +2 +1 +3 +1\n$`, out.String())
}
