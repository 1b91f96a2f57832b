package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Check holds the pipeline of a hunt against the types of its columns: those
// that the datasets declare for their fields, and those of the expressions that
// make the others. What it says is about the document and names no target, so
// that every target says the same. A column of which the type is not known may
// stand anywhere.
//
// The detections are left out: there a value means what the field holds, which
// each view knows best. So are rules, which have nothing else that an author
// wrote, and what a correlation is made into.
func (s *Schema) Check(h *ir.Hunt) diag.List {
	if h.Query == nil || h.Kind == ir.KindRule {
		return nil
	}
	c := checker{schema: s}
	c.query(h.Query, nil)
	if k := h.Correlation; k != nil {
		c.diags = slices.DeleteFunc(c.diags, func(d diag.Diagnostic) bool {
			return d.Pos.Filename == k.Pos.Filename && d.Pos.Offset >= k.Pos.Offset && d.Pos.Offset < k.EndPos.Offset
		})
	}
	return distinctDiagnostics(c.diags)
}

type checker struct {
	schema *Schema
	diags  diag.List
}

// columns are the logical columns at one point of a query.
type columns struct {
	own   []typedColumn // of one name the last counts
	below *columns      // nil where the operator names all its columns
	// scan and pred tell which datasets the fields of events belong to; scan is
	// nil above an operator.
	schema *Schema
	scan   *ir.Scan
	pred   []ir.Expr
	found  []*Dataset
}

type typedColumn struct {
	diag.Span
	name string
	t    ir.Type
}

// typeOf is the type of a column; Unknown where nothing declares it.
func (c *columns) typeOf(name string) ir.Type {
	for ; c != nil; c = c.below {
		if t := c.find(name); t != nil {
			return t.t
		}
		if c.scan != nil {
			return c.declared(name)
		}
	}
	return ir.Unknown
}

func (c *columns) find(name string) *typedColumn {
	for i := len(c.own) - 1; i >= 0; i-- {
		if c.own[i].name == name {
			return &c.own[i]
		}
	}
	return nil
}

// all are the columns that a query made, those that it still has from below
// too.
func (c *columns) all() []typedColumn {
	if c.below == nil {
		return c.own
	}
	out := slices.Clone(c.own)
	for _, col := range c.below.all() {
		if c.find(col.name) == nil {
			out = append(out, col)
		}
	}
	return out
}

func (c *columns) add(at diag.Node, name string, t ir.Type) {
	c.own = append(c.own, typedColumn{at.At(), name, t})
}

// declared is the type of a field of events where all datasets that the
// logsource may mean agree on it.
func (c *columns) declared(name string) ir.Type {
	if name == ir.Timestamp {
		return ir.Time
	}
	if c.found == nil {
		c.found = c.schema.candidates(c.scan.Source, ir.NewLogic(c.scan.Span, ir.And, c.pred...))
	}
	t, known := ir.Unknown, false
	for _, d := range c.found {
		f, ok := d.Fields[name]
		if !ok {
			continue
		}
		u := c.schema.logicalType(d, name, f)
		if known && u != t {
			return ir.Unknown
		}
		t, known = u, true
	}
	return t
}

// logicalType is the declared type of a field. A field without one is a text,
// unless a view stores it as something else.
func (s *Schema) logicalType(d *Dataset, name string, f Field) ir.Type {
	if f.Type != "" {
		return ir.Type(f.Type)
	}
	for _, v := range []View{CIM, XDR} {
		m := d.Mapping(v)
		if m == nil || m.Columns[name] == nil {
			continue
		}
		c := m.Columns[name]
		typ := c.Type
		if c.Kind != "computed" {
			info, _ := s.Column(v, m.Table, c.Name)
			typ = info.Type
		}
		if irType(typ) != ir.String {
			return ir.Unknown
		}
	}
	return ir.String
}

