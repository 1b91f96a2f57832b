package splunk

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// --- the search language: case does not count, * is a wildcard, and what is
// asked of a missing field is false ---

func (r *reading) searchExpr(e spl.SearchExpr, name naming) ir.Expr {
	at := e.At()
	switch e := e.(type) {
	case *spl.SearchLogic:
		op := ir.And
		if e.Or {
			op = ir.Or
		}
		out := &ir.Logic{Span: at, Op: op}
		for _, a := range e.Args {
			out.Args = append(out.Args, r.searchExpr(a, name))
		}
		return out
	case *spl.SearchNot:
		return &ir.Not{Span: at, X: r.searchExpr(e.X, name)}
	case *spl.SearchCompare:
		if timeModifier(e.Field) {
			r.fail(codeNoTime, e, "Let it stand beside the other conditions, not within one.", "a bound of time in this place is not read")
			return ir.True(at)
		}
		return r.searchCompare(e, name(r.at(e, e.Field), e.Field))
	case *spl.SearchIn:
		f := name(r.at(e, e.Field), e.Field)
		or := &ir.Logic{Span: at, Op: ir.Or}
		for _, v := range e.Values {
			or.Args = append(or.Args, r.searchEqual(e, f, v))
		}
		return ir.Simplify(or)
	case *spl.SearchTerm:
		return r.term(e)
	case *spl.SearchMacro:
		if e.Macro.Name == "comment" {
			return ir.True(at)
		}
		r.opaque(e, e.Macro)
		return &ir.Macro{Span: at, Name: e.Macro.Name, Args: e.Macro.Args}
	}
	r.fail(codeNoCondition, e, "", "this condition of a search is not read")
	return ir.True(at)
}

func (r *reading) searchCompare(e *spl.SearchCompare, f *ir.Field) ir.Expr {
	at := e.Span
	switch e.Op {
	case "=":
		return r.searchEqual(e, f, e.Value)
	case "!=":
		eq := r.searchEqual(e, f, e.Value)
		if c, ok := eq.(*ir.Compare); ok {
			return &ir.Compare{Span: at, Op: ir.Ne, L: c.L, R: c.R}
		}
		// != asks for a value, NOT does not.
		if r.b.present(r.rows, f.Name) {
			return &ir.Not{Span: at, X: eq}
		}
		return ir.NewLogic(at, ir.And, &ir.Exists{Span: at, X: f}, &ir.Not{Span: at, X: eq})
	}
	text := strings.Join(e.Value.Parts, "*")
	n, ok := parseNumber(text)
	if !ok || len(e.Value.Parts) != 1 || !plainNumber(text) {
		r.fail(codeNoCondition, e, "Compare with a number, or behind | where.", "%s%s%q compares texts by their order, which is not read", e.Field, e.Op, text)
		return ir.True(at)
	}
	return &ir.Compare{Span: at, Op: ir.CmpOp(e.Op), L: f, R: &ir.Lit{Span: at, Value: n}}
}

// plainNumber reports whether a number prints as it is written.
func plainNumber(s string) bool {
	n, ok := parseNumber(s)
	return ok && !strings.ContainsAny(s, "eExXnNiI+_") && numberText(n) == strings.TrimSuffix(s, ".0")
}

// searchEqual reads field=value.
func (r *reading) searchEqual(at diag.Node, f *ir.Field, v spl.SearchValue) ir.Expr {
	span := at.At()
	text := strings.Join(v.Parts, "*")
	if len(v.Parts) == 1 && (v.Number && f.T != ir.String || f.T.Numeric()) && plainNumber(text) {
		n, _ := parseNumber(text)
		return &ir.Compare{Span: span, Op: ir.Eq, L: f, R: &ir.Lit{Span: span, Value: n}}
	}
	if p, err := netip.ParsePrefix(text); err == nil && strings.Contains(text, "/") && p.String() == text && p == p.Masked() {
		return &ir.InCIDR{Span: span, X: f, Prefix: p}
	}
	p := pattern(span, v)
	if shape, _ := p.Shape(); shape == ir.ShapeAny {
		return &ir.Exists{Span: span, X: f}
	}
	return &ir.Match{Span: span, X: f, Any: []ir.Pattern{p}}
}

