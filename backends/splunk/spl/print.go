package spl

import (
	"fmt"
	"strconv"
	"strings"
)

// width is the column after which lists and boolean expressions break.
const width = 100

// Print writes a search as a detection engineer would: a command on each line,
// long expressions broken and indented. There is no newline at the end.
//
// It panics if Validate would return an error: a caller asks Expressible
// before it makes a node of a value.
func Print(s *Search) string {
	p := printer{b: make([]byte, 0, 1024)}
	p.root(s)
	return p.done()
}

// PrintExpr writes an eval expression on one line; it panics as Print does.
func PrintExpr(e Expr) string {
	p := printer{b: make([]byte, 0, 128), flat: 1, noLimit: true}
	p.rootExpr(e)
	return p.done()
}

// PrintSearchExpr writes a search expression on one line; it panics as Print
// does.
func PrintSearchExpr(e SearchExpr) string {
	p := printer{b: make([]byte, 0, 128), flat: 1, noLimit: true}
	p.rootSearchExpr(e)
	return p.done()
}

// Validate reports why a search cannot be printed: a value that cannot be
// written (an *InexpressibleError) or a node that no text stands for.
func Validate(s *Search) error {
	p := printer{b: make([]byte, 0, 1024)}
	p.root(s)
	return p.err
}

// ValidateExpr is Validate for an eval expression.
func ValidateExpr(e Expr) error {
	p := printer{flat: 1, noLimit: true}
	p.rootExpr(e)
	return p.err
}

// printer appends text to b. Everything that can break over lines is first
// tried flat; a flat attempt that passes the width is given up at once, so that
// the work stays linear in the text.
type printer struct {
	b       []byte
	line    int  // where in b the current line begins
	flat    int  // above 0: nothing breaks
	noLimit bool // flat without a width
	err     error
}

func (p *printer) done() string {
	if p.err != nil {
		panic("spl: " + p.err.Error())
	}
	return string(p.b)
}

// fail keeps the first error; printing goes on, its text is not used.
func (p *printer) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *printer) failf(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *printer) s(s string) { p.b = append(p.b, s...) }

func (p *printer) newline(indent int) {
	p.b = append(p.b, '\n')
	p.line = len(p.b)
	for range indent {
		p.b = append(p.b, ' ')
	}
}

func (p *printer) over() bool { return !p.noLimit && len(p.b)-p.line > width }

// full reports whether a flat attempt has already failed.
func (p *printer) full() bool { return p.flat > 0 && p.over() }

// fits calls render flat and reports whether the result fits on the line; if
// not, it leaves no trace. Within a flat attempt it always "fits": the outer
// attempt decides.
func (p *printer) fits(render func()) bool {
	if p.flat > 0 {
		render()
		return true
	}
	start, err := len(p.b), p.err
	p.flat++
	render()
	p.flat--
	if p.over() {
		p.b, p.err = p.b[:start], err
		return false
	}
	return true
}

func (p *printer) root(s *Search) {
	p.search(s, 0, false)
	if p.err == nil && deepest(s, 0) != nil {
		p.failf("an expression is nested more than %d levels deep", maxDepth)
	}
}

func (p *printer) rootExpr(e Expr) {
	p.expr(e, levelLowest, 0)
	if p.err == nil && exprDepth(e) > maxDepth {
		p.failf("an expression is nested more than %d levels deep", maxDepth)
	}
}

func (p *printer) rootSearchExpr(e SearchExpr) {
	p.searchExpr(e, 0)
	if p.err == nil && searchDepth(e) > maxDepth {
		p.failf("an expression is nested more than %d levels deep", maxDepth)
	}
}

// oneLine calls render flat without a width: the result stays whatever its
// length.
func (p *printer) oneLine(render func()) {
	if p.flat > 0 {
		render()
		return
	}
	p.flat, p.noLimit = 1, true
	render()
	p.flat, p.noLimit = 0, false
}