// query checks q and returns its columns. preds are the predicates of the
// Filters above it.
func (c *checker) query(q ir.Query, preds []ir.Expr) *columns {
	switch q := q.(type) {
	case *ir.Scan:
		return &columns{schema: c.schema, scan: q, pred: preds}
	case *ir.Table:
		out := &columns{}
		for _, name := range q.Cols {
			out.add(q, name, ir.String)
		}
		return out
	case *ir.Filter:
		in := c.query(q.Input, append(slices.Clip(preds), q.Pred))
		if _, detection := q.Input.(*ir.Scan); !detection {
			c.pred(in, q.Pred)
		}
		return in
	case *ir.Extend:
		in := c.query(q.Input, nil)
		return c.cols(in, &columns{below: in}, q.Cols)
	case *ir.Aggregate:
		in := c.query(q.Input, nil)
		out := c.cols(in, &columns{}, q.By)
		for _, a := range q.Aggs {
			out.add(a, a.As, c.agg(in, a))
		}
		return out
	case *ir.Window:
		in := c.query(q.Input, nil)
		out := &columns{below: in}
		out.add(q, q.As, apart(c.along(in, q.Of, "gaps are taken")))
		return out
	case *ir.Session:
		in := c.query(q.Input, nil)
		out := &columns{below: in}
		out.add(q, q.As, c.along(in, q.Of, "sessions are cut"))
		return out
	case *ir.Lag:
		in := c.query(q.Input, nil)
		c.along(in, q.Of, previous)
		out := &columns{below: in}
		out.add(q, q.As, in.typeOf(q.X.Name))
		return out
	case *ir.Rank:
		out := &columns{below: c.query(q.Input, nil)}
		out.add(q, q.As, ir.Int)
		return out
	case *ir.Project:
		in := c.query(q.Input, nil)
		return c.cols(in, &columns{}, q.Cols)
	case *ir.Distinct:
		in := c.query(q.Input, nil)
		if q.Whole {
			return in
		}
		out := &columns{}
		for _, f := range q.By {
			out.add(f, f.Name, in.typeOf(f.Name))
		}
		return out
	case *ir.Sort:
		return c.query(q.Input, nil)
	case *ir.Limit:
		return c.query(q.Input, nil)
	case *ir.Union:
		return c.union(q)
	case *ir.Join:
		return c.join(q)
	}
	panic(fmt.Sprintf("schema: unhandled query %T", q))
}

// cols checks columns over those of in and adds them to out.
func (c *checker) cols(in, out *columns, cols []*ir.Col) *columns {
	for _, col := range cols {
		out.add(col, col.As, c.expr(in, col.X))
	}
	return out
}

// apart is the type of the difference of two values.
func apart(t ir.Type) ir.Type {
	if t.Numeric() {
		return t
	}
	return ir.Duration
}

const previous = "the row before is found"

// along checks the column in the order of which rows are looked at.
func (c *checker) along(in *columns, of *ir.Field, what string) ir.Type {
	t := in.typeOf(of.Name)
	switch k := kindOf(t); {
	case k == anyKind || k == timeKind || k == numberKind:
		return t
	case k == lengthKind && what == previous:
		return t
	}
	c.diags.Errorf(codeTypes, of, "Take Timestamp, the time of the event.",
		"%s along a time or a number, and %s is %s", what, of.Name, wordFor(t))
	return ir.Unknown
}

// union checks that a column of several inputs is of one type; beside texts, a
// number is the text that spells it. Fields that no input names are those of
// different datasets, which are not compared.
func (c *checker) union(q *ir.Union) *columns {
	out := &columns{}
	for _, u := range q.Inputs {
		in := c.query(u, nil)
		for _, col := range in.all() {
			first := out.find(col.name)
			switch {
			case first == nil:
				out.own = append(out.own, col)
			case spelt(first.t) && spelt(col.t) && differ(first.t, col.t):
				first.t = ir.String
			case differ(first.t, col.t):
				c.diags.Errorf(codeTwoTypes, col, "Convert one of the two: "+conversion(col.name, first.t, col.t),
					"%s is %s in one input of the union and %s in another", col.name, wordFor(first.t), wordFor(col.t))
			case first.t == ir.Unknown:
				first.t = col.t
			}
		}
	}
	return out
}

// join checks the keys.
func (c *checker) join(q *ir.Join) *columns {
	left, right := c.query(q.Left, nil), c.query(q.Right, nil)
	_, lookup := q.Right.(*ir.Table)
	for _, key := range q.On {
		l, r := left.typeOf(key.Name), right.typeOf(key.Name)
		if !differ(l, r) {
			continue
		}
		side := "on the right of the join"
		if lookup {
			side = "in the lookup"
		}
		hint := "Convert one of the two before the join: " + conversion(key.Name, l, r)
		if kindOf(r) == textKind {
			hint = "Write before the join: " + conversion(key.Name, l, r)
		}
		c.diags.Errorf(codeTwoTypes, key, hint, "%s is %s on the left and %s %s", key.Name, wordFor(l), wordFor(r), side)
	}
	if q.Kind == ir.Anti {
		return left
	}
	// What both sides have is the left side's.
	out := &columns{below: left}
	for _, col := range right.all() {
		if left.find(col.name) == nil && left.typeOf(col.name) == ir.Unknown {
			out.own = append(out.own, col)
		}
	}
	return out
}