// term reads a word or phrase by itself: a whole term of the event unless a
// wildcard stands at its edge.
func (r *reading) term(e *spl.SearchTerm) ir.Expr {
	k := &ir.Keyword{Span: e.Span, Cased: e.Func == "CASE", Terms: true, Pattern: pattern(e.Span, e.Value)}
	if e.Func == "TERM" {
		r.fail(codeNoCondition, e, "Leave TERM out.", "TERM(...) looks for a word between major breakers, which is not read")
		return ir.True(e.Span)
	}
	if shape, s := k.Pattern.Shape(); shape == ir.ShapeContains {
		k.Terms, k.Pattern = false, ir.TextPattern(e.Span, s)
	} else if shape == ir.ShapeAny {
		return ir.True(e.Span)
	} else if len(k.Pattern.Parts) == 0 {
		r.fail(codeNoCondition, e, "", "an empty word to search for")
	}
	return k
}

// --- the language of eval: case counts, and a comparison with null is null,
// which NOT leaves null and where takes for false ---

// where is the condition under which e is true; nil if it is not understood.
// in are the rows.
func (r *reading) where(in ir.Query, e spl.Expr) ir.Expr { return r.cond(in, e, true) }

// cond is the condition, of two values, under which e is true, or false.
func (r *reading) cond(in ir.Query, e spl.Expr, want bool) ir.Expr {
	switch e := e.(type) {
	case *spl.Unary:
		if e.Op == "NOT" {
			return r.cond(in, e.X, !want)
		}
	case *spl.Binary:
		switch e.Op {
		case "AND", "OR":
			return r.chain(in, e, want)
		case "=", "==", "!=", "<", "<=", ">", ">=":
			return r.compare(in, e, want)
		case "LIKE":
			return r.like(in, e, e.L, e.R, want)
		}
	case *spl.InExpr:
		return r.among(in, e, e.X, e.Values, want)
	case *spl.CallExpr:
		return r.test(in, e, want)
	}
	r.fail(codeNoCondition, e, "Compare it with something.", "%s is not read as a condition", spl.PrintExpr(e))
	return nil
}

// chain reads a chain of AND or of OR.
func (r *reading) chain(in ir.Query, e *spl.Binary, want bool) ir.Expr {
	parts := []spl.Expr{e.R}
	left := e.L
	for {
		b, ok := left.(*spl.Binary)
		if !ok || b.Op != e.Op {
			break
		}
		parts = append(parts, b.R)
		left = b.L
	}
	parts = append(parts, left)
	slices.Reverse(parts)
	op := ir.And
	if (e.Op == "OR") == want {
		op = ir.Or
	}
	before := len(r.sure)
	defer func() { r.sure = r.sure[:before] }()
	args := make([]ir.Expr, len(parts))
	ok := true
	for i, p := range parts {
		x := r.cond(in, p, want)
		if x == nil {
			ok = false
			continue
		}
		args[i] = x
		if op == ir.And {
			for _, f := range ir.Fields(x) {
				if ir.Requires(x, f.Name) {
					r.sure = append(r.sure, f.Name)
				}
			}
		}
	}
	if !ok {
		return nil
	}
	return ir.NewLogic(e.Span, op, args...)
}

// either is a leaf that is true, or that is false: then its values are there.
func (r *reading) either(in ir.Query, leaf ir.Expr, want bool, values ...ir.Expr) ir.Expr {
	if want {
		return leaf
	}
	at := leaf.At()
	args := []ir.Expr{}
	for _, v := range values {
		there, ok := r.there(in, v)
		if !ok {
			r.fail(codeNoCondition, leaf, "Test for it first, in a condition of its own.", "when NOT of this comparison is null is not known")
			return nil
		}
		if !ir.IsTrue(there) {
			args = append(args, there)
		}
	}
	return ir.NewLogic(at, ir.And, append(args, &ir.Not{Span: at, X: leaf})...)
}

