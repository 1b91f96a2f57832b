package eval

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Pred is a compiled predicate. It is safe for concurrent use.
type Pred func(Row) bool

// Value is a compiled expression: its value for a row, nil where that is
// missing. It is safe for concurrent use.
type Value func(Row) any

// NotEvaluable is the error for an expression that cannot be run in memory:
// a regular expression outside RE2, or text in a target's own language.
type NotEvaluable struct {
	diag.Span
	Why string
}

func (e *NotEvaluable) Error() string { return e.Why }

// ForeignFunc gives the value of an expression in a target's own language,
// which eval cannot read. The expression defines the column as.
type ForeignFunc func(as string, f *ir.Foreign, row Row) (any, error)

// CompilePred compiles a predicate. A column or a literal that stands where a
// predicate is wanted holds where its value is true. The error is a
// *NotEvaluable; the present time is one thing that only a Runner knows.
func CompilePred(e ir.Expr) (Pred, error) { return environment{}.pred(e) }

// CompileValue compiles an expression. A predicate's value is a bool. The error
// is a *NotEvaluable.
func CompileValue(e ir.Expr) (Value, error) { return environment{}.value(e) }

// environment is what an expression may ask for beside the row.
type environment struct {
	now     time.Time // zero if it is not known
	seconds bool      // as Runner.Seconds
	empty   Empty     // as Runner.Empty
}

func (env environment) pred(e ir.Expr) (Pred, error) {
	switch e := e.(type) {
	case *ir.Logic:
		return env.logic(e)
	case *ir.Not:
		x, err := env.pred(e.X)
		if err != nil {
			return nil, err
		}
		return func(r Row) bool { return !x(r) }, nil
	case *ir.Compare:
		return env.compare(e)
	case *ir.Match:
		m := newMatcher(e.Any, e.Cased)
		return env.text(e.X, e.Cased, m.match)
	case *ir.Term:
		return env.terms(e)
	case *ir.Regexp:
		re, err := compileRegexp(e.Span, e.Source)
		if err != nil {
			return nil, err
		}
		return env.text(e.X, true, re.MatchString)
	case *ir.InCIDR:
		prefix := unmapPrefix(e.Prefix)
		return env.text(e.X, true, func(s string) bool {
			addr, err := netip.ParseAddr(s)
			return err == nil && prefix.Contains(addr.Unmap().WithZone(""))
		})
	case *ir.FieldMatch:
		return env.fieldMatch(e), nil
	case *ir.Keyword:
		return compileKeyword(e), nil
	case *ir.Macro:
		return nil, &NotEvaluable{e.Span, "the macro " + e.Name + " is not known, so it cannot be run here"}
	case *ir.Exists:
		name := e.X.Name
		return func(r Row) bool { return r.Get(name) != nil }, nil
	case *ir.Field, *ir.Lit, *ir.Call, *ir.Foreign:
		v, err := env.value(e)
		if err != nil {
			return nil, err
		}
		return func(r Row) bool { return v(r) == true }, nil
	}
	panic(fmt.Sprintf("eval: unhandled expression %T", e))
}

func (env environment) value(e ir.Expr) (Value, error) {
	switch e := e.(type) {
	case *ir.Field:
		name := e.Name
		return func(r Row) any { return r.Get(name) }, nil
	case *ir.Lit:
		v := normal(e.Value)
		if d, ok := v.(time.Duration); ok && env.seconds {
			v = inSeconds(d)
		}
		return func(Row) any { return v }, nil
	case *ir.Call:
		return env.call(e)
	case *ir.Foreign:
		return nil, &NotEvaluable{e.Span, "text in a target's own language cannot be run here: " + e.Text}
	}
	p, err := env.pred(e)
	if err != nil {
		return nil, err
	}
	return func(r Row) any { return p(r) }, nil
}

// call compiles an application of a function.
func (env environment) call(e *ir.Call) (Value, error) {
	if !ir.FuncOf(e.Func).Takes(len(e.Args)) {
		return nil, &NotEvaluable{e.Span, fmt.Sprintf("%s does not take %d arguments", e.Func, len(e.Args))}
	}
	args := make([]Value, len(e.Args))
	for i, a := range e.Args {
		v, err := env.value(a)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	v, err := functionOf(e.Func).compile(env, e, args)
	if err != nil || env.empty == EmptyIsText {
		return v, err
	}
	return func(r Row) any {
		if x := v(r); x != "" {
			return x
		}
		return nil
	}, nil
}

func compileRegexp(at diag.Span, source string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, &NotEvaluable{at, "the regular expression cannot be run here: " + err.Error()}
	}
	return re, nil
}

func (env environment) logic(e *ir.Logic) (Pred, error) {
	args := make([]Pred, len(e.Args))
	for i, a := range e.Args {
		p, err := env.pred(a)
		if err != nil {
			return nil, err
		}
		args[i] = p
	}
	// The operator's absorbing value ends the walk.
	stop := e.Op == ir.Or
	return func(r Row) bool {
		for _, p := range args {
			if p(r) == stop {
				return stop
			}
		}
		return !stop
	}, nil
}

func (env environment) compare(e *ir.Compare) (Pred, error) {
	l, err := env.value(e.L)
	if err != nil {
		return nil, err
	}
	r, err := env.value(e.R)
	if err != nil {
		return nil, err
	}
	op, cased := e.Op, e.Cased
	if lit, ok := e.R.(*ir.Lit); ok {
		if n, ok := lit.Value.(int64); ok {
			// The usual case, kept free of allocations.
			return func(row Row) bool {
				v := l(row)
				if i, ok := v.(int64); ok {
					return holds(op, compareInt(i, n))
				}
				return compareValues(op, v, n, cased)
			}, nil
		}
	}
	if env.empty == MissingIsEmpty && ir.TypeOf(e.L) == ir.String && ir.TypeOf(e.R) == ir.String {
		return func(row Row) bool { return compareValues(op, filled(l(row)), filled(r(row)), cased) }, nil
	}
	return func(row Row) bool { return compareValues(op, l(row), r(row), cased) }, nil
}