// conversion is the stage that makes a column of two types one of texts.
func conversion(name string, types ...ir.Type) string {
	if slices.ContainsFunc(types, func(t ir.Type) bool { k := kindOf(t); return k == timeKind || k == lengthKind || k == listKind }) {
		return "give it another name, or the same type."
	}
	return fmt.Sprintf("extend %s = tostring(%s).", name, name)
}

// agg checks an aggregate and returns the type of its result.
func (c *checker) agg(in *columns, a *ir.Agg) ir.Type {
	if a.X == nil {
		return a.Type()
	}
	if a.Func == ir.CountIf {
		c.pred(in, a.X)
		return ir.Int
	}
	t := c.expr(in, a.X)
	switch a.Func {
	case ir.Sum, ir.Avg, ir.Stdev, ir.Percentile:
		if k := kindOf(t); k != anyKind && k != numberKind && k != lengthKind && !(k == timeKind && a.Func == ir.Percentile) {
			c.diags.Errorf(codeTypes, a.X, asNumber(a.X, t), "%q takes a number or a length of time, and %s is %s", a.Func, subject(a.X), wordFor(t))
			return ir.Float
		}
	case ir.ArgMin, ir.ArgMax:
		u := in.typeOf(a.Of.Name)
		if k := kindOf(u); k == textKind || k == truthKind || k == listKind {
			c.diags.Errorf(codeTypes, a.Of, asNumber(a.Of, u), "%q looks for the row with the smallest or largest %s, which is %s and has no order", a.Func, a.Of.Name, wordFor(u))
		}
	}
	b := *a
	b.X = standIn(a.X, t)
	return b.Type()
}

// standIn is an expression of a type at the place of another.
func standIn(at diag.Node, t ir.Type) ir.Expr { return &ir.Field{Span: at.At(), T: t} }

// expr checks an expression and returns its type: Unknown after an error, so
// that nothing is said of what it is a part of.
func (c *checker) expr(in *columns, e ir.Expr) ir.Type {
	switch e := e.(type) {
	case *ir.Field:
		return in.typeOf(e.Name)
	case *ir.Lit, *ir.Foreign:
		return ir.TypeOf(e)
	case *ir.Call:
		return c.call(in, e)
	}
	c.pred(in, e)
	return ir.Bool
}

// call checks the arguments of a function.
func (c *checker) call(in *columns, e *ir.Call) ir.Type {
	f := ir.FuncOf(e.Func)
	typed := *e
	typed.Args = make([]ir.Expr, len(e.Args))
	good := true
	for i, a := range e.Args {
		if i < len(f.Params) && f.Params[i] == ir.Predicate {
			c.pred(in, a)
			typed.Args[i] = standIn(a, ir.Bool)
			continue
		}
		t := c.expr(in, a)
		typed.Args[i] = standIn(a, t)
		if len(f.Params) > 0 && !c.takes(e, f.Param(i), a, t) {
			good = false
		}
	}
	if !good || !c.fit(e, typed.Args) {
		return ir.Unknown
	}
	return ir.TypeOf(&typed)
}

// takes reports whether a value of a type may stand for a parameter.
func (c *checker) takes(e *ir.Call, p ir.Param, a ir.Expr, t ir.Type) bool {
	want, hint := "", ""
	k := kindOf(t)
	if k == anyKind {
		return true
	}
	switch p {
	case ir.TextValue:
		if k != textKind && k != numberKind && k != listKind {
			want, hint = "a text", textOf(a, t)
		}
	case ir.NumberValue:
		if k != numberKind && k != lengthKind {
			want, hint = "a number or a length of time", asNumber(a, t)
		} else if k == lengthKind && (e.Func == ir.Floor || e.Func == ir.Ceiling) {
			want, hint = "a number", asNumber(a, t)
		}
	case ir.OrdinalValue:
		if k != numberKind && k != lengthKind && k != timeKind {
			want, hint = "a number, a length of time or a time", asNumber(a, t)
		}
	case ir.TimeValue:
		if k != timeKind {
			want, hint = "a time", "Take Timestamp, the time of the event, or a time made of it."
		}
	case ir.AnyValue:
		switch {
		case (e.Func == ir.ToString || e.Func == ir.Concat) && (k == timeKind || k == lengthKind):
			// Each target has another text for it.
			want, hint = "a text or a number", textOf(a, t)
		case e.Func == ir.ToNumber && k != textKind && k != numberKind && k != listKind:
			want, hint = "a text or a number", asNumber(a, t)
		}
	}
	if want == "" {
		return true
	}
	c.diags.Errorf(codeTypes, a, hint, "%q takes %s, and %s is %s", e.Func, want, subject(a), wordFor(t))
	return false
}

