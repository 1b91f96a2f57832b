package defender

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// inline puts what let statements define in the place of its name. A column of
// the rows comes before a definition of the same name.
func (t *textReader) inline(x kql.Expr, in rows, s *scope) kql.Expr {
	return t.inlined(x, in, s, 0)
}

func (t *textReader) inlined(x kql.Expr, in rows, s *scope, depth int) kql.Expr {
	if depth > 200 {
		t.fail(codeTooMuch, x, "Name fewer values inside one another.", "definitions stand inside one another more than 200 deep")
		return x
	}
	again := func(y kql.Expr) kql.Expr { return t.inlined(y, in, s, depth+1) }
	list := func(xs []kql.Expr) []kql.Expr {
		out := make([]kql.Expr, len(xs))
		for i, y := range xs {
			out[i] = again(y)
		}
		return out
	}
	switch x := x.(type) {
	case *kql.Column:
		if _, ok := in.column(x.Name); ok {
			return x
		}
		d := s.find(x.Name)
		if d == nil || d.rows != nil || !t.step(x) {
			return x
		}
		value, inner := d.value, d.scope
		if d.define != nil {
			if d.define.Query != nil || d.define.Function {
				return x
			}
			value = d.define.Value
		}
		if c, ok := value.(*kql.Column); ok && t.isRows(c.Name, inner) {
			return x
		}
		return t.inlined(value, rows{open: true}, inner, depth+1)
	case *kql.Call:
		if d := s.find(x.Name); d != nil && d.define != nil && d.define.Function && t.step(x) {
			inner, ok := t.bind(x, d, list(x.Args), s)
			if !ok || d.define.Query != nil || len(d.define.Lets) > 0 {
				t.fail(codeTextFunction, x, "", "the function %s, which gives a value, is not read", x.Name)
				return x
			}
			return t.inlined(d.define.Value, in, inner, depth+1)
		}
		return &kql.Call{Span: x.Span, Name: x.Name, Args: list(x.Args)}
	case *kql.Logic:
		return kql.NewLogic(x.Span, x.Op, list(x.Args)...)
	case *kql.Binary:
		return &kql.Binary{Span: x.Span, Op: x.Op, L: again(x.L), R: again(x.R)}
	case *kql.In:
		out := &kql.In{Span: x.Span, Op: x.Op, X: again(x.X)}
		for _, v := range x.Values {
			if d := datatableOf(v, s); d != nil {
				out.Values = append(out.Values, firstColumn(d)...)
				continue
			}
			v = again(v)
			if d, ok := v.(*kql.Dynamic); ok {
				out.Values = append(out.Values, d.Items...)
				continue
			}
			out.Values = append(out.Values, v)
		}
		return out
	case *kql.Between:
		return &kql.Between{Span: x.Span, Negated: x.Negated, X: again(x.X), A: again(x.A), B: again(x.B)}
	case *kql.Path:
		return &kql.Path{Span: x.Span, X: again(x.X), Name: x.Name}
	case *kql.Index:
		return &kql.Index{Span: x.Span, X: again(x.X), I: again(x.I)}
	case *kql.Neg:
		return &kql.Neg{Span: x.Span, X: again(x.X)}
	case *kql.Dynamic:
		return &kql.Dynamic{Span: x.Span, Items: list(x.Items)}
	}
	return x
}

// datatableOf is the datatable that a name in the place of a list stands for;
// nil if it stands for anything else.
func datatableOf(x kql.Expr, s *scope) *kql.Datatable {
	c, ok := x.(*kql.Column)
	if !ok {
		return nil
	}
	d := s.find(c.Name)
	if d == nil || d.define == nil || d.define.Function || d.define.Query == nil || len(d.define.Query.Ops) > 0 || len(d.define.Lets) > 0 {
		return nil
	}
	rows, _ := d.define.Query.Source.(*kql.Datatable)
	return rows
}

// firstColumn are the values that a list of rows stands for.
func firstColumn(d *kql.Datatable) []kql.Expr {
	var out []kql.Expr
	for i := 0; i < len(d.Values); i += len(d.Cols) {
		out = append(out, d.Values[i])
	}
	return out
}

func (t *textReader) inlineNamed(cols []kql.NamedExpr, in rows, s *scope) []kql.NamedExpr {
	out := slices.Clone(cols)
	for i := range out {
		out[i].X = t.inline(out[i].X, in, s)
	}
	return out
}

