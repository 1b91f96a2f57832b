package kql

import (
	"fmt"
	"math"
	"strconv"
)

// width is the column that the printer does not pass if it can break a line.
const width = 100

// indent is one step of indentation.
const indent = 4

// A Logic of more than longChain arguments is printed in at most longChain
// parenthesised groups of groupSize or more: Kusto's parser nests one level for
// each term of a flat chain and gives up on a query (KS245) near 490 levels.
const (
	longChain = 100
	groupSize = 50
)

// level is the place of an expression in Kusto's grammar; a higher one binds
// tighter.
type level int8

const (
	levelLowest level = iota
	levelOr
	levelAnd
	levelCompare // == < in between
	levelAdd
	levelMultiply
	levelText // has =~ and the other string operators, which Kusto binds tighter than *
	levelNeg
	levelPrimary
)

// Print returns the query as text, one operator and one row of a datatable a
// line, without a newline at the end. The text depends on nothing but the tree; spans are ignored.
func Print(q *Query) string { return string(Append(nil, q)) }

// Append appends the text of Print to dst.
func Append(dst []byte, q *Query) []byte {
	p := printer{buf: dst, line: len(dst), limit: math.MaxInt}
	p.query(q, 0)
	return p.buf
}

// PrintExpr returns the expression as text on one line.
func PrintExpr(e Expr) string {
	p := printer{limit: math.MaxInt}
	p.flat(e, levelLowest)
	return string(p.buf)
}

// printer appends to buf. An expression is first tried flat, which stops with
// over set as soon as it passes limit; then it is undone and broken over lines.
type printer struct {
	buf   []byte
	line  int // where in buf the current line starts
	limit int
	over  bool
}

func (p *printer) text(s string) {
	p.buf = append(p.buf, s...)
	if len(p.buf) > p.limit {
		p.over = true
	}
}

func (p *printer) name(s string) {
	p.buf = appendName(p.buf, s)
	if len(p.buf) > p.limit {
		p.over = true
	}
}

// word writes text that is not quoted; ok must say that it is of the kind that
// belongs here.
func (p *printer) word(s string, ok bool, kind string) {
	if !ok {
		panic(fmt.Sprintf("kql: %q is not a %s", s, kind))
	}
	p.text(s)
}

func (p *printer) newline(in int) {
	p.buf = append(p.buf, '\n')
	p.line = len(p.buf)
	for range in {
		p.buf = append(p.buf, ' ')
	}
}

// fits writes e on the current line if it stays within width, else nothing.
func (p *printer) fits(e Expr, min level) bool {
	mark := len(p.buf)
	p.limit = p.line + width
	p.flat(e, min)
	p.limit = math.MaxInt
	return p.keep(mark)
}

// keep undoes what was written since mark if it went past the limit.
func (p *printer) keep(mark int) bool {
	if !p.over {
		return true
	}
	p.over = false
	p.buf = p.buf[:mark]
	return false
}

func (p *printer) query(q *Query, in int) {
	for _, l := range q.Lets {
		p.text("let ")
		p.name(l.Name)
		p.text(" = ")
		p.query(l.Query, in)
		p.text(";")
		p.newline(in) // and no empty line: the portal would end the query at one
	}
	switch s := q.Source.(type) {
	case *Table:
		p.name(s.Name)
	case *UnionSource:
		p.union(s.Params, s.Inputs, in)
	case *Apply:
		p.word(s.Name, isFunctionName(s.Name), "function name")
		p.text("(")
		p.flatArgs(s.Args)
		p.text(")")
	case *Datatable:
		p.datatable(s, in)
	default:
		panic(fmt.Sprintf("kql: unhandled source %T", s))
	}
	for _, op := range q.Ops {
		p.newline(in)
		p.text("| ")
		p.op(op, in)
	}
}