// there is the condition under which a value is not null; false where that
// cannot be said.
func (r *reading) there(in ir.Query, e ir.Expr) (ir.Expr, bool) {
	at := e.At()
	switch e := e.(type) {
	case *ir.Lit:
		return ir.True(at), true
	case *ir.Field:
		if slices.Contains(r.sure, e.Name) || in != nil && r.b.present(in, e.Name) {
			return ir.True(at), true
		}
		return &ir.Exists{Span: at, X: e}, true
	case *ir.Call:
		args := e.Args
		switch e.Func {
		case ir.If:
			x, ok := r.there(in, args[1])
			if !ok {
				return nil, false
			}
			yes := ir.Simplify(ir.NewLogic(at, ir.And, args[0], x))
			if len(args) == 2 {
				return yes, true
			}
			y, ok := r.there(in, args[2])
			if !ok {
				return nil, false
			}
			if ir.IsTrue(x) && ir.IsTrue(y) {
				return ir.True(at), true
			}
			return ir.NewLogic(at, ir.Or, yes, ir.Simplify(ir.NewLogic(at, ir.And, &ir.Not{Span: at, X: args[0]}, y))), true
		case ir.Coalesce:
			or := &ir.Logic{Span: at, Op: ir.Or}
			for _, a := range args {
				x, ok := r.there(in, a)
				if !ok {
					return nil, false
				}
				or.Args = append(or.Args, x)
			}
			return ir.Simplify(or), true
		case ir.ToNumber, ir.Split, ir.Extract, ir.Item, ir.Prop, ir.At, ir.Place:
			return nil, false
		case ir.Div:
			if n, ok := args[1].(*ir.Lit); !ok || n.Value == int64(0) || n.Value == 0.0 {
				return nil, false
			}
		}
		and := &ir.Logic{Span: at, Op: ir.And}
		for _, a := range args {
			x, ok := r.there(in, a)
			if !ok {
				return nil, false
			}
			and.Args = append(and.Args, x)
		}
		return ir.Simplify(and), true
	}
	return nil, false
}

func (r *reading) compare(in ir.Query, e *spl.Binary, want bool) ir.Expr {
	at := e.Span
	op := ir.CmpOp(strings.Replace(e.Op, "==", "=", 1))
	if !want {
		op = negated[op]
	}
	left, right := e.L, e.R
	if _, isLit := left.(*spl.StringLit); isLit {
		left, right, op = right, left, mirrored[op]
	}
	if m, ok := left.(*spl.NumberLit); ok {
		if n, ok := right.(*spl.NumberLit); ok && (op == ir.Eq || op == ir.Ne) {
			if (m.Text == n.Text) == (op == ir.Eq) {
				return ir.True(at)
			}
			return ir.False(at)
		}
		left, right, op = right, left, mirrored[op]
	}
	if fm := liftFieldMatch(e); fm != nil {
		f := fm.(*ir.FieldMatch)
		return r.either(in, fm, want, f.X, f.Y)
	}
	if s, ok := right.(*spl.StringLit); ok {
		if op != ir.Eq && op != ir.Ne {
			r.fail(codeNoCondition, e, "Compare numbers, or use = and !=.", "%s compares texts by their order, which is not read", spl.PrintExpr(e))
			return nil
		}
		x, m := r.textOperand(in, left, s.Value)
		if x == nil {
			return nil
		}
		if strings.Contains(s.Value, "*") {
			r.diags.Warnf(codeStar, s, "Use | search, or like() with %.", "* is a star in where and eval, not a wildcard")
		}
		m.Span, m.Any = at, []ir.Pattern{ir.TextPattern(s.Span, s.Value)}
		if op == ir.Eq {
			return m
		}
		return r.either(in, m, false, x)
	}
	cased := true
	if l, ok := uncase(left); ok {
		if rr, ok := uncase(right); ok {
			left, right, cased = l, rr, false
		}
	}
	x, y := r.value(in, left), r.value(in, right)
	if x == nil || y == nil {
		return nil
	}
	return &ir.Compare{Span: at, Op: op, L: x, R: y, Cased: cased}
}