// inlineOp is the operator with definitions in place, if it is one of those that
// windows are made of.
func (t *textReader) inlineOp(op kql.Op, in rows, s *scope) kql.Op {
	switch op := op.(type) {
	case *kql.Extend:
		return &kql.Extend{Span: op.Span, Cols: t.inlineNamed(op.Cols, in, s)}
	case *kql.Where:
		return &kql.Where{Span: op.Span, Pred: t.inline(op.Pred, in, s)}
	}
	return op
}

// cols reads named values; those without a name get the one that Kusto gives.
func (t *textReader) cols(in rows, cols []kql.NamedExpr, s *scope) []*ir.Col {
	var out []*ir.Col
	made := rows{}
	for _, c := range t.inlineNamed(cols, in, s) {
		name := c.Name
		if len(c.Names) > 0 {
			t.fail(codeTextOperator, c, "Name one column.", "several names for one value are not read here")
			name = c.Names[0]
		}
		if name == "" {
			if name = nameOf(c.X); name == "" {
				name = made.numbered("Column")
			} else {
				name = made.free(name)
			}
		}
		x := t.value(in, c.X)
		made.put(name, ir.TypeOf(x))
		out = append(out, &ir.Col{Span: c.Span, As: name, X: x})
	}
	return out
}

// numbered is the first of NAME1, NAME2 ... that no column has.
func (r rows) numbered(name string) string {
	if _, taken := r.column(name + "1"); taken {
		return r.free(name)
	}
	return name + "1"
}

// namedByArgument are the functions whose result has the name of their first
// argument, as Microsoft's language service says.
var namedByArgument = wordsOf("tostring toint tolong todouble toreal tobool todatetime totimespan todynamic parse_json bin floor startofday startofweek startofmonth split format_datetime toguid bin_at round")

// nameOf is the name that a value has of itself; empty if it has none.
func nameOf(x kql.Expr) string {
	switch x := x.(type) {
	case *kql.Column:
		return x.Name
	case *kql.Path:
		if n := nameOf(x.X); n != "" {
			return n + "_" + x.Name
		}
	case *kql.Index:
		n := nameOf(x.X)
		if n == "" {
			return ""
		}
		switch i := x.I.(type) {
		case *kql.String:
			return n + "_" + i.Value
		case *kql.Number:
			return n + "_" + i.Text
		}
	case *kql.Call:
		if namedByArgument[x.Name] && len(x.Args) > 0 {
			return nameOf(x.Args[0])
		}
	}
	return ""
}

func wordsOf(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(text) {
		out[w] = true
	}
	return out
}

// pred reads a condition: a predicate that is true where the condition is, or,
// with want false, where it is false. Where it is null it is neither.
func (t *textReader) pred(in rows, x kql.Expr, want bool) ir.Expr {
	signed := func(e ir.Expr) ir.Expr {
		if want {
			return e
		}
		return &ir.Not{Span: x.At(), X: e}
	}
	switch x := x.(type) {
	case *kql.Bool:
		if x.Value == want {
			return ir.True(x.Span)
		}
		return ir.False(x.Span)
	case *kql.Logic:
		op := ir.And
		if (x.Op == kql.Or) == want {
			op = ir.Or
		}
		args := make([]ir.Expr, len(x.Args))
		for i, a := range x.Args {
			args[i] = t.pred(in, a, want)
		}
		return ir.NewLogic(x.Span, op, args...)
	case *kql.Column:
		f := t.field(in, x)
		return &ir.Compare{Span: x.Span, Op: ir.Eq, L: f, R: &ir.Lit{Span: x.Span, Value: want}, Cased: true}
	case *kql.Between:
		return t.between(in, x, want != x.Negated)
	case *kql.In:
		return t.in(in, x, want)
	case *kql.Binary:
		if e := t.binary(in, x, want); e != nil {
			return e
		}
	case *kql.Call:
		switch {
		case x.Name == "not" && len(x.Args) == 1:
			return t.pred(in, x.Args[0], !want)
		case (x.Name == "isempty" || x.Name == "isnotempty") && len(x.Args) == 1:
			m := &ir.Match{Span: x.Span, X: t.value(in, x.Args[0]), Any: []ir.Pattern{{Span: x.Span}}}
			if (x.Name == "isempty") == want {
				return m
			}
			return &ir.Not{Span: x.Span, X: m}
		case (x.Name == "isnull" || x.Name == "isnotnull") && len(x.Args) == 1:
			f := t.stored(in, x.Args[0])
			if f == nil {
				break
			}
			e := &ir.Exists{Span: x.Span, X: f}
			if (x.Name == "isnotnull") == want {
				return e
			}
			return &ir.Not{Span: x.Span, X: e}
		case x.Name == "coalesce" && len(x.Args) == 2:
			if v, ok := x.Args[1].(*kql.Bool); ok && !v.Value {
				return signed(t.pred(in, x.Args[0], true))
			}
		case strings.HasSuffix(x.Name, "_range") && len(x.Args) >= 2 && want:
			if e := t.cidr(in, x); e != nil {
				return e
			}
		}
	}
	return t.foreignPred(in, x, want)
}