func (p *printer) op(op Op, in int) {
	switch op := op.(type) {
	case *Where:
		p.text("where ")
		p.expr(op.Pred, levelLowest, in+indent)
	case *Extend:
		p.text("extend ")
		p.list(op.Cols, in+indent, true)
	case *Project:
		p.text("project ")
		p.list(op.Cols, in+indent, false)
	case *ProjectAway:
		p.text("project-away ")
		p.columns(op.Names, in+indent)
	case *ProjectKeep:
		p.text("project-keep ")
		p.columns(op.Names, in+indent)
	case *ProjectReorder:
		p.text("project-reorder ")
		p.columns(op.Names, in+indent)
	case *ProjectRename:
		p.text("project-rename ")
		p.list(op.Cols, in+indent, false)
	case *Summarize:
		p.summarize(op, in+indent)
	case *Distinct:
		p.text("distinct ")
		p.columns(op.Names, in+indent)
	case *Sort:
		p.text("sort by ")
		for i, k := range op.Keys {
			if i > 0 {
				p.text(", ")
			}
			p.sortKey(k, in+indent)
		}
	case *Top:
		p.text("top ")
		p.integer(op.N)
		p.text(" by ")
		p.sortKey(op.Key, in+indent)
	case *Take:
		p.text("take ")
		p.integer(op.N)
	case *Serialize:
		p.text("serialize")
		if len(op.Cols) > 0 {
			p.text(" ")
			p.list(op.Cols, in+indent, true)
		}
	case *JoinOp:
		kind := op.Kind
		if kind == "" {
			kind = "innerunique"
		}
		p.text("join kind=")
		p.word(kind, joinKinds[kind], "kind of join")
		p.join(op.Right, op.On, in)
	case *Lookup:
		kind := op.Kind
		if kind == "" {
			kind = "leftouter"
		}
		p.text("lookup kind=")
		p.word(kind, lookupKinds[kind], "kind of lookup")
		p.join(op.Right, op.On, in)
	case *UnionOp:
		p.union(op.Params, op.Inputs, in)
	case *Unknown:
		p.text(op.Text)
	default:
		panic(fmt.Sprintf("kql: unhandled operator %T", op))
	}
}

func (p *printer) integer(n int64) {
	p.word(strconv.FormatInt(n, 10), n >= 0, "number of rows")
}

func (p *printer) summarize(s *Summarize, in int) {
	p.text("summarize ")
	mark := len(p.buf)
	p.limit = p.line + width
	p.flatList(s.Aggs)
	if len(s.By) > 0 {
		if len(s.Aggs) > 0 {
			p.text(" ")
		}
		p.text("by ")
		p.flatList(s.By)
	}
	p.limit = math.MaxInt
	if p.keep(mark) {
		return
	}
	if len(s.Aggs) > 0 {
		p.list(s.Aggs, in, true)
		if len(s.By) > 0 {
			p.newline(in)
		}
	}
	if len(s.By) > 0 {
		p.text("by ")
		p.list(s.By, in+indent, false)
	}
}

// names writes what stands before the expression.
func (p *printer) names(c NamedExpr) {
	switch {
	case len(c.Names) > 0:
		p.text("(")
		for i, n := range c.Names {
			if i > 0 {
				p.text(", ")
			}
			p.name(n)
		}
		p.text(") = ")
	case c.Name != "":
		p.name(c.Name)
		p.text(" = ")
	}
}

func (p *printer) flatList(cols []NamedExpr) {
	for i, c := range cols {
		if p.over {
			return
		}
		if i > 0 {
			p.text(", ")
		}
		p.names(c)
		p.flat(c.X, levelLowest)
	}
}

// datatable writes a row a line.
func (p *printer) datatable(d *Datatable, in int) {
	p.text("datatable(")
	for i, c := range d.Cols {
		if i > 0 {
			p.text(", ")
		}
		p.name(c.Name)
		p.text(": ")
		p.word(c.Type, columnTypes[c.Type], "type of a column")
	}
	p.text(") [")
	for i, v := range d.Values {
		if i%len(d.Cols) == 0 {
			p.newline(in + indent)
		} else {
			p.text(" ")
		}
		p.flat(v, levelNeg)
		if i+1 < len(d.Values) {
			p.text(",")
		}
	}
	if len(d.Values) > 0 {
		p.newline(in)
	}
	p.text("]")
}