// filled is the empty text in the place of a missing one.
func filled(v any) any {
	if v == nil {
		return ""
	}
	return v
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// text applies a test to the text of x; to each text where the field holds
// several. The test gets the text without case unless cased.
func (env environment) text(x ir.Expr, cased bool, test func(string) bool) (Pred, error) {
	one := func(v any) bool {
		s := text(v)
		if !cased {
			s = fold(s)
		}
		return test(s)
	}
	blank := env.empty == MissingIsEmpty
	whole := func(v any) bool {
		if list, ok := v.([]any); ok {
			return slices.ContainsFunc(list, one)
		}
		return (v != nil || blank) && one(v)
	}
	f, ok := x.(*ir.Field)
	if !ok {
		v, err := env.value(x)
		if err != nil {
			return nil, err
		}
		return func(r Row) bool { return whole(v(r)) }, nil
	}
	name := f.Name
	return func(r Row) bool {
		var v any
		i, ok := -1, false
		if r.shape != nil {
			i, ok = r.shape.index[name]
		}
		if ok {
			v = r.vals[i]
		}
		if !cased && r.folded != nil && v != nil {
			if _, list := v.([]any); !list {
				return test(r.foldedText(i))
			}
		}
		return whole(v)
	}, nil
}

func (env environment) fieldMatch(e *ir.FieldMatch) Pred {
	x, y, cased, blank := e.X.Name, e.Y.Name, e.Cased, env.empty == MissingIsEmpty
	var test func(s, part string) bool
	switch e.Kind {
	case ir.FieldPrefix:
		test = strings.HasPrefix
	case ir.FieldSuffix:
		test = strings.HasSuffix
	case ir.FieldContains:
		test = strings.Contains
	default:
		panic("eval: unhandled comparison of fields " + string(e.Kind))
	}
	texts := func(v any) []string {
		var out []string
		if list, ok := v.([]any); ok {
			for _, x := range list {
				out = append(out, text(x))
			}
		} else if v != nil || blank {
			out = append(out, text(v))
		}
		if !cased {
			for i, s := range out {
				out[i] = fold(s)
			}
		}
		return out
	}
	return func(r Row) bool {
		parts := texts(r.Get(y))
		return slices.ContainsFunc(texts(r.Get(x)), func(s string) bool {
			return slices.ContainsFunc(parts, func(part string) bool { return test(s, part) })
		})
	}
}

func compileKeyword(e *ir.Keyword) Pred {
	p := ir.Pattern{Span: e.Span}
	p.Append(ir.Part{Wild: ir.Many})
	for _, part := range e.Pattern.Parts {
		p.Append(part)
	}
	p.Append(ir.Part{Wild: ir.Many})
	m := keywordMatcher(e, p)
	cased := e.Cased
	one := func(v any) bool {
		s := text(v)
		if !cased {
			s = fold(s)
		}
		return m.match(s)
	}
	return func(r Row) bool {
		for i, v := range r.vals {
			switch v := v.(type) {
			case nil:
			case []any:
				if slices.ContainsFunc(v, one) {
					return true
				}
			default:
				if !cased && r.folded != nil {
					if m.match(r.foldedText(i)) {
						return true
					}
				} else if one(v) {
					return true
				}
			}
		}
		return false
	}
}

// unmapPrefix writes a network of IPv4 addresses in IPv6 as the IPv4 network:
// an address is compared in its IPv4 form where it has one.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p
}

// keywordMatcher finds a keyword anywhere in a text, or as a whole term.
func keywordMatcher(e *ir.Keyword, anywhere ir.Pattern) interface{ match(string) bool } {
	if !e.Terms {
		return newMatcher([]ir.Pattern{anywhere}, e.Cased)
	}
	var b strings.Builder
	b.WriteString("(?s:")
	parts := e.Pattern.Parts
	for i, part := range parts {
		switch part.Wild {
		case ir.One:
			b.WriteByte('.')
		case ir.Many:
			b.WriteString(".*")
		default:
			s := part.Text
			if !e.Cased {
				s = fold(s)
			}
			if first, _ := utf8.DecodeRuneInString(s); i == 0 && inTerm(first) {
				b.WriteString(`(?:^|[^\pL\pN])`)
			}
			b.WriteString(regexp.QuoteMeta(s))
			if last, _ := utf8.DecodeLastRuneInString(s); i == len(parts)-1 && inTerm(last) {
				b.WriteString(`(?:$|[^\pL\pN])`)
			}
		}
	}
	b.WriteByte(')')
	return termMatcher{regexp.MustCompile(b.String())}
}

// terms finds one of the patterns as a whole term.
func (env environment) terms(e *ir.Term) (Pred, error) {
	any := make([]Pred, len(e.Any))
	for i, p := range e.Any {
		m := keywordMatcher(&ir.Keyword{Span: p.Span, Pattern: p, Cased: e.Cased, Terms: true}, ir.Pattern{})
		one, err := env.text(e.X, e.Cased, m.match)
		if err != nil {
			return nil, err
		}
		any[i] = one
	}
	return func(r Row) bool {
		return slices.ContainsFunc(any, func(p Pred) bool { return p(r) })
	}, nil
}

type termMatcher struct{ re *regexp.Regexp }

func (m termMatcher) match(s string) bool { return m.re.MatchString(s) }

func inTerm(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