var negated = map[ir.CmpOp]ir.CmpOp{ir.Eq: ir.Ne, ir.Ne: ir.Eq, ir.Lt: ir.Ge, ir.Ge: ir.Lt, ir.Gt: ir.Le, ir.Le: ir.Gt}
var mirrored = map[ir.CmpOp]ir.CmpOp{ir.Eq: ir.Eq, ir.Ne: ir.Ne, ir.Lt: ir.Gt, ir.Gt: ir.Lt, ir.Le: ir.Ge, ir.Ge: ir.Le}

// textOperand is a value that is compared with a text; lower() of one makes
// that a comparison without case, if the text is in lower case and of ASCII.
func (r *reading) textOperand(in ir.Query, e spl.Expr, text string) (ir.Expr, *ir.Match) {
	inner, lower := uncase(e)
	if lower && ascii(text) && text == strings.ToLower(text) {
		x := r.value(in, inner)
		return x, &ir.Match{X: x}
	}
	x := r.value(in, e)
	return x, &ir.Match{X: x, Cased: true}
}

func (r *reading) among(in ir.Query, at diag.Node, x spl.Expr, values []spl.Expr, want bool) ir.Expr {
	var all ir.Expr
	for _, v := range values {
		one := r.compare(in, &spl.Binary{Span: at.At(), Op: "=", L: x, R: v}, want)
		if one == nil {
			return nil
		}
		op := ir.Or
		if !want {
			op = ir.And
		}
		if all == nil {
			all = one
		} else {
			all = ir.NewLogic(at.At(), op, all, one)
		}
	}
	if want {
		return ir.Simplify(all)
	}
	return all
}

