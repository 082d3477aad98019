package modtools

import (
	"fmt"
	"strings"
)

// longOption is one long option; several names may give the same value.
type longOption struct {
	name   string
	hasArg bool
	value  rune
}

// Values of options without a letter, and of a mistake.
const (
	optForceVermagic rune = iota + 1
	optForceModversion
	optFirstTime
	optShowModversions
	optRemoveHolders
	optShowExports

	optBad rune = '?'
)

// getopt takes arguments apart as [getopt] getopt_long does. Options and operands may be mixed
// unless short begins with '+'; what is left when next reports false are the operands.
type getopt struct {
	t     *tool
	short string
	long  []longOption

	args     []string
	cluster  string // rest of a word of short options
	operands []string

	arg  string // the option's argument
	name string // the long option's full name, "" for a short one
}

func (t *tool) options(short string, long []longOption, args []string) *getopt {
	return &getopt{t: t, short: short, long: long, args: args}
}

func (g *getopt) complain(format string, args ...any) rune {
	fmt.Fprintf(g.t.Stderr, g.t.Argv0+": "+format+"\n", args...)
	return optBad
}

// next gives the next option's value, optBad after a complaint, false at the end.
func (g *getopt) next() (rune, bool) {
	g.arg, g.name = "", ""
	for g.cluster == "" {
		if len(g.args) == 0 {
			return 0, false
		}
		word := g.args[0]
		if word == "--" {
			g.operands = append(g.operands, g.args[1:]...)
			g.args = nil
			return 0, false
		}
		if len(word) < 2 || word[0] != '-' {
			if strings.HasPrefix(g.short, "+") {
				g.operands, g.args = append(g.operands, g.args...), nil
				return 0, false
			}
			g.operands = append(g.operands, word)
			g.args = g.args[1:]
			continue
		}
		g.args = g.args[1:]
		if strings.HasPrefix(word, "--") {
			return g.longOption(word[2:]), true
		}
		g.cluster = word[1:]
	}
	c := g.cluster[0]
	g.cluster = g.cluster[1:]
	i := strings.IndexByte(g.short, c)
	if i < 0 || c == ':' || c == '+' {
		return g.complain("invalid option -- '%c'", c), true
	}
	if i+1 < len(g.short) && g.short[i+1] == ':' {
		switch {
		case g.cluster != "":
			g.arg, g.cluster = g.cluster, ""
		case len(g.args) > 0:
			g.arg, g.args = g.args[0], g.args[1:]
		default:
			return g.complain("option requires an argument -- '%c'", c), true
		}
	}
	return rune(c), true
}

func (g *getopt) longOption(word string) rune {
	name, arg, hasArg := strings.Cut(word, "=")
	opt, ok := g.find(name)
	if !ok {
		return optBad
	}
	g.name = opt.name
	switch {
	case hasArg && !opt.hasArg:
		return g.complain("option '--%s' doesn't allow an argument", opt.name)
	case hasArg:
		g.arg = arg
	case opt.hasArg && len(g.args) == 0:
		return g.complain("option '--%s' requires an argument", opt.name)
	case opt.hasArg:
		g.arg, g.args = g.args[0], g.args[1:]
	}
	return opt.value
}

// find looks a long option up by its name or an unambiguous beginning of it.
func (g *getopt) find(name string) (longOption, bool) {
	var found []longOption
	ambiguous := false
	for _, o := range g.long {
		if o.name == name {
			return o, true
		}
		if strings.HasPrefix(o.name, name) {
			if len(found) > 0 && (o.hasArg != found[0].hasArg || o.value != found[0].value) {
				ambiguous = true
			}
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 0:
		g.complain("unrecognized option '--%s'", name)
		return longOption{}, false
	case ambiguous:
		var list strings.Builder
		for _, o := range found {
			list.WriteString(" '--" + o.name + "'")
		}
		g.complain("option '--%s' is ambiguous; possibilities:%s", name, list.String())
		return longOption{}, false
	}
	return found[0], true
}