// foreignPred keeps a condition that the IR has no form for in Kusto's words.
func (t *textReader) foreignPred(in rows, x kql.Expr, want bool) ir.Expr {
	if !want {
		x = kql.Not(x.At(), x)
	}
	f := t.foreign(in, x)
	if f.T != ir.Bool && f.T != ir.Unknown {
		t.fail(codeTextCondition, x, "", "a condition has to be true or false; this is a %s", typeWord(f.T))
	}
	f.T = ir.Bool
	return f
}

// cidr reads the test of an address as Lower writes it: for an address that may
// be in IPv6 form. As people write it, it is Kusto's own.
func (t *textReader) cidr(in rows, x *kql.Call) ir.Expr {
	if strings.HasPrefix(x.Name, "ipv4") {
		if c, ok := x.Args[0].(*kql.Call); !ok || c.Name != "replace_string" {
			return nil
		}
	}
	l := &lifter{}
	e := l.cidr(x)
	if len(l.diags) > 0 {
		return nil
	}
	return t.typed(in, e)
}

// typed is an expression with the types of its columns.
func (t *textReader) typed(in rows, e ir.Expr) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		if f, ok := e.(*ir.Field); ok {
			return t.field(in, &kql.Column{Span: f.Span, Name: f.Name})
		}
		return e
	})
}

func (t *textReader) between(in rows, x *kql.Between, want bool) ir.Expr {
	v, a, b := t.value(in, x.X), t.value(in, x.A), t.value(in, x.B)
	if ir.TypeOf(v) == ir.Time && ir.TypeOf(b) == ir.Duration {
		b = &ir.Call{Span: b.At(), Func: ir.Add, Args: []ir.Expr{a, b}}
	}
	compare := func(op ir.CmpOp, to ir.Expr) ir.Expr {
		return &ir.Compare{Span: x.Span, Op: op, L: v, R: to, Cased: true}
	}
	if want {
		return ir.NewLogic(x.Span, ir.And, compare(ir.Ge, a), compare(ir.Le, b))
	}
	return ir.NewLogic(x.Span, ir.Or, compare(ir.Lt, a), compare(ir.Gt, b))
}

var denied = map[ir.CmpOp]ir.CmpOp{ir.Lt: ir.Ge, ir.Le: ir.Gt, ir.Gt: ir.Le, ir.Ge: ir.Lt}

// binary reads a comparison or a string operator; nil if the IR has none like it.
func (t *textReader) binary(in rows, x *kql.Binary, want bool) ir.Expr {
	if op, ok := orderings[x.Op]; ok {
		if !want {
			op = denied[op]
		}
		return &ir.Compare{Span: x.Span, Op: op, L: t.value(in, x.L), R: t.value(in, x.R), Cased: true}
	}
	op, negated := x.Op, false
	switch op {
	case "!=":
		op, negated = "==", true
	case "!~":
		op, negated = "=~", true
	default:
		op, negated = strings.CutPrefix(op, "!")
	}
	if _, star := x.L.(*kql.Star); star {
		return t.keyword(x, op, want != negated)
	}
	e := t.positive(in, x, op)
	if e == nil || want != negated {
		return e
	}
	not := &ir.Not{Span: x.Span, X: e}
	if c, ok := e.(*ir.Compare); ok {
		l, lok := c.L.(*ir.Field)
		r, rok := c.R.(*ir.Field)
		if lok && rok && l.T != ir.String && r.T != ir.String {
			// Null is neither equal to null nor unequal.
			return ir.NewLogic(x.Span, ir.And, not, ir.NewLogic(x.Span, ir.Or, &ir.Exists{Span: x.Span, X: l}, &ir.Exists{Span: x.Span, X: r}))
		}
	}
	return not
}