// list writes columns on one line if they fit; else one a line, or as many on
// a line as fit.
func (p *printer) list(cols []NamedExpr, in int, onePerLine bool) {
	mark := len(p.buf)
	p.limit = p.line + width
	p.flatList(cols)
	p.limit = math.MaxInt
	if p.keep(mark) {
		return
	}
	for i, c := range cols {
		if i > 0 {
			p.text(",")
			if onePerLine {
				p.newline(in)
			} else if p.fitsAfterComma(c) {
				continue
			} else {
				p.newline(in)
			}
		}
		p.names(c)
		p.expr(c.X, levelLowest, in+indent)
	}
}

// fitsAfterComma writes a column on the current line, after a space, if it and
// a comma stay within width.
func (p *printer) fitsAfterComma(c NamedExpr) bool {
	mark := len(p.buf)
	p.limit = p.line + width - 1
	p.text(" ")
	p.names(c)
	p.flat(c.X, levelLowest)
	p.limit = math.MaxInt
	return p.keep(mark)
}

func (p *printer) columns(names []*Column, in int) {
	for i, c := range names {
		if i > 0 {
			p.text(",")
			mark := len(p.buf)
			p.limit = p.line + width - 1
			p.text(" ")
			p.name(c.Name)
			p.limit = math.MaxInt
			if p.keep(mark) {
				continue
			}
			p.newline(in)
		}
		p.name(c.Name)
	}
}

func (p *printer) sortKey(k SortKey, in int) {
	p.expr(k.X, levelLowest, in)
	if k.Desc {
		p.text(" desc")
	} else {
		p.text(" asc")
	}
	if k.Nulls != "" {
		p.text(" nulls ")
		p.word(k.Nulls, k.Nulls == "first" || k.Nulls == "last", "place for nulls")
	}
}

func (p *printer) join(right *Query, on []JoinKey, in int) {
	p.text(" ")
	p.nested(right, in)
	p.text(" on ")
	for i, k := range on {
		if i > 0 {
			p.text(", ")
		}
		if k.Left.Name == k.Right.Name && !isSide(k.Left.Name) {
			p.name(k.Left.Name)
			continue
		}
		p.text("$left.")
		p.name(k.Left.Name)
		p.text(" == $right.")
		p.name(k.Right.Name)
	}
}

// isSide reports whether a bare join key of that name would be taken for a side
// of the join, even in quotes.
func isSide(name string) bool { return name == "$left" || name == "$right" }

// nested writes a query in parentheses.
func (p *printer) nested(q *Query, in int) {
	p.text("(")
	if isBare(q) {
		p.query(q, in)
	} else {
		p.newline(in + indent)
		p.query(q, in+indent)
		p.newline(in)
	}
	p.text(")")
}

// isBare reports whether q is a table and nothing more.
func isBare(q *Query) bool {
	_, ok := q.Source.(*Table)
	return ok && len(q.Ops) == 0
}

func (p *printer) union(params []*Param, inputs []*Query, in int) {
	p.text("union ")
	for _, a := range params {
		p.word(a.Name, isUnionParam(a.Name), "parameter of union")
		p.text("=")
		p.word(a.Value, isIdent(a.Value), "value of a parameter")
		p.text(" ")
	}
	for i, q := range inputs {
		if i > 0 {
			p.text(", ")
		}
		if isBare(q) {
			p.query(q, in)
		} else {
			p.nested(q, in)
		}
	}
}

func isUnionParam(s string) bool { return s == "kind" || s == "withsource" || s == "isfuzzy" }

// levelOf is the level of e as it is printed. A string operator counts as a
// comparison, so that it gets parentheses in arithmetic, although Kusto does
// not ask for them.
func levelOf(e Expr) level {
	switch e := e.(type) {
	case *Logic:
		if e.Op == Or {
			return levelOr
		}
		return levelAnd
	case *Binary:
		if l := binaryLevels[e.Op]; l == levelAdd || l == levelMultiply {
			return l
		}
		return levelCompare
	case *In:
		if len(e.Values) == 0 {
			return levelPrimary
		}
		return levelCompare
	case *Between:
		return levelCompare
	case *Neg:
		return levelNeg
	}
	return levelPrimary
}