// search prints commands; sub marks the search between the brackets of append
// or join, where the command search is not implied.
func (p *printer) search(s *Search, indent int, sub bool) {
	if s == nil || len(s.Commands) == 0 {
		p.failf("a search needs a command")
		return
	}
	for i, c := range s.Commands {
		if i > 0 {
			p.newline(indent)
		}
		if sc, ok := c.(*SearchCmd); ok && i == 0 {
			if sub {
				p.s("search ")
			}
			p.searchCmd(sc, indent)
			continue
		}
		p.s("| ")
		p.command(c, indent)
	}
}

func (p *printer) command(c Command, in int) {
	switch c := c.(type) {
	case *Tstats:
		p.tstats(c, in)
	case *From:
		p.s("from datamodel:")
		p.model(c.Model)
	case *SearchCmd:
		p.s("search ")
		p.searchCmd(c, in)
	case *Where:
		p.s("where ")
		p.expr(c.Expr, levelLowest, in+4)
	case *Regex:
		p.s("regex ")
		if c.Field != "" {
			p.name(c.Field)
			if c.Negated {
				p.s("!")
			}
			p.s("=")
		} else if c.Negated {
			p.failf("regex cannot be negated without a field")
		}
		p.regex(c.Pattern)
	case *Eval:
		p.eval(c, in)
	case *Stats:
		if c.Event {
			p.s("eventstats")
		} else {
			p.s("stats")
		}
		p.aggsBy(nil, c.Aggs, c.By, in)
	case *Streamstats:
		p.s("streamstats")
		p.aggsBy(c.Options, c.Aggs, c.By, in)
	case *Rename:
		p.s("rename ")
		if len(c.Pairs) == 0 {
			p.failf("rename needs a field")
		}
		p.list(in+4, len(c.Pairs), func(i int) {
			p.renameName(c.Pairs[i].From)
			p.s(" as ")
			p.renameName(c.Pairs[i].To)
		})
	case *Fields:
		p.s("fields ")
		if c.Remove {
			p.s("- ")
		}
		p.starNames("fields", c.Names, in+4)
	case *Table:
		p.s("table ")
		p.starNames("table", c.Names, in+4)
	case *Sort:
		p.sort(c, in)
	case *Head:
		p.s("head ")
		p.count("head", c.N)
	case *Dedup:
		p.s("dedup ")
		p.names("dedup", c.Names, in+4)
	case *Append:
		p.s("append")
		p.options(c.Options)
		p.subsearch(c.Search, in)
	case *Join:
		p.s("join")
		p.options(c.Options)
		if len(c.On) > 0 {
			p.s(" ")
			p.names("join", c.On, in+4)
		}
		p.subsearch(c.Search, in)
	case *Lookup:
		p.lookup(c, in)
	case *Fillnull:
		p.s("fillnull value=")
		p.optionValue(c.Value)
		if len(c.Names) > 0 {
			p.s(" ")
			p.names("fillnull", c.Names, in+4)
		}
	case *Filldown:
		p.s("filldown ")
		p.names("filldown", c.Names, in+4)
	case *Rex:
		p.s("rex")
		if c.Field != "" {
			p.s(" field=")
			p.name(c.Field)
		}
		p.options(c.Options)
		p.s(" ")
		p.regex(c.Pattern)
	case *Bin:
		p.s("bin ")
		p.name(c.Field)
		p.options(c.Options)
		if c.As != "" {
			p.s(" as ")
			p.name(c.As)
		}
	case *Convert:
		p.s("convert")
		p.aggsBy(c.Options, c.Funcs, nil, in)
	case *Mvexpand:
		p.s("mvexpand ")
		p.name(c.Field)
		if c.Limit != 0 {
			p.s(" limit=")
			p.count("mvexpand", c.Limit)
		}
	case *MacroCmd:
		p.macro(c.Macro)
	case *Unknown:
		p.unknown(c)
	default:
		p.failf("there is no command for %T", c)
	}
}