// keyword reads * has "x": any column has it.
func (t *textReader) keyword(x *kql.Binary, op string, want bool) ir.Expr {
	t.fail(codeTextCondition, x, "Name the columns.", "a condition on all columns at once is not read")
	return ir.False(x.Span)
}

func (t *textReader) positive(in rows, x *kql.Binary, op string) ir.Expr {
	s, constant := constantText(x.R)
	switch op {
	case "==", "=~":
		v := t.value(in, x.L)
		if constant && hasText(v) {
			return &ir.Match{Span: x.Span, X: v, Any: []ir.Pattern{ir.TextPattern(s.Span, s.Value)}, Cased: op == "==" && s.Value != ""}
		}
		if b, ok := x.R.(*kql.Bool); ok {
			return &ir.Compare{Span: x.Span, Op: ir.Eq, L: v, R: &ir.Lit{Span: b.Span, Value: b.Value}, Cased: true}
		}
		return &ir.Compare{Span: x.Span, Op: ir.Eq, L: v, R: t.value(in, x.R), Cased: op == "=="}
	case "matches regex":
		if !constant {
			return nil
		}
		source := goBoundaries(s.Value)
		// An escape of another dialect is left to the target that is to run it.
		if _, err := syntax.Parse(source, syntax.Perl); err != nil && err.(*syntax.Error).Code != syntax.ErrInvalidEscape {
			why, hint := explainRegexp(err)
			t.fail(codeTextCondition, s, hint, "the regular expression %s", why)
		}
		return &ir.Regexp{Span: x.Span, X: t.value(in, x.L), Source: source}
	}
	name, cased := strings.CutSuffix(op, "_cs")
	if !constant {
		l, lok := x.L.(*kql.Column)
		r, rok := x.R.(*kql.Column)
		kind := ir.FieldMatchKind(name)
		if lok && rok && (kind == ir.FieldPrefix || kind == ir.FieldSuffix || kind == ir.FieldContains) {
			return &ir.FieldMatch{Span: x.Span, X: t.field(in, l), Y: t.field(in, r), Kind: kind, Cased: cased}
		}
		return nil
	}
	if s.Value == "" {
		return nil
	}
	many := ir.Part{Wild: ir.Many}
	pattern := func(before, after bool) []ir.Pattern {
		p := ir.Pattern{Span: s.Span}
		if before {
			p.Append(many)
		}
		p.Append(ir.Part{Text: s.Value})
		if after {
			p.Append(many)
		}
		return []ir.Pattern{p}
	}
	v := t.value(in, x.L)
	switch name {
	case "contains":
		return &ir.Match{Span: x.Span, X: v, Any: pattern(true, true), Cased: cased}
	case "startswith":
		return &ir.Match{Span: x.Span, X: v, Any: pattern(false, true), Cased: cased}
	case "endswith":
		return &ir.Match{Span: x.Span, X: v, Any: pattern(true, false), Cased: cased}
	case "has":
		return &ir.Term{Span: x.Span, X: v, Any: pattern(false, false), Cased: cased}
	case "hasprefix":
		return &ir.Term{Span: x.Span, X: v, Any: pattern(false, true), Cased: cased}
	case "hassuffix":
		return &ir.Term{Span: x.Span, X: v, Any: pattern(true, false), Cased: cased}
	}
	return nil
}

// constantText is a literal text, or several put together.
func constantText(x kql.Expr) (*kql.String, bool) {
	c, ok := x.(*kql.Call)
	if !ok || c.Name != "strcat" {
		s, ok := x.(*kql.String)
		return s, ok
	}
	out := &kql.String{Span: c.Span}
	for _, a := range c.Args {
		s, ok := constantText(a)
		if !ok {
			return nil, false
		}
		out.Value += s.Value
	}
	return out, true
}

// hasText reports whether a value is compared as a text.
func hasText(x ir.Expr) bool {
	switch ir.TypeOf(x) {
	case ir.String, ir.Dynamic, ir.Unknown:
		return true
	}
	return false
}