// operands gives the levels below which the operands of an operator are put in
// parentheses. Arithmetic may stand bare beside == and <; a string operator
// takes no operator as its operand; - and / lean left.
func operands(op string) (left, right level) {
	switch binaryLevels[op] {
	case levelAdd:
		return levelAdd, levelMultiply
	case levelMultiply:
		return levelMultiply, levelPrimary
	case levelCompare:
		return levelAdd, levelAdd
	case levelText:
		return levelPrimary, levelPrimary
	}
	panic(fmt.Sprintf("kql: %q is not a binary operator", op))
}

// expr writes e on the current line if it fits, else breaks it where it has
// arguments; continuation lines start at column in.
func (p *printer) expr(e Expr, min level, in int) {
	if p.fits(e, min) {
		return
	}
	if levelOf(e) < min {
		p.text("(")
		defer p.text(")")
	}
	switch e := e.(type) {
	case *Logic:
		p.logic(e.Op, e.Args, in)
	case *Binary:
		left, right := operands(e.Op)
		p.expr(e.L, left, in)
		p.text(" ")
		p.text(e.Op)
		p.text(" ")
		p.expr(e.R, right, in)
	case *In:
		p.expr(e.X, levelPrimary, in)
		p.text(" ")
		p.word(e.Op, isListOperator(e.Op), "list operator")
		p.text(" (")
		p.fill(e.Values, in)
		p.text(")")
	case *Call:
		p.word(e.Name, isFunctionName(e.Name), "function name")
		p.text("(")
		for i, a := range e.Args {
			if i > 0 {
				p.text(",")
				p.newline(in)
			}
			p.expr(a, levelLowest, in+indent)
		}
		p.text(")")
	case *Dynamic:
		p.text("dynamic([")
		for i, x := range e.Items {
			if i > 0 {
				p.text(",")
				p.newline(in)
			}
			p.dynamicItem(x)
		}
		p.text("])")
	default:
		p.flat(e, levelLowest)
	}
}

// logic writes the arguments one a line, the operator first.
func (p *printer) logic(op string, args []Expr, in int) {
	group := groupOf(len(args))
	for i := 0; i < len(args); i += group {
		if i > 0 {
			p.newline(in)
			p.text(op)
			p.text(" ")
		}
		part := args[i:min(i+group, len(args))]
		if len(part) == 1 {
			p.expr(part[0], levelCompare, in+indent)
			continue
		}
		p.text("(")
		p.logic(op, part, in+indent)
		p.text(")")
	}
}

// groupOf is the number of arguments in a group; 1 means that there are none.
func groupOf(args int) int {
	if args <= longChain {
		return 1
	}
	return max(groupSize, (args+longChain-1)/longChain)
}

// fill writes as many values on a line as fit.
func (p *printer) fill(values []Expr, in int) {
	for i, v := range values {
		if i > 0 {
			p.text(",")
			mark := len(p.buf)
			p.limit = p.line + width - 1
			p.text(" ")
			p.flat(v, levelLowest)
			p.limit = math.MaxInt
			if p.keep(mark) {
				continue
			}
			p.newline(in)
		}
		p.expr(v, levelLowest, in+indent)
	}
}

func isListOperator(op string) bool {
	_, ok := listOperators[op]
	return ok
}