func (p *printer) tstats(c *Tstats, in int) {
	p.s("tstats")
	for _, m := range c.Macros {
		p.s(" ")
		p.macro(m)
	}
	p.options(c.Options)
	if len(c.Aggs) == 0 {
		p.failf("tstats needs an aggregate")
	}
	p.aggs(c.Aggs, in+4)
	if c.Model != "" {
		p.newline(in + 4)
		p.s("from datamodel=")
		p.model(c.Model)
	}
	if c.Where != nil {
		p.newline(in + 4)
		p.s("where ")
		p.searchExpr(c.Where, in+6)
	}
	if len(c.By) > 0 {
		p.newline(in + 4)
		p.s("by ")
		span := false
		p.list(in+7, len(c.By), func(i int) {
			p.name(c.By[i])
			if c.BySpan != "" && c.By[i] == "_time" {
				p.s(" span=")
				p.optionValue(c.BySpan)
				span = true
			}
		})
		if c.BySpan != "" && !span {
			p.failf("tstats has a span without _time among its by fields")
		}
	} else if c.BySpan != "" {
		p.failf("tstats has a span without _time among its by fields")
	}
}

func (p *printer) model(m string) {
	if !isModel(m) {
		p.failf("%q is not the name of a data model", m)
	}
	p.s(m)
}

func (p *printer) eval(c *Eval, in int) {
	if len(c.Assign) == 0 {
		p.failf("eval needs an assignment")
	}
	assign := func(a *Assign, in int) {
		p.evalTarget(a.Name)
		p.s(" = ")
		p.expr(a.Expr, levelLowest, in)
	}
	p.s("eval")
	if len(c.Assign) == 1 {
		p.s(" ")
		assign(&c.Assign[0], in+2)
		return
	}
	if p.fits(func() {
		for i := range c.Assign {
			if p.full() {
				return
			}
			if i > 0 {
				p.s(",")
			}
			p.s(" ")
			assign(&c.Assign[i], in)
		}
	}) {
		return
	}
	for i := range c.Assign {
		if i > 0 {
			p.s(",")
		}
		p.newline(in + 4)
		assign(&c.Assign[i], in+6)
	}
}

func (p *printer) sort(c *Sort, in int) {
	p.s("sort ")
	if c.Limit >= 0 {
		p.count("sort", c.Limit)
		p.s(" ")
	} else if c.Limit != -1 {
		p.failf("sort has the limit %d", c.Limit)
	}
	if len(c.Keys) == 0 {
		p.failf("sort needs a field")
	}
	p.list(in+4, len(c.Keys), func(i int) {
		if c.Keys[i].Desc {
			p.s("- ")
		} else {
			p.s("+ ")
		}
		p.name(c.Keys[i].Field)
	})
}

// lookup prints the name of a pair once where both are one.
func (p *printer) lookup(c *Lookup, in int) {
	pairs := func(list []RenamePair) {
		p.list(in+4, len(list), func(i int) {
			p.name(list[i].From)
			if list[i].To != list[i].From {
				p.s(" as ")
				p.name(list[i].To)
			}
		})
	}
	p.s("lookup")
	p.options(c.Options)
	p.s(" ")
	if !lookupTable(c.Table) {
		p.failf("%q is not the name of a lookup", c.Table)
	}
	p.s(c.Table)
	if len(c.Keys) == 0 || c.New && len(c.Output) == 0 {
		p.failf("lookup needs a field")
	}
	p.s(" ")
	pairs(c.Keys)
	if len(c.Output) == 0 {
		return
	}
	word := "OUTPUT "
	if c.New {
		word = "OUTPUTNEW "
	}
	if !p.fits(func() { p.s(" "); p.s(word); pairs(c.Output) }) {
		p.newline(in + 4)
		p.s(word)
		pairs(c.Output)
	}
}

func (p *printer) subsearch(s *Search, in int) {
	p.s(" [")
	p.newline(in + 4)
	p.search(s, in+4, true)
	p.newline(in)
	p.s("]")
}