// like reads a pattern of SQL: % is any text, _ one character.
func (r *reading) like(in ir.Query, at diag.Node, x, p spl.Expr, want bool) ir.Expr {
	s, ok := p.(*spl.StringLit)
	if !ok {
		r.fail(codeNoFunction, at, "", "like with a pattern that is computed is not read")
		return nil
	}
	v := r.value(in, x)
	if v == nil {
		return nil
	}
	pat := ir.Pattern{Span: s.Span}
	for i := 0; i < len(s.Value); {
		n := strings.IndexAny(s.Value[i:], "%_")
		if n < 0 {
			n = len(s.Value) - i
		}
		pat.Append(ir.Part{Text: s.Value[i : i+n]})
		if i += n; i < len(s.Value) {
			if n > 0 && s.Value[i-1] == '\\' {
				pat.Parts[len(pat.Parts)-1].Text = strings.TrimSuffix(pat.Parts[len(pat.Parts)-1].Text, `\`)
				if pat.Parts[len(pat.Parts)-1].Text == "" {
					pat.Parts = pat.Parts[:len(pat.Parts)-1]
				}
				// A backslash before % is a folder more often than an escape,
				// of which Splunk's documentation does not speak.
				pat.Append(ir.Part{Text: `\`})
			}
			wild := ir.Many
			if s.Value[i] == '_' {
				wild = ir.One
			}
			pat.Append(ir.Part{Wild: wild})
			i++
		}
	}
	if shape, _ := pat.Shape(); shape == ir.ShapeAny {
		there, ok := r.there(in, v)
		if !ok || !want {
			r.fail(codeNoCondition, at, "Use isnotnull.", "like with %% alone is not read here")
			return nil
		}
		return there
	}
	return r.either(in, &ir.Match{Span: at.At(), X: v, Any: []ir.Pattern{pat}, Cased: true}, want, v)
}

func (r *reading) test(in ir.Query, e *spl.CallExpr, want bool) ir.Expr {
	at := e.Span
	arg := func(i int) (string, bool) {
		s, ok := e.Args[i].(*spl.StringLit)
		if !ok {
			return "", false
		}
		return s.Value, true
	}
	constant := func(b bool) ir.Expr {
		if b == want {
			return ir.True(at)
		}
		return ir.False(at)
	}
	switch {
	case e.Name == "true" && len(e.Args) == 0:
		return constant(true)
	case e.Name == "false" && len(e.Args) == 0:
		return constant(false)
	case (e.Name == "isnotnull" || e.Name == "isnull") && len(e.Args) == 1:
		v := r.value(in, e.Args[0])
		if v == nil {
			return nil
		}
		var there ir.Expr
		if f, ok := v.(*ir.Field); ok {
			there = &ir.Exists{Span: at, X: f}
		} else if t, ok := r.there(in, v); ok {
			there = t
		} else {
			r.fail(codeNoFunction, e, "Give the value a name with eval first.", "%s of this value is not read", e.Name)
			return nil
		}
		if (e.Name == "isnotnull") == want {
			return there
		}
		return ir.Simplify(&ir.Not{Span: at, X: there})
	case e.Name == "match" && len(e.Args) == 2:
		source, ok := arg(1)
		if !ok {
			r.fail(codeNoFunction, e, "Compare the texts with = or with like.", "match with a regular expression that is computed is not read")
			return nil
		}
		v := r.value(in, e.Args[0])
		if v == nil || !r.portable(e.Args[1], source) {
			return nil
		}
		return r.either(in, &ir.Regexp{Span: at, X: v, Source: source}, want, v)
	case e.Name == "like" && len(e.Args) == 2:
		return r.like(in, e, e.Args[0], e.Args[1], want)
	case e.Name == "in" && len(e.Args) > 1:
		return r.among(in, e, e.Args[0], e.Args[1:], want)
	case e.Name == "cidrmatch" && len(e.Args) == 2:
		text, ok := arg(0)
		p, err := netip.ParsePrefix(text)
		if !ok || err != nil || p != p.Masked() {
			r.fail(codeNoFunction, e, "Write the network as 10.0.0.0/8.", "this network of cidrmatch is not read")
			return nil
		}
		v := r.value(in, e.Args[1])
		if v == nil {
			return nil
		}
		return r.either(in, &ir.InCIDR{Span: at, X: v, Prefix: p}, want, v)
	case e.Name == "searchmatch" && len(e.Args) == 1:
		text, ok := arg(0)
		if ok {
			if s, err := spl.ParseSearchExpr(text); err == nil {
				r.rows = in0(in)
				q := r.searchExpr(s, func(_ diag.Span, name string) *ir.Field { return r.read(in0(in), at, name) })
				if !want {
					q = &ir.Not{Span: at, X: q}
				}
				return q
			}
		}
		r.fail(codeNoFunction, e, "", "the search within searchmatch is not read")
		return nil
	}
	r.fail(codeNoFunction, e, "", "the function %s is not read as a condition", e.Name)
	return nil
}

// value reads a value of eval; nil if it is not understood.
func (r *reading) value(in ir.Query, e spl.Expr) ir.Expr {
	at := e.At()
	switch e := e.(type) {
	case *spl.FieldRef:
		return r.read(in0(in), at, e.Name)
	case *spl.StringLit:
		return &ir.Lit{Span: at, Value: e.Value}
	case *spl.NumberLit:
		if n, ok := parseNumber(e.Text); ok && numberLike(n) {
			return &ir.Lit{Span: at, Value: n}
		}
		r.fail(codeNoFunction, e, "", "the number %s is not read", e.Text)
		return nil
	case *spl.CallExpr:
		switch {
		case e.Name == "null" && len(e.Args) == 0:
			return &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{ir.False(at), &ir.Lit{Span: at, Value: ""}}}
		case e.Name == "true" && len(e.Args) == 0 || e.Name == "false" && len(e.Args) == 0:
			r.fail(codeNoCondition, e, "Use 1 and 0, or texts.", "a truth value cannot be the value of a column in Splunk")
			return nil
		case e.Name == "if" && len(e.Args) == 3:
			if x := unextract(e); x == nil {
				return r.choice(in, at, e.Args[0], e.Args[1], e.Args[2:])
			}
		case e.Name == "case" && len(e.Args) >= 2 && len(e.Args)%2 == 0:
			return r.cases(in, at, e.Args)
		case e.Name == "relative_time" && len(e.Args) == 2:
			if s, ok := e.Args[1].(*spl.StringLit); ok {
				if d, ok := relativeTime(s.Value); ok {
					t := r.value(in, e.Args[0])
					if t == nil {
						return nil
					}
					f := ir.Add
					if d < 0 {
						f, d = ir.Sub, -d
					}
					return &ir.Call{Span: at, Func: f, Args: []ir.Expr{t, seconds(at, d)}}
				}
			}
			r.fail(codeNoTime, e, `Lengths such as "-7d" are read.`, "this relative time is not read")
			return nil
		}
	case *spl.Binary:
		if e.Op == "+" && (isStringLit(e.L) || isStringLit(e.R)) {
			// + of a text joins, as the dot does.
			return r.value(in, &spl.Binary{Span: e.Span, Op: ".", L: e.L, R: e.R})
		}
	}
	for _, f := range scalarFuncs {
		args := f.lift(e)
		if args == nil || !ir.FuncOf(f.ir).Takes(len(args)) || !constantsFit(f.ir, args) {
			continue
		}
		call := &ir.Call{Span: at, Func: f.ir, Args: make([]ir.Expr, len(args))}
		for i, a := range args {
			if call.Args[i] = r.value(in, a); call.Args[i] == nil {
				return nil
			}
		}
		return call
	}
	what := "this expression"
	switch e := e.(type) {
	case *spl.CallExpr:
		what = "the function " + e.Name
	case *spl.Binary:
		what = "the operator " + e.Op
	case *spl.Unary:
		what = "the operator " + e.Op
	}
	r.fail(codeNoFunction, e, "", "%s, or this form of it, is not read as a value", what)
	return nil
}

func isStringLit(e spl.Expr) bool {
	_, ok := e.(*spl.StringLit)
	return ok
}

// numberLike excludes what is no number.
func numberLike(v any) bool {
	x, ok := v.(float64)
	return !ok || x-x == 0
}

// constantsFit reports whether the arguments of a function that have to be
// constants are.
func constantsFit(id ir.FuncID, args []spl.Expr) bool {
	f := ir.FuncOf(id)
	for i, a := range args {
		switch f.Param(i) {
		case ir.TextConst, ir.TextConstOrEmpty, ir.RegexConst:
			s, ok := a.(*spl.StringLit)
			if !ok || s.Value == "" && f.Param(i) != ir.TextConstOrEmpty {
				return false
			}
		case ir.PlaceConst:
			if _, ok := place(a); !ok {
				return false
			}
		case ir.CountConst, ir.SizeConst:
			n, ok := a.(*spl.NumberLit)
			if !ok || strings.HasPrefix(n.Text, "-") {
				return false
			}
			if v, ok := parseNumber(n.Text); !ok || f.Param(i) == ir.CountConst && !isCount(v) || !numberLike(v) {
				return false
			}
		}
	}
	return true
}

// place is a literal whole number, which may be below zero.
func place(e spl.Expr) (int64, bool) {
	n, ok := e.(*spl.NumberLit)
	if !ok {
		return 0, false
	}
	v, ok := parseNumber(n.Text)
	i, whole := v.(int64)
	return i, ok && whole && isCount(max(i, -i))
}

func isCount(v any) bool {
	n, ok := v.(int64)
	return ok && n >= 0 && n <= 1000000
}

func (r *reading) choice(in ir.Query, at diag.Span, p, x spl.Expr, rest []spl.Expr) ir.Expr {
	pred, then := r.where(in, p), r.value(in, x)
	if pred == nil || then == nil {
		return nil
	}
	out := &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{pred, then}}
	if len(rest) == 0 || isCall(rest[0], "null") {
		return out
	}
	y := r.value(in, rest[0])
	if y == nil {
		return nil
	}
	out.Args = append(out.Args, y)
	return out
}

func (r *reading) cases(in ir.Query, at diag.Span, args []spl.Expr) ir.Expr {
	type branch struct{ pred, value ir.Expr }
	var all []branch
	for i := 0; i < len(args); i += 2 {
		p, v := r.where(in, args[i]), r.value(in, args[i+1])
		if p == nil || v == nil {
			return nil
		}
		all = append(all, branch{p, v})
		if ir.IsTrue(p) {
			break
		}
	}
	var out ir.Expr
	for _, b := range slices.Backward(all) {
		switch {
		case out == nil && ir.IsTrue(b.pred) && len(all) > 0:
			out = b.value
		case out == nil:
			out = &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{b.pred, b.value}}
		default:
			out = &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{b.pred, b.value, out}}
		}
	}
	return out
}

// --- what is known of rows ---

// present reports whether every row of q has a value in the column.
func (b *Backend) present(q ir.Query, name string) bool {
	switch q := q.(type) {
	case *ir.Scan:
		if indexField(name) {
			return true
		}
		if q.Physical == nil || q.Physical.View != string(schema.CIM) {
			return name == "_raw"
		}
		info, ok := b.schema.Column(schema.CIM, q.Physical.Table, name)
		return ok && !info.Nullable
	case *ir.Filter:
		return ir.Requires(q.Pred, name) || b.present(q.Input, name)
	case *ir.Extend:
		for _, c := range q.Cols {
			if c.As == name {
				return b.presentValue(q.Input, c.X)
			}
		}
		return b.present(q.Input, name)
	case *ir.Project:
		for _, c := range q.Cols {
			if c.As == name {
				return b.presentValue(q.Input, c.X)
			}
		}
		return false
	case *ir.Aggregate:
		for _, c := range q.By {
			if c.As == name {
				return b.presentValue(q.Input, c.X)
			}
		}
		for _, a := range q.Aggs {
			if a.As != name {
				continue
			}
			switch a.Func {
			case ir.Count, ir.CountIf, ir.DCount:
				return true
			case ir.Stdev:
				return false
			}
			return len(q.By) > 0 && a.X != nil && b.presentValue(q.Input, a.X)
		}
		return false
	case *ir.Join:
		for _, f := range q.On {
			if f.Name == name && q.Kind == ir.Inner {
				return true
			}
		}
		if known(ir.Columns(q.Left), name) || q.Kind == ir.Anti {
			return b.present(q.Left, name)
		}
		return q.Kind == ir.Inner && b.present(q.Right, name)
	case *ir.Union:
		for _, in := range q.Inputs {
			if !b.present(in, name) {
				return false
			}
		}
		return true
	case *ir.Lag:
		return q.As != name && b.present(q.Input, name)
	case *ir.Session:
		return q.As == name || b.present(q.Input, name)
	case *ir.Window:
		return q.As == name || b.present(q.Input, name)
	case *ir.Rank:
		return q.As == name || b.present(q.Input, name)
	case *ir.Distinct:
		return b.present(q.Input, name)
	case *ir.Sort:
		return b.present(q.Input, name)
	case *ir.Limit:
		return b.present(q.Input, name)
	}
	return false
}

func (b *Backend) presentValue(in ir.Query, e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Lit:
		return true
	case *ir.Field:
		return b.present(in, e.Name)
	case *ir.Call:
		switch e.Func {
		case ir.If:
			return len(e.Args) == 3 && b.presentValue(in, e.Args[1]) && b.presentValue(in, e.Args[2])
		case ir.Coalesce:
			return slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return b.presentValue(in, a) })
		case ir.ToNumber, ir.Split, ir.Extract, ir.Item, ir.Prop, ir.At, ir.Place, ir.Div:
			return false
		}
		return !slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return !b.presentValue(in, a) })
	}
	return false
}