// in reads a list of constants.
func (t *textReader) in(in rows, x *kql.In, want bool) ir.Expr {
	op, negated := strings.CutPrefix(x.Op, "!")
	want = want != negated
	// A list that is rows stands alone in a where.
	for _, v := range x.Values {
		switch v := v.(type) {
		case *kql.SubQuery:
			t.fail(codeTextList, v, "Write it as a join.", "a list that is rows is read only where it is a condition of its own, of in or !in")
			return ir.False(x.Span)
		case *kql.Column:
			if _, ok := in.column(v.Name); !ok {
				t.fail(codeTextName, v, "Define it by let in front of the query, as dynamic([...]), or write the values out.", "%s is neither a column here nor a list of values", v.Name)
				return ir.False(x.Span)
			}
		}
	}
	v := t.value(in, x.X)
	var texts []ir.Pattern
	var args []ir.Expr
	for _, item := range x.Values {
		if s, ok := item.(*kql.String); ok && hasText(v) {
			texts = append(texts, ir.TextPattern(s.Span, s.Value))
			continue
		}
		lit := liftLiteral(item)
		if b, ok := item.(*kql.Bool); ok {
			lit = &ir.Lit{Span: b.Span, Value: b.Value}
		}
		if lit == nil || op != "in" {
			y := *x
			y.Op = op
			return t.foreignPred(in, &y, want)
		}
		args = append(args, &ir.Compare{Span: item.At(), Op: ir.Eq, L: v, R: lit, Cased: true})
	}
	empty := slices.ContainsFunc(texts, func(p ir.Pattern) bool { return len(p.Parts) == 0 })
	join := ir.Or
	switch {
	case len(texts) == 0:
	case op == "in" || op == "in~":
		args = append(args, &ir.Match{Span: x.Span, X: v, Any: texts, Cased: op == "in" && !(len(texts) == 1 && empty)})
	case empty:
		y := *x
		y.Op = op
		return t.foreignPred(in, &y, want)
	case op == "has_any":
		args = append(args, &ir.Term{Span: x.Span, X: v, Any: texts})
	default:
		join = ir.And
		for _, p := range texts {
			args = append(args, &ir.Term{Span: x.Span, X: v, Any: []ir.Pattern{p}})
		}
	}
	if !want {
		if join == ir.And {
			for i, a := range args {
				args[i] = &ir.Not{Span: x.Span, X: a}
			}
			return ir.NewLogic(x.Span, ir.Or, args...)
		}
		return &ir.Not{Span: x.Span, X: ir.NewLogic(x.Span, join, args...)}
	}
	return ir.NewLogic(x.Span, join, args...)
}

// isTwoValued reports whether a condition that was lifted is never null.
func isTwoValued(e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Logic:
		return !slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return !isTwoValued(a) })
	case *ir.Not:
		return isTwoValued(e.X)
	case *ir.Match, *ir.Term, *ir.Regexp, *ir.FieldMatch, *ir.Exists:
		return true
	}
	return false
}

// value reads a value; what the IR has no function for stays in Kusto's words.
func (t *textReader) value(in rows, x kql.Expr) ir.Expr {
	switch x := x.(type) {
	case *kql.Column:
		return t.field(in, x)
	case *kql.String:
		return &ir.Lit{Span: x.Span, Value: x.Value}
	case *kql.Bool:
		return &ir.Lit{Span: x.Span, Value: x.Value}
	case *kql.Number, *kql.Timespan, *kql.Neg, *kql.Typed, *kql.Datetime:
		if e := constant(x); e != nil {
			return e
		}
	case *kql.Path:
		return &ir.Call{Span: x.Span, Func: ir.Prop, Args: []ir.Expr{t.value(in, x.X), &ir.Lit{Span: x.Span, Value: x.Name}}}
	case *kql.Index:
		if s, ok := x.I.(*kql.String); ok && s.Value != "" {
			return &ir.Call{Span: x.Span, Func: ir.Prop, Args: []ir.Expr{t.value(in, x.X), &ir.Lit{Span: s.Span, Value: s.Value}}}
		}
		if n := liftLiteral(x.I); n != nil && ir.TypeOf(n) == ir.Int {
			return &ir.Call{Span: x.Span, Func: ir.At, Args: []ir.Expr{t.value(in, x.X), n}}
		}
	case *kql.Logic, *kql.In, *kql.Between:
		if e := t.condition(in, x); e != nil {
			return e
		}
	case *kql.Binary:
		if e := t.arithmetic(in, x); e != nil {
			return e
		}
		if level := x.Op; !strings.ContainsAny(level, "+-*/%") {
			if e := t.condition(in, x); e != nil {
				return e
			}
		}
	case *kql.Call:
		if e := t.prev(in, x); e != nil {
			return e
		}
		if e := t.call(in, x); e != nil {
			return e
		}
	}
	return t.foreign(in, x)
}