func (p *printer) aggsBy(opts []Option, aggs []Agg, by []string, in int) {
	p.options(opts)
	if len(aggs) == 0 {
		p.failf("a statistics command needs an aggregate")
	}
	lines := p.line
	p.aggs(aggs, in+4)
	if len(by) == 0 {
		return
	}
	if p.line != lines || !p.fits(func() {
		p.s(" by ")
		p.names("by", by, in)
	}) {
		p.newline(in + 4)
		p.s("by ")
		p.names("by", by, in+7)
	}
}

// aggs prints aggregates with a space before each, filling lines.
func (p *printer) aggs(aggs []Agg, in int) {
	for i := range aggs {
		if !p.fits(func() { p.s(" "); p.agg(&aggs[i]) }) {
			p.newline(in)
			p.agg(&aggs[i])
		}
		if p.full() {
			return
		}
	}
}

func (p *printer) agg(a *Agg) {
	if !aggName(a.Func) {
		p.failf("%q is not the name of an aggregate", a.Func)
	}
	p.s(a.Func)
	switch {
	case a.Eval != nil:
		if a.Arg != "" {
			p.failf("the aggregate %s has a field and an expression", a.Func)
		}
		p.s("(eval(")
		p.oneLine(func() { p.expr(a.Eval, levelLowest, 0) })
		p.s("))")
	case a.Arg != "":
		p.s("(")
		p.starName(a.Arg)
		p.s(")")
	}
	if a.As != "" {
		p.s(" as ")
		p.starName(a.As)
	}
}

func (p *printer) options(opts []Option) {
	for _, o := range opts {
		if !isIdent(o.Name) || reserved(o.Name) {
			p.failf("%q is not the name of an option", o.Name)
		}
		p.s(" ")
		p.s(o.Name)
		p.s("=")
		p.optionValue(o.Value)
	}
}

func (p *printer) optionValue(v string) {
	if all(v, inOption) && !reserved(v) {
		p.s(v)
		return
	}
	p.string(v)
}

func (p *printer) macro(m Macro) {
	if !macroName(m.Name) {
		p.failf("%q is not the name of a macro", m.Name)
	}
	p.s("`")
	p.s(m.Name)
	if len(m.Args) > 0 {
		p.s("(")
		for i, a := range m.Args {
			if i > 0 {
				p.s(",")
			}
			if a == "" && len(m.Args) == 1 {
				p.failf("the macro %s has one empty argument, which reads as none", m.Name)
			}
			if err := badMacroArg(a); err != nil {
				p.fail(err)
			}
			p.s(a)
		}
		p.s(")")
	}
	p.s("`")
}

func (p *printer) unknown(c *Unknown) {
	if err := badUnknown(c); err != nil {
		p.fail(err)
	}
	p.s(c.Name)
	if c.Raw == "" {
		return
	}
	p.s(" ")
	p.s(c.Raw)
	if i := strings.LastIndexByte(c.Raw, '\n'); i >= 0 {
		p.line = len(p.b) - (len(c.Raw) - i - 1)
	}
}

func (p *printer) count(what string, n int) {
	if n < 0 {
		p.failf("%s has the count %d", what, n)
	}
	p.b = strconv.AppendInt(p.b, int64(n), 10)
}

// list prints n items with commas, filling lines.
func (p *printer) list(in, n int, item func(i int)) {
	for i := range n {
		if i == 0 {
			item(i)
			continue
		}
		p.s(",")
		if !p.fits(func() { p.s(" "); item(i); p.s(",") }) {
			p.newline(in)
			item(i)
		} else {
			p.b = p.b[:len(p.b)-1]
		}
		if p.full() {
			return
		}
	}
}

func (p *printer) names(what string, names []string, in int) {
	if len(names) == 0 {
		p.failf("%s needs a field", what)
	}
	p.list(in, len(names), func(i int) { p.name(names[i]) })
}

func (p *printer) starNames(what string, names []string, in int) {
	if len(names) == 0 {
		p.failf("%s needs a field", what)
	}
	p.list(in, len(names), func(i int) { p.starName(names[i]) })
}