// fit checks that the arguments of a function go together.
func (c *checker) fit(e *ir.Call, args []ir.Expr) bool {
	t := func(i int) ir.Type { return ir.TypeOf(args[i]) }
	k := func(i int) kind { return kindOf(t(i)) }
	apart := func(hint, format string, a ...any) bool {
		c.diags.Errorf(codeTypes, e, hint, format, a...)
		return false
	}
	switch e.Func {
	case ir.Add, ir.Sub:
		l, r := k(0), k(1)
		switch {
		case l == anyKind || r == anyKind:
		case l == r && (l != timeKind || e.Func == ir.Sub):
		case l == timeKind && r == lengthKind, e.Func == ir.Add && l == lengthKind && r == timeKind:
		case l == numberKind || r == numberKind:
			number := e.Args[0]
			if r == numberKind {
				number = e.Args[1]
			}
			return apart(asLength(number), "%q does not take %s and %s", e.Func, wordFor(t(0)), wordFor(t(1)))
		default:
			return apart("Subtract a time from a time, or add a length of time to it.", "%q does not take %s and %s", e.Func, wordFor(t(0)), wordFor(t(1)))
		}
	case ir.Mul:
		if k(0) == lengthKind && k(1) == lengthKind {
			return apart("Multiply a length of time by a number.", "the product of two lengths of time is none")
		}
	case ir.Div:
		if k(1) == lengthKind && k(0) == numberKind {
			return apart("Divide a length of time by another: 1h / delta.", "a number cannot be divided by a length of time")
		}
	case ir.Bin:
		v, size := k(0), k(1)
		if v == anyKind || size == anyKind {
			break
		}
		if wanted := map[kind]kind{numberKind: numberKind, lengthKind: lengthKind, timeKind: lengthKind}[v]; size != wanted {
			hint := "Write a number for the size."
			if wanted == lengthKind {
				hint = asLength(e.Args[1])
			}
			return apart(hint, "%q of %s takes %s for its size, not %s", e.Func, wordFor(t(0)), wanted, wordFor(t(1)))
		}
	case ir.If, ir.Coalesce:
		first := 0
		if e.Func == ir.If {
			first = 1
		}
		for i := first + 1; i < len(args); i++ {
			if !differ(t(first), t(i)) {
				if t(first) == ir.Unknown {
					first = i
				}
				continue
			}
			hint := "Give all of them one type."
			if k(first) != timeKind && k(i) != timeKind && k(first) != lengthKind && k(i) != lengthKind {
				hint = "Give all of them one type, with tostring(…) or tonumber(…)."
			}
			c.diags.Errorf(codeTwoTypes, e.Args[i], hint, "%q yields either %s or %s here: %s is %s", e.Func, wordFor(t(first)), wordFor(t(i)), subject(e.Args[i]), wordFor(t(i)))
			return false
		}
	}
	return true
}