// constant reads a literal that is more than a value of its type; nil if the IR
// has none like it. A null is what no row makes a value of the type.
func constant(x kql.Expr) ir.Expr {
	if lit := liftLiteral(x); lit != nil {
		return lit
	}
	at := x.At()
	lit := func(v any) ir.Expr { return &ir.Lit{Span: at, Value: v} }
	none := func(v ir.Expr) ir.Expr {
		return &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{ir.False(at), v}}
	}
	apply := func(f ir.FuncID, v ir.Expr) ir.Expr { return &ir.Call{Span: at, Func: f, Args: []ir.Expr{v}} }
	switch x := x.(type) {
	case *kql.Datetime:
		if x.Text == "null" {
			return none(&ir.Call{Span: at, Func: ir.Now})
		}
		if isInstant(x.Text) {
			return apply(ir.Instant, lit(x.Text))
		}
	case *kql.Typed:
		null := x.Text == "null"
		n, err := strconv.ParseInt(x.Text, 10, 64)
		switch {
		case x.Type == "int" && null:
			return none(apply(ir.ToInt, lit(int64(0))))
		case x.Type == "int" && err == nil && n == int64(int32(n)):
			return apply(ir.ToInt, lit(n))
		case x.Type == "long" && null:
			return none(lit(int64(0)))
		case x.Type == "real" && null:
			return none(lit(0.0))
		case x.Type == "bool" && null:
			return none(lit(false))
		case x.Type == "dynamic" && null:
			return none(apply(ir.Json, lit("null")))
		}
	}
	return nil
}

// isInstant reports whether a text spells an instant in the form of ISO 8601
// that ir.Instant has.
func isInstant(text string) bool {
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339Nano} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// maxWithin is how many conditions that may be null stand inside one another as
// values: each is read twice.
const maxWithin = 4

// condition reads a condition as a value; nil if it is not understood. One that
// may be null is true where it holds and false where its contrary does.
func (t *textReader) condition(in rows, x kql.Expr) ir.Expr {
	t.within++
	defer func() { t.within-- }()
	mark := len(t.diags)
	e := t.pred(in, x, true)
	switch {
	case isTwoValued(e):
		return e
	case t.within <= maxWithin && !hasForeign(e):
		// What is to be said of the columns has been said.
		contrary := (&textReader{backend: t.backend, within: t.within, places: t.places}).pred(in, x, false)
		return &ir.Call{Span: x.At(), Func: ir.If, Args: []ir.Expr{e, &ir.Lit{Span: x.At(), Value: true},
			&ir.Call{Span: x.At(), Func: ir.If, Args: []ir.Expr{contrary, &ir.Lit{Span: x.At(), Value: false}}}}}
	}
	t.diags = t.diags[:mark]
	return nil
}

func hasForeign(e ir.Expr) bool {
	found := false
	ir.WalkExpr(e, func(e ir.Expr) bool {
		_, is := e.(*ir.Foreign)
		found = found || is
		return !found
	})
	return found
}

func (t *textReader) arithmetic(in rows, x *kql.Binary) ir.Expr {
	var f ir.FuncID
	switch x.Op {
	case "+":
		f = ir.Add
	case "-":
		f = ir.Sub
	case "*":
		f = ir.Mul
	case "/":
		f = ir.Div
	default:
		return nil
	}
	l, r := t.value(in, x.L), t.value(in, x.R)
	lt, rt := ir.TypeOf(l), ir.TypeOf(r)
	if f == ir.Div && lt == ir.Int && rt == ir.Int {
		return nil // which Kusto rounds
	}
	number := func(t ir.Type) bool { return t.Numeric() || t == ir.Time || t == ir.Duration }
	if !number(lt) || !number(rt) {
		return nil
	}
	return &ir.Call{Span: x.Span, Func: f, Args: []ir.Expr{l, r}}
}