// name prints a field name outside eval; one that begins with a digit could be
// taken for a count.
func (p *printer) name(s string) {
	if all(s, inName) && class[s[0]]&inDigit == 0 && !reserved(s) {
		p.s(s)
		return
	}
	p.quotedName(s, false)
}

// starName prints a field name that may hold wildcards.
func (p *printer) starName(s string) {
	for i := 0; i < len(s); i++ {
		if s[i] != '*' && class[s[i]]&inName == 0 {
			p.quotedName(s, true)
			return
		}
	}
	if s == "" || class[s[0]]&inDigit != 0 || reserved(s) {
		p.quotedName(s, true)
		return
	}
	p.s(s)
}

// renameName prints one side of rename: a wildcard with text beside it goes in
// quotes, as in Splunk's own rename "Processes.*" as *.
func (p *printer) renameName(s string) {
	if s == "*" || !strings.Contains(s, "*") {
		p.starName(s)
		return
	}
	p.quotedName(s, true)
}

// evalTarget prints the name that eval assigns to: double quotes, because
// single quotes on that side would become part of the name.
func (p *printer) evalTarget(s string) {
	if isIdent(s) && !reserved(s) {
		p.s(s)
		return
	}
	p.quotedName(s, false)
}

func (p *printer) quotedName(s string, star bool) {
	if e := badName(s, star); e != nil {
		p.fail(e)
	}
	p.b = quote(p.b, s)
}

func (p *printer) string(s string) {
	if e := inexpressible(s); e != nil {
		p.fail(e)
	}
	p.b = quote(p.b, s)
}

func (p *printer) regex(s string) {
	if e := inexpressible(s); e != nil {
		p.fail(e)
	}
	p.b = quoteRegex(p.b, s)
}

func (p *printer) replacement(s string) {
	if e := inexpressible(s); e != nil {
		p.fail(e)
	}
	p.b = quoteReplacement(p.b, s)
}

// searchCmd prints the arguments of search. Macros at the head of a
// conjunction stand before the rest without AND, as analysts write them.
func (p *printer) searchCmd(c *SearchCmd, in int) {
	and, ok := c.Expr.(*SearchLogic)
	heads := 0
	if ok && !and.Or {
		for heads < len(and.Args) {
			if _, ok := and.Args[heads].(*SearchMacro); !ok {
				break
			}
			heads++
		}
	}
	if heads == 0 {
		p.searchExpr(c.Expr, in+4)
		return
	}
	p.checkLogic(and)
	for i, m := range and.Args[:heads] {
		if i > 0 {
			p.s(" ")
		}
		p.searchPrimary(m, false, in)
	}
	rest := and.Args[heads:]
	if len(rest) == 0 {
		return
	}
	if !p.fits(func() {
		p.s(" ")
		p.searchArgs(" AND ", rest)
	}) {
		p.newline(in + 4)
		p.searchLines("AND ", rest, in+4)
	}
}

func (p *printer) checkLogic(l *SearchLogic) {
	if len(l.Args) < 2 {
		p.failf("AND and OR need at least two sides")
	}
}

// searchExpr prints an expression that needs no parentheses. Lines after the
// first begin at column in.
func (p *printer) searchExpr(e SearchExpr, in int) {
	l, ok := e.(*SearchLogic)
	if !ok {
		p.searchPrimary(e, false, in)
		return
	}
	p.checkLogic(l)
	op, flat := "AND ", " AND "
	if l.Or {
		op, flat = "OR ", " OR "
	}
	if !p.fits(func() { p.searchArgs(flat, l.Args) }) {
		p.searchLines(op, l.Args, in)
	}
}

func (p *printer) searchArgs(op string, args []SearchExpr) {
	for i, a := range args {
		if i > 0 {
			p.s(op)
		}
		p.searchPrimary(a, op == " OR ", 0)
		if p.full() {
			return
		}
	}
}

