package dialogue

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"slices"
	"strconv"
	"strings"
)

// value is a float64, a string or a []value.
type value any

// expr is an expression: Go's notation, with numbers, texts, lists, variables and the functions of
// funcs.
type expr struct {
	text string
	node ast.Expr
}

// parseExpr reads an expression and checks that it uses nothing unknown; known are the variables.
func parseExpr(text string, known func(name string) bool) (*expr, error) {
	n, err := parser.ParseExpr(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no expression: %v", text, err)
	}
	var bad error
	called := map[ast.Expr]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.CallExpr:
			id, ok := x.Fun.(*ast.Ident)
			if !ok || funcs()[id.Name].f == nil {
				bad = fmt.Errorf("%q: there is no such function; there are %s", text, strings.Join(funcNames(), ", "))
				return false
			}
			if want := funcs()[id.Name].args; want >= 0 && len(x.Args) != want {
				bad = fmt.Errorf("%q: %s takes %d values", text, id.Name, want)
			}
			called[x.Fun] = true
		case *ast.Ident:
			if !called[x] && !known(x.Name) {
				bad = fmt.Errorf("%q: there is no variable %s", text, x.Name)
			}
		case *ast.BasicLit, *ast.BinaryExpr, *ast.UnaryExpr, *ast.ParenExpr, *ast.IndexExpr, *ast.SliceExpr, nil:
		default:
			bad = fmt.Errorf("%q: want numbers, texts, variables, + - * / %% == != < <= > >= && || !, list[i], list[a:b] and functions", text)
			return false
		}
		return bad == nil
	})
	if bad != nil {
		return nil, bad
	}
	return &expr{text, n}, nil
}

// scope is where an expression finds its variables.
type scope interface {
	look(name string) (value, bool)
	env() *environment
}

// eval works an expression out.
//
// Errors: a variable without a value, a text that is no number, a place outside of a list.
func (e *expr) eval(s scope) (v value, err error) {
	v, err = eval(e.node, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.text, err)
	}
	return v, nil
}

func eval(n ast.Expr, s scope) (value, error) {
	switch x := n.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING || x.Kind == token.CHAR {
			t, err := strconv.Unquote(x.Value)
			return t, err
		}
		return num(x.Value)
	case *ast.Ident:
		v, ok := s.look(x.Name)
		if !ok {
			return nil, fmt.Errorf("%s has no value yet", x.Name)
		}
		return v, nil
	case *ast.ParenExpr:
		return eval(x.X, s)
	case *ast.UnaryExpr:
		v, err := eval(x.X, s)
		if err != nil {
			return nil, err
		}
		f, err := num(v)
		switch x.Op {
		case token.SUB:
			return -f, err
		case token.NOT:
			return truth(!isTrue(v)), nil
		}
		return f, err
	case *ast.BinaryExpr:
		return operate(x, s)
	case *ast.IndexExpr:
		return part(x.X, x.Index, nil, s)
	case *ast.SliceExpr:
		return part(x.X, x.Low, x.High, s)
	case *ast.CallExpr:
		var args []value
		for _, a := range x.Args {
			v, err := eval(a, s)
			if err != nil {
				return nil, err
			}
			args = append(args, v)
		}
		return funcs()[x.Fun.(*ast.Ident).Name].f(s.env(), args)
	}
	return nil, errors.New("cannot be worked out")
}

// part is an element of a list or text, or with high some of them.
func part(of, low, high ast.Expr, s scope) (value, error) {
	v, err := eval(of, s)
	if err != nil {
		return nil, err
	}
	var n int
	text, isText := v.(string)
	list, isList := v.([]value)
	switch {
	case isText:
		n = len(text)
	case isList:
		n = len(list)
	default:
		return nil, errors.New("a number has no parts")
	}
	at := func(e ast.Expr, otherwise int) (int, error) {
		if e == nil {
			return otherwise, nil
		}
		v, err := eval(e, s)
		if err != nil {
			return 0, err
		}
		f, err := num(v)
		return int(f), err
	}
	a, err := at(low, 0)
	if err != nil {
		return nil, err
	}
	b, err := at(high, n)
	if err != nil {
		return nil, err
	}
	single := high == nil && low != nil
	if single {
		b = a + 1
	}
	if a < 0 || b > n || a > b {
		return nil, fmt.Errorf("%d:%d is outside of its %d parts", a, b, n)
	}
	switch {
	case isText:
		return text[a:b], nil
	case single:
		return list[a], nil
	}
	return list[a:b], nil
}