// call reads a function that the IR has; nil if it has not.
func (t *textReader) call(in rows, x *kql.Call) ir.Expr {
	switch {
	case (x.Name == "iff" || x.Name == "iif") && len(x.Args) == 3, x.Name == conditional && len(x.Args) >= 3 && len(x.Args)%2 == 1:
		return t.choice(in, x, x.Args)
	case x.Name == "ago" && len(x.Args) == 1:
		if d := liftLiteral(x.Args[0]); d != nil && ir.TypeOf(d) == ir.Duration {
			return &ir.Call{Span: x.Span, Func: ir.Sub, Args: []ir.Expr{&ir.Call{Span: x.Span, Func: ir.Now}, d}}
		}
		return nil
	case x.Name == "not", x.Name == "isempty", x.Name == "isnotempty", x.Name == "isnull", x.Name == "isnotnull":
		return t.condition(in, x)
	}
	for _, s := range scalars {
		args, ok := s.match(x)
		if !ok || !s.takes(args) {
			continue
		}
		f := ir.FuncOf(s.id)
		c := &ir.Call{Span: x.Span, Func: s.id}
		low := &lowerer{backend: t.backend}
		words := slices.Clone(args)
		for i, a := range args {
			if f.Param(i) == ir.RegexConst {
				src := a.(*kql.String)
				c.Args = append(c.Args, &ir.Lit{Span: src.Span, Value: goBoundaries(src.Value)})
				continue
			}
			v := t.value(in, a)
			c.Args = append(c.Args, v)
			words[i] = low.expr(v, true)
		}
		// It has to be what Lower writes of it.
		if kql.PrintExpr(low.expr(c, true)) != kql.PrintExpr(s.fill(x.Span, words)) {
			return nil
		}
		return c
	}
	return nil
}

// choice reads case(P, X, Q, Y, ..., Z); nil if the type of a missing value in
// it cannot be told.
func (t *textReader) choice(in rows, x *kql.Call, args []kql.Expr) ir.Expr {
	p, v := t.pred(in, args[0], true), t.value(in, args[1])
	c := &ir.Call{Span: x.Span, Func: ir.If, Args: []ir.Expr{p, v}}
	rest := args[2:]
	if len(rest) > 1 {
		next := t.choice(in, x, rest)
		if next == nil {
			return nil
		}
		c.Args = append(c.Args, next)
		return c
	}
	if isMissing(rest[0]) && kql.PrintExpr(rest[0]) == kql.PrintExpr(nullOf(x.Span, ir.TypeOf(v))) {
		return c
	}
	if isMissing(rest[0]) {
		if s, ok := rest[0].(*kql.String); ok && (s.Value != "" || ir.TypeOf(v) != ir.String) || !ok && constant(rest[0]) == nil {
			return nil
		}
	}
	c.Args = append(c.Args, t.value(in, rest[0]))
	return c
}

// foreign keeps a value in Kusto's words: its columns are looked up, and its
// functions have to be Kusto's.
func (t *textReader) foreign(in rows, x kql.Expr) *ir.Foreign {
	f := &ir.Foreign{Span: x.At(), T: t.typeOf(in, x)}
	kql.Walk(x, func(n diag.Node) bool {
		switch n := n.(type) {
		case *kql.Column:
			t.field(in, n)
			if !slices.Contains(f.Needs, n.Name) {
				f.Needs = append(f.Needs, n.Name)
			}
		case *kql.Call:
			if _, ok := kustoFunctions[n.Name]; !ok {
				t.fail(codeTextFunction, n, "Check how it is spelled; functions are written in lower case.", "the function %s is not known", n.Name)
			}
		case *kql.SubQuery:
			t.fail(codeTextList, n, "Write it as a join.", "a query in the place of a value is not read")
			return false
		case *kql.Star:
			t.fail(codeTextCondition, n, "Name the columns.", "* in the place of a value is not read")
		}
		return true
	})
	f.Text = kql.PrintExpr(x)
	return f
}