func (p *printer) searchLines(op string, args []SearchExpr, in int) {
	for i, a := range args {
		if i > 0 {
			p.newline(in)
			p.s(op)
		}
		p.searchPrimary(a, op == "OR ", in)
	}
}

// searchPrimary prints one side of AND or OR, or what NOT applies to. Every
// SearchLogic gets parentheses; so does a macro where guard is set, because
// its text could hold an AND.
func (p *printer) searchPrimary(e SearchExpr, guard bool, in int) {
	switch e := e.(type) {
	case *SearchLogic:
		if p.fits(func() { p.s("("); p.searchExpr(e, 0); p.s(")") }) {
			return
		}
		p.s("(")
		p.newline(in + 2)
		p.searchExpr(e, in+2)
		p.newline(in)
		p.s(")")
	case *SearchNot:
		p.s("NOT ")
		if _, ok := e.X.(*SearchNot); ok {
			p.s("(")
			p.searchPrimary(e.X, true, in)
			p.s(")")
			return
		}
		p.searchPrimary(e.X, true, in)
	case *SearchCompare:
		p.name(e.Field)
		switch e.Op {
		case "=", "!=", "<", "<=", ">", ">=":
		default:
			p.failf("%q is not a comparison of a search expression", e.Op)
		}
		p.s(e.Op)
		if isRelativeTime(e) {
			p.s(e.Value.Parts[0])
			return
		}
		p.value(&e.Value)
	case *SearchIn:
		p.in(e, in)
	case *SearchTerm:
		p.term(e)
	case *SearchMacro:
		if guard {
			p.s("(")
		}
		p.macro(e.Macro)
		if guard {
			p.s(")")
		}
	default:
		p.failf("there is no search expression for %T", e)
	}
}

func (p *printer) in(e *SearchIn, in int) {
	if len(e.Values) == 0 {
		p.failf("IN needs a value")
	}
	p.name(e.Field)
	p.s(" IN (")
	if p.fits(func() {
		for i := range e.Values {
			if i > 0 {
				p.s(", ")
			}
			p.value(&e.Values[i])
			if p.full() {
				return
			}
		}
		p.s(")")
	}) {
		return
	}
	p.newline(in + 2)
	p.list(in+2, len(e.Values), func(i int) { p.value(&e.Values[i]) })
	p.newline(in)
	p.s(")")
}

// isRelativeTime recognises earliest=-7d and its kin, which everybody writes
// without quotes.
func isRelativeTime(e *SearchCompare) bool {
	if e.Field != "earliest" && e.Field != "latest" || e.Op != "=" || e.Value.Number || len(e.Value.Parts) != 1 {
		return false
	}
	digits, ok := strings.CutPrefix(e.Value.Parts[0], "-")
	unit := strings.TrimLeft(digits, "0123456789")
	return ok && unit != digits && len(unit) == 1 && strings.Contains("smhdw", unit)
}

func (p *printer) value(v *SearchValue) {
	switch {
	case v.Number:
		if len(v.Parts) != 1 || !isNumber(v.Parts[0]) {
			p.failf("%q is not a number", v.Parts)
			return
		}
		p.s(v.Parts[0])
	case len(v.Parts) == 0:
		p.failf("a search value has no parts")
	case len(v.Parts) == 2 && v.Parts[0] == "" && v.Parts[1] == "":
		p.s("*")
	default:
		p.quotedParts(v.Parts)
	}
}

func (p *printer) quotedParts(parts []string) {
	p.s(`"`)
	for i, part := range parts {
		if i > 0 {
			p.s("*")
		}
		if err := ExpressibleSearch(part); err != nil {
			p.fail(err)
		}
		p.b = escape(p.b, part)
	}
	p.s(`"`)
}