// flat writes e on one line; it may stop anywhere once over is set.
func (p *printer) flat(e Expr, min level) {
	if p.over {
		return
	}
	if levelOf(e) < min {
		p.text("(")
		p.flat(e, levelLowest)
		p.text(")")
		return
	}
	switch e := e.(type) {
	case *Column:
		p.name(e.Name)
	case *Star:
		p.text("*")
	case *String:
		// A text longer than the line is not worth writing twice.
		if len(p.buf)+len(e.Value) > p.limit {
			p.over = true
			return
		}
		p.buf = appendString(p.buf, e.Value)
		p.over = p.over || len(p.buf) > p.limit
	case *Number:
		p.word(e.Text, isNumber(e.Text), "number")
	case *Bool:
		p.text(strconv.FormatBool(e.Value))
	case *Timespan:
		if isShortTimespan(e.Text) {
			p.text(e.Text)
			return
		}
		p.literal("timespan", e.Text)
	case *Datetime:
		p.literal("datetime", e.Text)
	case *Typed:
		p.word(e.Type, typeWords[e.Type], "type")
		p.literal("", e.Text)
	case *Dynamic:
		p.text("dynamic([")
		for i, x := range e.Items {
			if p.over {
				return
			}
			if i > 0 {
				p.text(", ")
			}
			p.dynamicItem(x)
		}
		p.text("])")
	case *Logic:
		p.flatLogic(e.Op, e.Args)
	case *Binary:
		left, right := operands(e.Op)
		p.flat(e.L, left)
		p.text(" ")
		p.text(e.Op)
		p.text(" ")
		p.flat(e.R, right)
	case *In:
		if len(e.Values) == 0 {
			p.text(strconv.FormatBool(listOperators[e.Op]))
			return
		}
		p.flat(e.X, levelPrimary)
		p.text(" ")
		p.word(e.Op, isListOperator(e.Op), "list operator")
		p.text(" (")
		p.flatArgs(e.Values)
		p.text(")")
	case *Between:
		p.flat(e.X, levelPrimary)
		if e.Negated {
			p.text(" !between (")
		} else {
			p.text(" between (")
		}
		p.flat(e.A, levelNeg)
		p.text(" .. ")
		p.flat(e.B, levelNeg)
		p.text(")")
	case *Call:
		p.word(e.Name, isFunctionName(e.Name), "function name")
		p.text("(")
		p.flatArgs(e.Args)
		p.text(")")
	case *Path:
		p.accessed(e.X)
		p.text(".")
		p.name(e.Name)
	case *Index:
		p.accessed(e.X)
		p.text("[")
		p.flat(e.I, levelLowest)
		p.text("]")
	case *SubQuery:
		p.text("(")
		p.query(e.Query, 0)
		p.text(")")
	case *Neg:
		p.text("-")
		p.flat(e.X, levelPrimary)
	default:
		panic(fmt.Sprintf("kql: unhandled expression %T", e))
	}
}

func (p *printer) flatArgs(args []Expr) {
	for i, a := range args {
		if p.over {
			return
		}
		if i > 0 {
			p.text(", ")
		}
		p.flat(a, levelLowest)
	}
}

func (p *printer) flatLogic(op string, args []Expr) {
	if op != And && op != Or {
		panic(fmt.Sprintf("kql: %q is neither and nor or", op))
	}
	if len(args) == 0 {
		p.text(strconv.FormatBool(op == And))
		return
	}
	group := groupOf(len(args))
	for i := 0; i < len(args) && !p.over; i += group {
		if i > 0 {
			p.text(" ")
			p.text(op)
			p.text(" ")
		}
		part := args[i:min(i+group, len(args))]
		if len(part) == 1 {
			p.flat(part[0], levelCompare)
			continue
		}
		p.text("(")
		p.flatLogic(op, part)
		p.text(")")
	}
}

// literal writes TYPE(TEXT).
func (p *printer) literal(typ, text string) {
	p.text(typ)
	p.text("(")
	p.word(text, isLiteralText(text), "literal's text")
	p.text(")")
}

// dynamicItem writes an element of dynamic([...]), which holds JSON: no
// verbatim strings there.
func (p *printer) dynamicItem(e Expr) {
	if s, ok := e.(*String); ok {
		p.buf = appendEscaped(p.buf, s.Value, '"')
		p.over = p.over || len(p.buf) > p.limit
		return
	}
	p.flat(e, levelNeg)
}

// accessed writes what stands before .NAME or [I]: a name, a call or another
// access as it is, anything else in parentheses.
func (p *printer) accessed(e Expr) {
	switch e.(type) {
	case *Column, *Call, *Path, *Index:
		p.flat(e, levelPrimary)
	default:
		p.text("(")
		p.flat(e, levelLowest)
		p.text(")")
	}
}