// typeOf is the type of a value in Kusto's words.
func (t *textReader) typeOf(in rows, x kql.Expr) ir.Type {
	switch x := x.(type) {
	case *kql.Column:
		typ, _ := in.column(x.Name)
		return typ
	case *kql.String:
		return ir.String
	case *kql.Bool, *kql.Logic, *kql.In, *kql.Between:
		return ir.Bool
	case *kql.Datetime:
		return ir.Time
	case *kql.Timespan:
		return ir.Duration
	case *kql.Number:
		if lit := liftLiteral(x); lit != nil {
			return ir.TypeOf(lit)
		}
	case *kql.Typed:
		return kustoType(x.Type)
	case *kql.Dynamic, *kql.Path, *kql.Index:
		return ir.Dynamic
	case *kql.Neg:
		return t.typeOf(in, x.X)
	case *kql.Binary:
		if !strings.ContainsAny(x.Op, "+-*/%") {
			return ir.Bool
		}
		l, r := t.typeOf(in, x.L), t.typeOf(in, x.R)
		switch {
		case x.Op == "-" && l == ir.Time && r == ir.Time:
			return ir.Duration
		case x.Op == "/" && l == ir.Duration && r == ir.Duration:
			return ir.Float
		case l == ir.Time || r == ir.Time:
			return ir.Time
		case l == ir.Duration || r == ir.Duration:
			return ir.Duration
		case l == ir.Float || r == ir.Float:
			return ir.Float
		}
		return l
	case *kql.Call:
		switch x.Name {
		case "iff", "iif", "case":
			if len(x.Args) > 1 {
				return t.typeOf(in, x.Args[1])
			}
		}
		typ := kustoFunctions[x.Name]
		if typ == sameType && len(x.Args) > 0 {
			return t.typeOf(in, x.Args[0])
		}
		if typ != sameType {
			return typ
		}
	}
	return ir.Unknown
}

// sameType is in the place of a result's type that is that of the argument.
const sameType ir.Type = "same"

// kustoFunctions are the scalar functions of learn.microsoft.com/kusto/query
// with the type of their results.
var kustoFunctions = func() map[string]ir.Type {
	out := map[string]ir.Type{}
	for _, row := range []struct {
		t     ir.Type
		names string
	}{
		{ir.Bool, `not isempty isnotempty isnull isnotnull isnan isinf isfinite isascii isutf8 ipv4_is_private ipv4_is_in_range ipv4_is_in_any_range
			ipv4_is_match ipv6_is_in_range ipv6_is_in_any_range ipv6_is_match has_ipv4 has_any_ipv4 has_ipv4_prefix has_any_ipv4_prefix tobool toboolean
			set_has_element bag_has_key`},
		{ir.Int, `toint tolong strlen string_size countof indexof indexof_regex datetime_diff datetime_part dayofmonth dayofyear hourofday getyear getmonth
			monthofyear weekofyear week_of_year array_length array_index_of ipv4_compare ipv6_compare parse_ipv4 parse_ipv4_mask row_number unixtime_seconds_of
			hash sign bitset_count_ones binary_and binary_or binary_xor binary_not binary_shift_left binary_shift_right ceiling_int`},
		{ir.Float, `todouble toreal todecimal round exp exp2 exp10 log log2 log10 pow sqrt sin cos tan asin acos atan atan2 pi rand ceiling
			jaccard_index geo_distance_2points radians degrees`},
		{ir.String, `tostring tolower toupper strcat strcat_delim strcat_array strrep reverse replace replace_string replace_regex replace_strings substring
			trim trim_start trim_end extract url_encode url_decode url_encode_component base64_encode_tostring base64_decode_tostring hash_sha256 hash_sha1
			hash_md5 format_datetime format_timespan format_bytes format_ipv4 format_ipv4_mask parse_path_of gettype tohex toguid new_guid make_string
			translate punycode_to_string punycode_domain_to_string unicode_codepoints_to_string dynamic_to_json extract_json current_cluster_endpoint
			base64_decode_to_string`},
		{ir.Time, `ago now todatetime startofday startofhour startofweek startofmonth startofyear endofday endofweek endofmonth endofyear datetime_add
			make_datetime unixtime_seconds_todatetime unixtime_milliseconds_todatetime unixtime_microseconds_todatetime
			unixtime_nanoseconds_todatetime ingestion_time datetime_utc_to_local datetime_local_to_utc bin_at row_window_session`},
		{ir.Duration, `totimespan make_timespan dayofweek`},
		{ir.Dynamic, `todynamic parse_json split extract_all parse_url parse_urlquery parse_path parse_xml parse_csv parse_user_agent parse_command_line
			parse_version pack pack_array bag_pack pack_all bag_keys bag_merge bag_remove_keys array_concat array_slice array_split array_sort_asc array_sort_desc
			array_reverse array_iff array_rotate_left array_sum set_union set_intersect set_difference treepath zip repeat range base64_decode_toarray
			geo_info_from_ip_address regex_quote dynamic`},
		{sameType, `bin floor abs coalesce prev next max_of min_of row_cumsum column_ifexists iff iif case materialize toscalar`},
	} {
		for _, name := range strings.Fields(row.names) {
			out[name] = row.t
		}
	}
	return out
}()