// term prints a word to look for: bare if it is only letters, digits and a few
// marks, otherwise as a quoted phrase.
func (p *printer) term(e *SearchTerm) {
	if len(e.Value.Parts) == 0 {
		p.failf("a search value has no parts")
		return
	}
	switch e.Func {
	case "":
	case "TERM", "CASE":
		p.s(e.Func)
		p.s("(")
		defer p.s(")")
	default:
		p.failf("%q is not a function of a search expression", e.Func)
	}
	if e.Value.Number {
		p.value(&e.Value)
		return
	}
	if !bareTerm(e.Value.Parts) {
		p.quotedParts(e.Value.Parts)
		return
	}
	for i, part := range e.Value.Parts {
		if i > 0 {
			p.s("*")
		}
		p.s(part)
	}
}

// bareTerm reports whether a value can be read as one bare word and nothing
// else: a number would be read as a number, a leading - as something else.
func bareTerm(parts []string) bool {
	for i, part := range parts {
		if part == "" && len(parts) > 1 {
			continue
		}
		if !all(part, inTerm) || i == 0 && part[0] == '-' {
			return false
		}
	}
	return len(parts) > 1 || !reserved(parts[0]) && !isNumber(parts[0])
}

// Levels of eval operators, loosest first.
const (
	levelLowest = iota
	levelXor
	levelOr
	levelAnd
	levelNot
	levelCompare
	levelAdd // + - .
	levelMul // * / %
	levelPrimary
)

func opLevel(op string) int {
	switch op {
	case "XOR":
		return levelXor
	case "OR":
		return levelOr
	case "AND":
		return levelAnd
	case "=", "==", "!=", "<", "<=", ">", ">=", "LIKE":
		return levelCompare
	case "+", "-", ".":
		return levelAdd
	case "*", "/", "%":
		return levelMul
	}
	return levelLowest
}

// expr prints an eval expression as an operand of something that binds at the
// level outer; lines after the first begin at column in.
func (p *printer) expr(e Expr, outer int, in int) {
	switch e := e.(type) {
	case *FieldRef:
		p.fieldRef(e.Name)
	case *StringLit:
		p.string(e.Value)
	case *NumberLit:
		if !evalNumber(e.Text) {
			p.failf("%q is not a number", e.Text)
		}
		p.s(e.Text)
	case *CallExpr:
		p.call(e, in)
	case *Unary:
		p.paren(outer >= levelNot, func() { p.unary(e, in) })
	case *InExpr:
		p.paren(outer >= levelNot, func() { p.inExpr(e, in) })
	case *Binary:
		p.binary(e, outer, in)
	default:
		p.failf("there is no eval expression for %T", e)
	}
}

func (p *printer) paren(on bool, render func()) {
	if on {
		p.s("(")
	}
	render()
	if on {
		p.s(")")
	}
}

func (p *printer) fieldRef(name string) {
	if isIdent(name) && !reserved(name) {
		p.s(name)
		return
	}
	if e := badName(name, false); e != nil {
		p.fail(e)
	}
	p.s("'")
	p.s(name)
	p.s("'")
}

func (p *printer) unary(e *Unary, in int) {
	switch e.Op {
	case "NOT":
		p.s("NOT ")
		p.expr(e.X, levelNot, in)
	case "-":
		p.s("-")
		// Bare digits after the sign would be read as a negative number.
		_, number := e.X.(*NumberLit)
		p.paren(number, func() { p.expr(e.X, levelPrimary, in) })
	default:
		p.failf("%q is not an operator of eval", e.Op)
	}
}

func (p *printer) inExpr(e *InExpr, in int) {
	if len(e.Values) == 0 {
		p.failf("IN needs a value")
	}
	p.expr(e.X, levelPrimary, in)
	p.s(" IN (")
	p.exprList(e.Values, "", in)
}

func (p *printer) call(e *CallExpr, in int) {
	if !callName(e.Name) {
		p.failf("%q is not the name of a function", e.Name)
	}
	p.s(e.Name)
	p.s("(")
	p.exprList(e.Args, e.Name, in)
}

// callName excludes the words that are operators before a parenthesis.
func callName(s string) bool {
	switch strings.ToUpper(s) {
	case "AND", "OR", "NOT", "XOR":
		return false
	}
	return isIdent(s)
}