// pred checks a predicate.
func (c *checker) pred(in *columns, e ir.Expr) {
	switch e := e.(type) {
	case *ir.Logic:
		for _, a := range e.Args {
			c.pred(in, a)
		}
	case *ir.Not:
		c.pred(in, e.X)
	case *ir.Compare:
		c.compare(in, e)
	case *ir.Match:
		c.match(e, e.X, c.expr(in, e.X), e.Any)
	case *ir.Term:
		c.text(e, e.X, c.expr(in, e.X))
	case *ir.Regexp:
		c.text(e, e.X, c.expr(in, e.X))
	case *ir.InCIDR:
		if t := c.expr(in, e.X); kindOf(t) != anyKind && kindOf(t) != textKind && kindOf(t) != listKind {
			c.diags.Errorf(codeTypes, e, "Compare a column that holds an address.", "%s is %s, not an address", subject(e.X), wordFor(t))
		}
	case *ir.FieldMatch:
		c.text(e, e.X, in.typeOf(e.X.Name))
		c.text(e, e.Y, in.typeOf(e.Y.Name))
	case *ir.Keyword, *ir.Exists, *ir.Macro:
	case *ir.Field, *ir.Lit, *ir.Call, *ir.Foreign:
		if t := c.expr(in, e); t != ir.Bool && t != ir.Unknown {
			c.diags.Errorf(codeTypes, e, "Compare it with something.", "a condition is wanted here, and %s is %s", subject(e), wordFor(t))
		}
	default:
		panic(fmt.Sprintf("schema: unhandled expression %T", e))
	}
}

// text checks that a value has a text that can be looked into.
func (c *checker) text(at diag.Node, x ir.Expr, t ir.Type) bool {
	switch kindOf(t) {
	case timeKind, lengthKind, truthKind:
		c.diags.Errorf(codeTypes, at, comparedWith(t), "%s is %s, not a text that could be matched", subject(x), wordFor(t))
		return false
	}
	return true
}

// match checks a comparison with constant texts.
func (c *checker) match(at diag.Node, x ir.Expr, t ir.Type, patterns []ir.Pattern) {
	spells := func(p ir.Pattern) bool { return true }
	switch kindOf(t) {
	case numberKind:
		spells = func(p ir.Pattern) bool {
			if s, ok := p.Literal(); ok {
				return number(p.Span, s) != nil
			}
			return onlyOf(p, "0123456789.-+eE")
		}
	case truthKind:
		spells = func(p ir.Pattern) bool {
			s, ok := p.Literal()
			_, err := strconv.ParseBool(s)
			return ok && err == nil
		}
	case timeKind, lengthKind:
		c.text(at, x, t)
		return
	}
	for _, p := range patterns {
		if !spells(p) {
			where := diag.Node(p.Span)
			if !p.Pos.IsValid() {
				where = at
			}
			c.diags.Errorf(codeNever, where, comparedWith(t), "%s is %s, which %q does not spell: they are never equal", subject(x), wordFor(t), p.String())
		}
	}
}

// comparedWith says what values of a type can be compared with.
func comparedWith(t ir.Type) string {
	switch kindOf(t) {
	case timeKind:
		return "Compare it with a time, such as now() - 1d, or take a part of it, such as hour(…)."
	case lengthKind:
		return "Compare it with a length of time, such as 5m."
	case truthKind:
		return "Compare it with true or false."
	}
	return "Compare it with a number."
}

// compare checks the two sides of a comparison.
func (c *checker) compare(in *columns, e *ir.Compare) {
	l, r := c.expr(in, e.L), c.expr(in, e.R)
	lk, rk := kindOf(l), kindOf(r)
	if lk == anyKind || rk == anyKind {
		return
	}
	equality := e.Op == ir.Eq || e.Op == ir.Ne
	x, lit := e.L, e.R
	if _, ok := x.(*ir.Lit); ok {
		x, lit = e.R, e.L
		l, r, lk, rk = r, l, rk, lk
	}
	literal, isLit := lit.(*ir.Lit)
	fail := func(hint string) {
		c.diags.Errorf(codeTypes, e, hint, "%s is %s and %s is %s: they cannot be compared with %q", subject(x), wordFor(l), subject(lit), wordFor(r), e.Op)
	}
	switch {
	case equality && (lk == listKind || rk == listKind):
	case lk == rk && (equality || lk == numberKind || lk == timeKind || lk == lengthKind):
	case lk == rk && lk == textKind:
		c.diags.Errorf(codeTypes, e, "Compare texts with = or !=, and numbers that texts spell with tonumber(…).", "%s and %s are texts, which have no order", subject(x), subject(lit))
	case lk == rk && lk == truthKind:
		c.diags.Errorf(codeTypes, e, "Compare with = or !=.", "true and false have no order")
	case lk == timeKind || rk == timeKind:
		fail("Compare a time with a time, such as now() - 1d, or a part of it, such as hour(Timestamp), with a number.")
	case lk == lengthKind && rk == numberKind:
		fail(asLength(lit))
	case lk == numberKind && rk == lengthKind:
		fail(asLength(x))
	case lk == lengthKind || rk == lengthKind:
		fail("Compare a length of time with another, such as 5m.")
	case equality && isLit && lk == numberKind && rk == textKind, equality && isLit && lk == truthKind && rk == textKind:
		c.match(e, x, l, []ir.Pattern{ir.TextPattern(literal.Span, literalText(literal))})
	case equality && (lk == textKind || rk == textKind):
		// A text and what it spells.
	case lk == textKind && rk == numberKind:
		fail(asNumber(x, l))
	case lk == numberKind && rk == textKind:
		fail(asNumber(lit, r))
	case lk == listKind || rk == listKind:
		fail("Take one value of the list, with min, max or last in place of values.")
	default:
		fail("Compare values of one type.")
	}
}

