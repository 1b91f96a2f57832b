package splunk

import (
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
)

// A small model of what Splunk does with a predicate, to hold what is emitted
// against what the IR means. It is written from Splunk's documentation, not
// from this package: search expressions are two-valued and ignore case, eval
// expressions are three-valued and do not.

// event maps columns to texts; a column that is not there is null.
type event map[string]string

// searchModel evaluates search expressions.
type searchModel struct {
	tstats bool
	// name turns a name in the expression into a column.
	name func(string) string
}

func (m searchModel) eval(t *testing.T, e spl.SearchExpr, ev event) bool {
	switch e := e.(type) {
	case nil:
		return true
	case *spl.SearchLogic:
		for _, a := range e.Args {
			if m.eval(t, a, ev) == e.Or {
				return e.Or
			}
		}
		return !e.Or
	case *spl.SearchNot:
		// limits.conf: a tstats filter by a number omits events whose value is
		// missing or no number, also below NOT.
		if c, ok := e.X.(*spl.SearchCompare); ok && m.tstats && looksNumeric(c.Value) {
			if _, err := strconv.ParseFloat(ev[m.name(c.Field)], 64); err != nil {
				return false
			}
		}
		return !m.eval(t, e.X, ev)
	case *spl.SearchCompare:
		v, ok := ev[m.name(e.Field)]
		return ok && searchCompare(t, e.Op, v, e.Value)
	case *spl.SearchIn:
		v, ok := ev[m.name(e.Field)]
		for _, w := range e.Values {
			if ok && searchCompare(t, "=", v, w) {
				return true
			}
		}
		return false
	case *spl.SearchTerm:
		return strings.Contains(fold(ev["_raw"]), fold(strings.Join(e.Value.Parts, "")))
	}
	t.Fatalf("the model does not know %T", e)
	return false
}

func looksNumeric(v spl.SearchValue) bool {
	_, err := strconv.ParseFloat(strings.Join(v.Parts, "*"), 64)
	return err == nil
}

// fold ignores the case of ASCII letters, as far as is known of Splunk.
func fold(s string) string { return strings.ToLower(s) }

func searchCompare(t *testing.T, op, v string, w spl.SearchValue) bool {
	if op == "=" || op == "!=" {
		var b strings.Builder
		b.WriteString(`(?s)\A`)
		for i, p := range w.Parts {
			if i > 0 {
				b.WriteString(".*")
			}
			b.WriteString(regexp.QuoteMeta(fold(p)))
		}
		b.WriteString(`\z`)
		hit := regexp.MustCompile(b.String()).MatchString(fold(v))
		if _, err := netip.ParsePrefix(strings.Join(w.Parts, "*")); err == nil {
			t.Fatalf("%q would be read as a network", w.Parts)
		}
		return hit == (op == "=")
	}
	x, err1 := strconv.ParseFloat(v, 64)
	y, err2 := strconv.ParseFloat(w.Parts[0], 64)
	if err1 != nil || err2 != nil {
		return ordered(op, strings.Compare(v, w.Parts[0]))
	}
	return ordered(op, compareFloats(x, y))
}

func compareFloats(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func ordered(op string, c int) bool {
	switch op {
	case "=":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	}
	panic("operator " + op)
}

// evalModel evaluates an eval expression: nil is null.
func evalModel(t *testing.T, e spl.Expr, ev event) any {
	args := func(list []spl.Expr) []any {
		out := make([]any, len(list))
		for i, a := range list {
			out[i] = evalModel(t, a, ev)
		}
		return out
	}
	switch e := e.(type) {
	case *spl.FieldRef:
		if v, ok := ev[e.Name]; ok {
			return v
		}
		return nil
	case *spl.StringLit:
		return e.Value
	case *spl.NumberLit:
		n, err := strconv.ParseFloat(e.Text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	case *spl.Unary:
		x := evalModel(t, e.X, ev)
		if x == nil {
			return nil
		}
		if e.Op == "NOT" {
			return !x.(bool)
		}
		return -x.(float64)
	case *spl.Binary:
		l, r := evalModel(t, e.L, ev), evalModel(t, e.R, ev)
		switch e.Op {
		case "AND":
			if l == false || r == false {
				return false
			}
			if l == nil || r == nil {
				return nil
			}
			return true
		case "OR":
			if l == true || r == true {
				return true
			}
			if l == nil || r == nil {
				return nil
			}
			return false
		}
		if l == nil || r == nil {
			return nil
		}
		return evalBinary(t, e.Op, l, r)
	case *spl.InExpr:
		x := evalModel(t, e.X, ev)
		if x == nil {
			return nil
		}
		for _, v := range args(e.Values) {
			if evalBinary(t, "=", x, v) == true {
				return true
			}
		}
		return false
	case *spl.CallExpr:
		return evalCall(t, e.Name, args(e.Args))
	}
	t.Fatalf("the model does not know %T", e)
	return nil
}

func toNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		x, err := strconv.ParseFloat(v, 64)
		return x, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
	}
	return 0, false
}

func toText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func evalBinary(t *testing.T, op string, l, r any) any {
	x, xok := toNumber(l)
	y, yok := toNumber(r)
	switch op {
	case "=", "!=", "<", "<=", ">", ">=":
		// Two texts are compared as texts, a number and a text that spells one
		// as numbers.
		_, lt := l.(string)
		_, rt := r.(string)
		if xok && yok && !(lt && rt) {
			return ordered(op, compareFloats(x, y))
		}
		return ordered(op, strings.Compare(toText(l), toText(r)))
	case ".":
		return toText(l) + toText(r)
	}
	if !xok || !yok {
		return nil
	}
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		if y == 0 {
			return nil
		}
		return x / y
	case "%":
		return math.Mod(x, y)
	}
	t.Fatalf("the model does not know the operator %s", op)
	return nil
}