func operate(x *ast.BinaryExpr, s scope) (value, error) {
	l, err := eval(x.X, s)
	if err != nil {
		return nil, err
	}
	switch {
	case x.Op == token.LAND && !isTrue(l), x.Op == token.LOR && isTrue(l):
		return truth(isTrue(l)), nil
	}
	r, err := eval(x.Y, s)
	if err != nil {
		return nil, err
	}
	switch x.Op {
	case token.LAND, token.LOR:
		return truth(isTrue(r)), nil
	}
	a, aerr := num(l)
	b, berr := num(r)
	if aerr != nil || berr != nil { // as texts
		ls, rs := text(l), text(r)
		switch x.Op {
		case token.EQL:
			return truth(ls == rs), nil
		case token.NEQ:
			return truth(ls != rs), nil
		case token.ADD:
			if len(ls)+len(rs) > maxSay {
				return nil, fmt.Errorf("a text of more than %d bytes", maxSay)
			}
			return ls + rs, nil
		}
		return nil, errors.Join(aerr, berr)
	}
	switch x.Op {
	case token.ADD:
		return a + b, nil
	case token.SUB:
		return a - b, nil
	case token.MUL:
		return a * b, nil
	case token.QUO:
		if b == 0 {
			return nil, errors.New("a division by 0")
		}
		return a / b, nil
	case token.REM:
		if b == 0 {
			return nil, errors.New("a division by 0")
		}
		return math.Mod(a, b), nil
	case token.AND:
		return float64(int64(a) & int64(b)), nil
	case token.OR:
		return float64(int64(a) | int64(b)), nil
	case token.XOR:
		return float64(int64(a) ^ int64(b)), nil
	case token.SHL:
		return float64(int64(a) << (uint(int64(b)) & 63)), nil
	case token.SHR:
		return float64(int64(a) >> (uint(int64(b)) & 63)), nil
	case token.EQL:
		return truth(a == b), nil
	case token.NEQ:
		return truth(a != b), nil
	case token.LSS:
		return truth(a < b), nil
	case token.LEQ:
		return truth(a <= b), nil
	case token.GTR:
		return truth(a > b), nil
	case token.GEQ:
		return truth(a >= b), nil
	}
	return nil, fmt.Errorf("%s is not possible here", x.Op)
}

func truth(b bool) value {
	if b {
		return 1.0
	}
	return 0.0
}

func isTrue(v value) bool {
	f, err := num(v)
	return err == nil && f != 0 || err != nil && text(v) != ""
}

// num is a value as a number.
func num(v value) (float64, error) {
	switch x := v.(type) {
	case float64:
		return x, nil
	case string:
		t := strings.TrimSpace(x)
		if f, err := strconv.ParseFloat(t, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, nil
		}
		if i, err := strconv.ParseInt(t, 0, 64); err == nil {
			return float64(i), nil
		}
		return 0, fmt.Errorf("%q is no number", x)
	}
	return 0, errors.New("a list is no number")
}

// text is a value as text: a number as short as it can be.
func text(v value) string {
	switch x := v.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case []value:
		var s []string
		for _, e := range x {
			s = append(s, text(e))
		}
		return strings.Join(s, ",")
	}
	return ""
}

type function struct {
	args int // -1: any number
	f    func(*environment, []value) (value, error)
}

func funcNames() []string {
	var names []string
	for n := range funcs() {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
