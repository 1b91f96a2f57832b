package splunk

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/internal/splmodel"
	"github.com/huntc/huntc/ir"
)

// event maps columns to texts; a column that is not there is null.
type event map[string]string

func (ev event) row() splmodel.Row {
	out := splmodel.Row{}
	for k, v := range ev {
		out[k] = v
	}
	return out
}

// evalModel evaluates an eval expression: nil is null.
func evalModel(t *testing.T, e spl.Expr, ev event) any {
	return (&splmodel.Model{T: t}).Eval(e, ev.row())
}

// runModel reports whether a search for rows keeps the event.
func runModel(t *testing.T, s *spl.Search, ev event) bool {
	m := &splmodel.Model{T: t, Events: func(string) []splmodel.Row { return []splmodel.Row{ev.row()} }}
	// tstats without "by" has a row also where it counts nothing.
	return slices.ContainsFunc(m.Run(s), func(r splmodel.Row) bool { return r["count"] != 0.0 })
}

func fold(s string) string { return strings.ToLower(s) }

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
	}
	return c >= 0
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
			return lok && err == nil && ordered(string(e.Op), cmp.Compare(x, y))
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