func evalCall(t *testing.T, name string, args []any) any {
	switch name {
	case "isnull":
		return args[0] == nil
	case "isnotnull":
		return args[0] != nil
	case "true":
		return true
	case "false":
		return false
	case "coalesce":
		for _, a := range args {
			if a != nil {
				return a
			}
		}
		return nil
	}
	for _, a := range args {
		if a == nil {
			return nil
		}
	}
	switch name {
	case "lower":
		return strings.ToLower(toText(args[0]))
	case "len":
		return float64(len([]rune(toText(args[0]))))
	case "match":
		return regexp.MustCompile(toText(args[1])).MatchString(toText(args[0]))
	case "cidrmatch":
		a, err := netip.ParseAddr(toText(args[1]))
		return err == nil && netip.MustParsePrefix(toText(args[0])).Contains(a)
	case "tonumber":
		if x, ok := toNumber(args[0]); ok {
			return x
		}
		return nil
	case "tostring":
		return toText(args[0])
	case "floor":
		x, _ := toNumber(args[0])
		return math.Floor(x)
	case "substr":
		s := []rune(toText(args[0]))
		from := int(args[1].(float64))
		if from < 0 {
			from = max(len(s)+from, 0)
		} else {
			from = min(max(from-1, 0), len(s)) // what 0 means is not documented
		}
		n := len(s) - from
		if len(args) == 3 {
			n = min(n, int(args[2].(float64)))
		}
		return string(s[from : from+n])
	case "split":
		return float64(len(strings.Split(toText(args[0]), toText(args[1]))))
	case "mvcount":
		return args[0]
	}
	t.Fatalf("the model does not know the function %s", name)
	return nil
}

// meaning evaluates a predicate of the IR: two-valued.
func meaning(t *testing.T, e ir.Expr, ev event) bool {
	text := func(x ir.Expr) (string, bool) {
		if c, ok := x.(*ir.Call); ok && c.Func == ir.ToString {
			x = c.Args[0]
		}
		v, ok := ev[x.(*ir.Field).Name]
		return v, ok
	}
	switch e := e.(type) {
	case *ir.Logic:
		for _, a := range e.Args {
			if meaning(t, a, ev) == (e.Op == ir.Or) {
				return e.Op == ir.Or
			}
		}
		return e.Op == ir.And
	case *ir.Not:
		return !meaning(t, e.X, ev)
	case *ir.Match:
		v, ok := text(e.X)
		for _, p := range e.Any {
			if ok && globMatch(p, v, e.Cased) {
				return true
			}
		}
		return false
	case *ir.Regexp:
		v, ok := text(e.X)
		return ok && regexp.MustCompile(e.Source).MatchString(v)
	case *ir.InCIDR:
		v, ok := text(e.X)
		a, err := netip.ParseAddr(v)
		return ok && err == nil && e.Prefix.Contains(a)
	case *ir.Exists:
		_, ok := ev[e.X.Name]
		return ok
	case *ir.Keyword:
		pat := ir.Pattern{}
		pat.Append(ir.Part{Wild: ir.Many})
		for _, p := range e.Pattern.Parts {
			pat.Append(p)
		}
		pat.Append(ir.Part{Wild: ir.Many})
		return globMatch(pat, ev["_raw"], e.Cased)
	case *ir.FieldMatch:
		x, ok1 := ev[e.X.Name]
		y, ok2 := ev[e.Y.Name]
		if !e.Cased {
			x, y = fold(x), fold(y)
		}
		if !ok1 || !ok2 {
			return false
		}
		switch e.Kind {
		case ir.FieldPrefix:
			return strings.HasPrefix(x, y)
		case ir.FieldSuffix:
			return strings.HasSuffix(x, y)
		}
		return strings.Contains(x, y)
	case *ir.Compare:
		l, lok := text(e.L)
		if lit, ok := e.R.(*ir.Lit); ok {
			x, err := strconv.ParseFloat(l, 64)
			y, _ := strconv.ParseFloat(numberText(lit.Value), 64)
			if l == "0" && e.L.(*ir.Field).Name == "dest_port" && e.Op != ir.Eq {
				return false // the data model writes 0 for no port
			}
			return lok && err == nil && ordered(string(e.Op), compareFloats(x, y))
		}
		r, rok := text(e.R)
		if !e.Cased {
			l, r = fold(l), fold(r)
		}
		return lok && rok && ordered(string(e.Op), strings.Compare(l, r))
	}
	t.Fatalf("the model does not know %T", e)
	return false
}

func globMatch(p ir.Pattern, s string, cased bool) bool {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for _, part := range p.Parts {
		switch part.Wild {
		case ir.Many:
			b.WriteString(".*")
		case ir.One:
			b.WriteString(".")
		default:
			text := part.Text
			if !cased {
				text = fold(text)
			}
			b.WriteString(regexp.QuoteMeta(text))
		}
	}
	b.WriteString(`\z`)
	if !cased {
		s = fold(s)
	}
	return regexp.MustCompile(b.String()).MatchString(s)
}