// exprList prints what stands behind an opening parenthesis, and the closing
// one.
func (p *printer) exprList(args []Expr, function string, in int) {
	arg := func(i, in int) {
		if s, ok := args[i].(*StringLit); ok && regexArg(function, i) {
			p.regex(s.Value)
			return
		} else if ok && function == "replace" && i == 2 {
			p.replacement(s.Value)
			return
		}
		p.expr(args[i], levelLowest, in)
	}
	if p.fits(func() {
		for i := range args {
			if i > 0 {
				p.s(", ")
			}
			arg(i, 0)
			if p.full() {
				return
			}
		}
		p.s(")")
	}) {
		return
	}
	if len(args) == 1 {
		// A lone argument gains nothing from a line of its own.
		arg(0, in)
		p.s(")")
		return
	}
	for i := range args {
		if i > 0 {
			p.s(",")
		}
		p.newline(in + 2)
		arg(i, in+2)
	}
	p.newline(in)
	p.s(")")
}

// binary prints L OP R. Chains of one operator that lean left print without
// parentheses. AND, OR and XOR beside each other, a comparison inside another
// operator than those, and . beside other arithmetic always get them.
func (p *printer) binary(e *Binary, outer, in int) {
	level := opLevel(e.Op)
	if level == levelLowest {
		p.failf("%q is not an operator of eval", e.Op)
	}
	var chain []Expr // operands of the chain, right to left
	var ops []string
	var first Expr = e
	for {
		b, ok := first.(*Binary)
		if !ok || level == levelCompare && b != e || !sameChain(b.Op, e.Op) {
			break
		}
		chain, ops = append(chain, b.R), append(ops, b.Op)
		first = b.L
	}
	logical := level <= levelAnd
	operand := func(x Expr, in int) {
		if b, ok := x.(*Binary); ok {
			inner := opLevel(b.Op)
			bare := inner > level && inner > levelAnd
			if level > levelCompare && (b.Op == "." || e.Op == ".") {
				bare = false
			}
			if bare {
				p.binary(b, levelLowest, in)
			} else {
				p.group(b, in)
			}
			return
		}
		if logical {
			p.expr(x, levelLowest, in)
			return
		}
		p.expr(x, level, in)
	}
	render := func() {
		operand(first, 0)
		for i := len(chain) - 1; i >= 0; i-- {
			p.s(" ")
			p.s(ops[i])
			p.s(" ")
			operand(chain[i], 0)
			if p.full() {
				return
			}
		}
	}
	if outer > levelLowest {
		p.group(e, in)
		return
	}
	if !logical {
		p.oneLine(render)
		return
	}
	if p.fits(render) {
		return
	}
	operand(first, in)
	for i := len(chain) - 1; i >= 0; i-- {
		p.newline(in)
		p.s(ops[i])
		p.s(" ")
		operand(chain[i], in)
	}
}

// sameChain reports whether a, on the left of b, needs no parentheses because
// both lean left at one level.
func sameChain(a, b string) bool {
	if a == b {
		return true
	}
	switch a + b {
	case "+-", "-+", "*/", "/*", "*%", "%*", "/%", "%/":
		return true
	}
	return false
}

// group prints (e), over several lines if it does not fit.
func (p *printer) group(e *Binary, in int) {
	flat := func() { p.s("("); p.binary(e, levelLowest, 0); p.s(")") }
	if opLevel(e.Op) > levelAnd {
		p.oneLine(flat)
		return
	}
	if p.fits(flat) {
		return
	}
	p.s("(")
	p.newline(in + 2)
	p.binary(e, levelLowest, in+2)
	p.newline(in)
	p.s(")")
}

// evalNumber accepts a number of eval: digits, a fraction, an exponent, a
// leading minus.
func evalNumber(s string) bool {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exp := strings.TrimLeft(s[i+1:], "+-")
		if len(s[i+1:])-len(exp) > 1 || !all(exp, inDigit) {
			return false
		}
		s = s[:i]
	}
	return isNumber(s)
}