// kind is a class of types whose values can be compared with each other.
type kind string

const (
	anyKind    kind = "" // of a type that is not known
	textKind   kind = "a text"
	numberKind kind = "a number"
	truthKind  kind = "true or false"
	timeKind   kind = "a time"
	lengthKind kind = "a length of time"
	listKind   kind = "a list of values"
)

func kindOf(t ir.Type) kind {
	switch t {
	case ir.String, ir.IP:
		return textKind
	case ir.Int, ir.Float:
		return numberKind
	case ir.Bool:
		return truthKind
	case ir.Time:
		return timeKind
	case ir.Duration:
		return lengthKind
	case ir.Dynamic:
		return listKind
	}
	return anyKind
}

// differ reports whether values of two types cannot stand in one column.
func differ(a, b ir.Type) bool {
	return a != ir.Unknown && b != ir.Unknown && kindOf(a) != kindOf(b)
}

// spelt reports whether each value of a type is a text or has one.
func spelt(t ir.Type) bool { return kindOf(t) == textKind || kindOf(t) == numberKind }

// wordFor is a type with its article.
func wordFor(t ir.Type) string { return string(kindOf(t)) }

// subject names an expression in a message.
func subject(e ir.Expr) string {
	switch e := e.(type) {
	case *ir.Field:
		return e.Name
	case *ir.Lit:
		if s, ok := e.Value.(string); ok {
			return strconv.Quote(s)
		}
		return literalText(e)
	case *ir.Call:
		return fmt.Sprintf("what %q yields", e.Func)
	}
	return "a condition"
}

// source is an expression as an author would write it where that is short.
func source(e ir.Expr) string {
	if f, ok := e.(*ir.Field); ok {
		return f.Name
	}
	return "…"
}

// asNumber says how to make a number of a value.
func asNumber(e ir.Expr, t ir.Type) string {
	if lit, ok := e.(*ir.Lit); ok && kindOf(t) == textKind {
		if number(lit.Span, literalText(lit)) != nil {
			return "Remove the quotes."
		}
		return "Write a number."
	}
	switch kindOf(t) {
	case textKind:
		return fmt.Sprintf("If it spells a number, write tonumber(%s).", source(e))
	case timeKind:
		return fmt.Sprintf("Take a part of it, such as hour(%s), or the difference of two times.", source(e))
	case lengthKind:
		return fmt.Sprintf("Divide it by a length of time: %s / 1s is a number of seconds.", source(e))
	case truthKind:
		return fmt.Sprintf("Write if(%s = true, 1, 0).", source(e))
	}
	return "Take one value of the list, with min, max or last in place of values."
}

// textOf says how to make a text of a value.
func textOf(e ir.Expr, t ir.Type) string {
	switch kindOf(t) {
	case timeKind:
		return fmt.Sprintf("Each target writes a time in its own way: take parts of it, such as hour(%s).", source(e))
	case lengthKind:
		return fmt.Sprintf("Each target writes a length of time in its own way: divide it, as in %s / 1s.", source(e))
	}
	return fmt.Sprintf("Write if(%s = true, \"yes\", \"no\").", source(e))
}

// asLength says how to make a length of time of a number.
func asLength(e ir.Expr) string {
	if lit, ok := e.(*ir.Lit); ok {
		if s := literalText(lit); strings.Trim(s, "0123456789") == "" {
			return fmt.Sprintf("Write its unit: %ss, %sm, %sh or %sd.", s, s, s, s)
		}
		return "Write a length of time, such as 90s or 5m."
	}
	return fmt.Sprintf("Multiply the number by a length of time: %s * 1s.", source(e))
}
