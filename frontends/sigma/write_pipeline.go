package sigma

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// unsayable is what the language has no words for, at its place. The writer
// throws it from within an expression and catches it at the stage or test.
type unsayable struct {
	diag.Span
	what, hint string
	// general: another form of the same may say it.
	general bool
}

func cannot(at diag.Node, hint, format string, args ...any) {
	u := unsayable{what: fmt.Sprintf(format, args...), hint: hint}
	if at != nil {
		u.Span = at.At()
	}
	panic(u)
}

// try runs f, and gives back what cannot be said, if anything.
func try(f func()) (bad *unsayable) {
	defer func() {
		if r := recover(); r != nil {
			u, ok := r.(unsayable)
			if !ok {
				panic(r)
			}
			bad = &u
		}
	}()
	f()
	return nil
}

// stageWidth is how long the lines of a stage get before they are broken.
const stageWidth = 100

// wrap joins the pieces of a stage by spaces into lines; those after the first
// are indented, and so continue the stage.
func wrap(pieces ...string) []string {
	var lines []string
	line := ""
	for _, p := range pieces {
		switch {
		case line == "":
			line = p
		case len(line)+1+len(p) <= stageWidth:
			line += " " + p
		default:
			lines = append(lines, line)
			line = "    " + p
		}
	}
	return append(lines, line)
}

// commas puts a comma behind all but the last piece.
func commas(pieces []string) []string {
	out := slices.Clone(pieces)
	for i := range out[:max(0, len(out)-1)] {
		out[i] += ","
	}
	return out
}

// stageText writes one stage, as lines.
func stageText(q ir.Query) []string {
	switch q := q.(type) {
	case *ir.Filter:
		return whereText(q.Pred)
	case *ir.Extend:
		pieces := make([]string, len(q.Cols))
		for i, c := range q.Cols {
			pieces[i] = columnText(c, c.As) + " = " + sumText(c.X)
		}
		if len(pieces) == 0 {
			cannot(q, "", "a column list without a column")
		}
		return wrap(append([]string{"extend"}, commas(pieces)...)...)
	case *ir.Aggregate:
		if len(q.Aggs) == 0 {
			cannot(q, "Use distinct.", "groups without an aggregate")
		}
		aggs := make([]string, len(q.Aggs))
		for i, a := range q.Aggs {
			aggs[i] = aggText(a)
		}
		pieces := append([]string{"summarize"}, commas(aggs)...)
		if len(q.By) > 0 {
			by := namedText(q.By)
			by[0] = "by " + by[0]
			pieces = append(pieces, by...)
		}
		return wrap(pieces...)
	case *ir.Window:
		back := ""
		if q.Offset > maxBack {
			cannot(q, "", "the time since a row %d places before", q.Offset)
		}
		if q.Offset > 1 {
			back = "back " + strconv.Itoa(q.Offset)
		}
		return wrap("gaps of "+columnText(q, q.Of.Name)+" as "+columnText(q, q.As), strings.TrimSpace(listText("by", q.By)+" "+back))
	case *ir.Lag:
		along := ""
		if q.Of.Name != ir.Timestamp {
			along = "along " + columnText(q, q.Of.Name)
		}
		return wrap("prev of "+columnText(q, q.X.Name)+" as "+columnText(q, q.As), strings.TrimSpace(listText("by", q.By)+" "+along))
	case *ir.Rank:
		return wrap("rank as "+columnText(q, q.As), "by "+keysText(q, q.Keys), listText("per", q.By))
	case *ir.Project:
		if len(q.Cols) == 0 {
			cannot(q, "", "rows without a column")
		}
		return wrap(append([]string{"project"}, namedText(q.Cols)...)...)
	case *ir.Distinct:
		if len(q.By) == 0 {
			cannot(q, "", "distinct rows of no column")
		}
		pieces := make([]string, len(q.By))
		for i, f := range q.By {
			pieces[i] = columnText(q, f.Name)
		}
		return wrap(append([]string{"distinct"}, commas(pieces)...)...)
	case *ir.Sort:
		return wrap("sort by " + keysText(q, q.Keys))
	case *ir.Limit:
		return []string{"limit " + rowsText(q)}
	case *ir.Session:
		gap, ok := durationText(q.Gap)
		if !ok || q.Gap <= 0 {
			cannot(q, "", "sessions that end after %s", q.Gap)
		}
		return wrap("sessions of "+columnText(q, q.Of.Name)+" as "+columnText(q, q.As), strings.TrimSpace(listText("by", q.By)+" gap "+gap))
	case *ir.Table:
		cannot(q, "", "a list of rows that is not the right side of a join")
	}
	panic(fmt.Sprintf("sigma: unhandled stage %T", q))
}

func rowsText(q *ir.Limit) string {
	if q.N < 1 || q.N > 9_999_999 {
		cannot(q, "", "the first %d rows", q.N)
	}
	return strconv.Itoa(q.N)
}

// topText writes the two nodes that "top" stands for; "" if these are others.
func topText(q, below ir.Query) []string {
	switch q := q.(type) {
	case *ir.Limit:
		if sort, ok := below.(*ir.Sort); ok && len(sort.Keys) > 0 {
			return wrap("top "+rowsText(q), "by "+keysText(sort, sort.Keys))
		}
	case *ir.Filter:
		rank, ok := below.(*ir.Rank)
		if !ok || rank.As != rankColumn || len(rank.By) == 0 {
			return nil
		}
		c, ok := q.Pred.(*ir.Compare)
		if !ok || c.Op != ir.Le || c.Cased {
			return nil
		}
		f, isField := c.L.(*ir.Field)
		lit, isLit := c.R.(*ir.Lit)
		if !isField || !isLit || f.Name != rankColumn {
			return nil
		}
		if n, ok := lit.Value.(int64); ok && n >= 1 && n <= 9_999_999 {
			return wrap("top "+strconv.FormatInt(n, 10), "by "+keysText(rank, rank.Keys), listText("per", rank.By))
		}
	}
	return nil
}

func whereText(pred ir.Expr) []string {
	l, ok := pred.(*ir.Logic)
	if !ok || len(l.Args) < 2 {
		return wrap("where", predText(pred, 0))
	}
	parts := logicParts(l)
	pieces := []string{"where"}
	for i, p := range parts {
		if i > 0 {
			p = string(l.Op) + " " + p
		}
		pieces = append(pieces, p)
	}
	return wrap(pieces...)
}

// listText writes names behind a word; "" if there are none.
func listText(word string, fields []*ir.Field) string {
	if len(fields) == 0 {
		return ""
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = columnText(f, f.Name)
	}
	return word + " " + strings.Join(names, ", ")
}

func keysText(at diag.Node, keys []*ir.SortKey) string {
	if len(keys) == 0 {
		cannot(at, "", "an order without a key")
	}
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = columnText(k, k.X.Name) + " asc"
		if k.Desc {
			out[i] = columnText(k, k.X.Name) + " desc"
		}
	}
	return strings.Join(out, ", ")
}

// namedText writes the columns of project and the keys of summarize.
func namedText(cols []*ir.Col) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = sumText(c.X)
		if f, ok := c.X.(*ir.Field); !ok || f.Name != c.As {
			out[i] = columnText(c, c.As) + " = " + out[i]
		}
	}
	return commas(out)
}

func aggText(a *ir.Agg) string {
	i := slices.IndexFunc(aggregateFuncs, func(f aggregateFunc) bool { return f.id == a.Func })
	if i < 0 {
		cannot(a, "", "the aggregate %q", a.Func)
	}
	f := aggregateFuncs[i]
	var args []string
	switch a.Func {
	case ir.Count:
		if a.X != nil {
			cannot(a, "Use countif.", "a count of a column")
		}
	case ir.CountIf:
		args = []string{predText(a.X, 0)}
	case ir.ArgMin, ir.ArgMax:
		args = []string{columnText(a, a.Of.Name), argText(ir.AnyValue, a.X)}
	case ir.Percentile:
		args = []string{sumText(a.X), numberText(a, a.P)}
	default:
		if a.X == nil {
			cannot(a, "", "the aggregate %q of nothing", a.Func)
		}
		args = []string{sumText(a.X)}
	}
	call := f.name + "(" + strings.Join(args, ", ") + ")"
	if a.Func == ir.Count && a.As == f.name {
		return call
	}
	return columnText(a, a.As) + " = " + call
}

// Words that would be read as something else where a name may stand.
var pipelineWords = []string{
	"and", "or", "not", "true", "false", "between", "in", "contains", "startswith", "endswith", "matches", "regex",
	"in_cs", "contains_cs", "startswith_cs", "endswith_cs", "like", "like_cs", "has", "has_cs", "has_any",
	"by", "of", "as", "on", "per", "along", "back", "gap", "asc", "desc", "within", "before", "after", "kind",
}

var plainName = regexp.MustCompile(`^[A-Za-z_@][A-Za-z0-9_@]*(?:\.[A-Za-z0-9_@]+)*$`)

// columnText writes the name of a column.
func columnText(at diag.Node, name string) string {
	if plainName.MatchString(name) && !slices.Contains(pipelineWords, name) {
		return name
	}
	if strings.ContainsAny(name, "\n\r") || name == "" {
		cannot(at, "Rename the column.", "the column %q", name)
	}
	return "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "']"
}

// textLit writes a text in quotes.
func textLit(at diag.Node, s string) string {
	if strings.ContainsAny(s, "\n") {
		cannot(at, "", "a text with a line break in a pipeline")
	}
	quote := `"`
	if strings.Contains(s, `"`) && !strings.Contains(s, "'") {
		quote = "'"
	}
	var b strings.Builder
	b.WriteString(quote)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			n := i
			for n < len(s) && s[n] == '\\' {
				n++
			}
			run := n - i
			if run == 1 && n < len(s) && s[n] != '"' && s[n] != '\'' {
				b.WriteByte('\\') // paths read well
			} else {
				b.WriteString(strings.Repeat(`\\`, run))
			}
			i = n - 1
		case string(c) == quote:
			b.WriteString(`\` + quote)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteString(quote)
	return b.String()
}

var stringToken = regexp.MustCompile(`^(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')$`)

// regexText writes a regular expression in quotes, in which a backslash is one.
func regexText(at diag.Node, source string) string {
	for _, quote := range []string{`"`, "'"} {
		token := quote + strings.ReplaceAll(source, quote, `\`+quote) + quote
		if stringToken.MatchString(token) && unquoteRaw(token) == source {
			return token
		}
	}
	cannot(at, "Write it with other escapes.", "the regular expression %q, whose quotes and backslashes no quoting keeps", source)
	return ""
}

// spans are the units of lengths of time, the longest first.
var spans = []struct {
	d    time.Duration
	unit string
}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}}

// durationText writes a length of time; false if there is no way to.
func durationText(d time.Duration) (string, bool) {
	if d == 0 {
		return "0s", true
	}
	if d < 0 {
		s, ok := durationText(-d)
		return "-" + s, ok && -d > 0
	}
	for _, u := range spans {
		if d%u.d == 0 && d/u.d <= 999_999_999 {
			return strconv.FormatInt(int64(d/u.d), 10) + u.unit, true
		}
	}
	return "", false
}

func numberText(at diag.Node, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		cannot(at, "", "the number %g", v)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func litText(l *ir.Lit) string {
	switch v := l.Value.(type) {
	case string:
		return textLit(l, v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return numberText(l, v)
	case bool:
		return strconv.FormatBool(v)
	case time.Duration:
		if s, ok := durationText(v); ok {
			return s
		}
		cannot(l, "Compare the other way round, or in whole milliseconds.", "the length of time %s", v)
	}
	cannot(l, "", "the constant %v", l.Value)
	return ""
}

// Strengths of operators: what is weaker than its place needs parentheses.
const (
	weakSum = iota
	weakProduct
	weakNothing
)

func sumText(x ir.Expr) string { return valueText(x, weakSum) }

// valueText writes a value; parentheses go around what binds less than least.
func valueText(x ir.Expr, least int) string {
	switch x := x.(type) {
	case *ir.Field:
		return columnText(x, x.Name)
	case *ir.Lit:
		return litText(x)
	case *ir.Call:
		return callText(x, least)
	case *ir.Foreign:
		cannot(x, "", "an expression in a target's own language")
	case nil:
		cannot(nil, "", "an expression that is not there")
	}
	cannot(x, "Use if(condition, x, y).", "a condition in the place of a value")
	return ""
}

func callText(x *ir.Call, least int) string {
	switch x.Func {
	case ir.Add, ir.Sub, ir.Mul, ir.Div:
		if len(x.Args) != 2 {
			cannot(x, "", "%q of %d values", x.Func, len(x.Args))
		}
		if n, ok := x.Args[0].(*ir.Call); ok && x.Func == ir.Sub && n.Func == ir.Now && len(n.Args) == 0 {
			if lit, ok := x.Args[1].(*ir.Lit); ok && refuses(ir.SizeConst, lit) == "" {
				return "ago(" + litText(lit) + ")"
			}
		}
		own := weakSum
		if x.Func == ir.Mul || x.Func == ir.Div {
			own = weakProduct
		}
		s := valueText(x.Args[0], own) + " " + string(x.Func) + " " + valueText(x.Args[1], own+1)
		if own < least {
			return "(" + s + ")"
		}
		return s
	case ir.If:
		if s := caseText(x); s != "" {
			return s
		}
	case ir.Extract:
		if s := extractText(x); s != "" {
			return s
		}
	case ir.Prop:
		if s := propertyText(x); s != "" {
			return s
		}
	}
	i := slices.IndexFunc(functions, func(f function) bool { return f.id == x.Func || f.id == "" && f.name == string(x.Func) })
	if i < 0 {
		cannot(x, "", "the function %q", x.Func)
	}
	sig := ir.FuncOf(x.Func)
	if !sig.Takes(len(x.Args)) {
		cannot(x, "", "the function %q of %d values", x.Func, len(x.Args))
	}
	args := make([]string, len(x.Args))
	for j, a := range x.Args {
		args[j] = argText(sig.Param(j), a)
	}
	return functions[i].name + "(" + strings.Join(args, ", ") + ")"
}

func argText(p ir.Param, a ir.Expr) string {
	switch p {
	case ir.Predicate:
		return predText(a, 0)
	case ir.RegexConst:
		if lit, ok := a.(*ir.Lit); ok {
			if s, ok := lit.Value.(string); ok {
				return regexText(a, s)
			}
		}
	}
	return sumText(a)
}

// caseText writes conditionals that are nested in each other's last argument;
// "" if there is but one.
func caseText(x *ir.Call) string {
	var args []string
	n := 0
	for {
		if len(x.Args) < 2 || len(x.Args) > 3 {
			return ""
		}
		n++
		args = append(args, predText(x.Args[0], 0), sumText(x.Args[1]))
		if len(x.Args) == 2 {
			break
		}
		next, ok := x.Args[2].(*ir.Call)
		if !ok || next.Func != ir.If {
			args = append(args, sumText(x.Args[2]))
			break
		}
		x = next
	}
	if n < 2 {
		return ""
	}
	return "case(" + strings.Join(args, ", ") + ")"
}

// extractText writes an extraction of the group that is taken where none is
// named, and of a file's name; "" if it is another.
func extractText(x *ir.Call) string {
	if len(x.Args) != 3 {
		return ""
	}
	source, isText := x.Args[1].(*ir.Lit)
	group, isGroup := x.Args[2].(*ir.Lit)
	if !isText || !isGroup {
		return ""
	}
	s, isText := source.Value.(string)
	n, isGroup := group.Value.(int64)
	if !isText || !isGroup {
		return ""
	}
	if s == lastPart && n == 0 {
		return "filename(" + sumText(x.Args[0]) + ")"
	}
	if int64(min(1, groupsOf(s))) == n {
		return "extract(" + sumText(x.Args[0]) + ", " + regexText(source, s) + ")"
	}
	return ""
}

// propertyText writes the way down to a property of an object; "" if a name on
// it is no constant.
func propertyText(x *ir.Call) string {
	var names []string
	var object ir.Expr = x
	for {
		c, ok := object.(*ir.Call)
		if !ok || c.Func != ir.Prop || len(c.Args) != 2 {
			break
		}
		name, ok := c.Args[1].(*ir.Lit)
		if !ok {
			return ""
		}
		names = append(names, litText(name))
		object = c.Args[0]
	}
	slices.Reverse(names)
	return "property(" + sumText(object) + ", " + strings.Join(names, ", ") + ")"
}

// predText writes a condition; parentheses go around an "or" where least is 1,
// around an "and" too where it is 2.
func predText(e ir.Expr, least int) string {
	switch e := e.(type) {
	case *ir.Logic:
		switch len(e.Args) {
		case 0:
			return strconv.FormatBool(e.Op == ir.And)
		case 1:
			return predText(e.Args[0], least)
		}
		own := 0
		if e.Op == ir.And {
			own = 1
		}
		parts := logicParts(e)
		s := strings.Join(parts, " "+string(e.Op)+" ")
		if len(parts) > 1 && own < least {
			return "(" + s + ")"
		}
		return s
	case *ir.Not:
		return "not " + predText(e.X, 2)
	case *ir.Compare:
		return compareText(e)
	case *ir.Match:
		parts := matchParts(e)
		s := strings.Join(parts, " or ")
		if len(parts) > 1 && least > 0 {
			return "(" + s + ")"
		}
		return s
	case *ir.Term:
		parts := termParts(e)
		s := strings.Join(parts, " or ")
		if len(parts) > 1 && least > 0 {
			return "(" + s + ")"
		}
		return s
	case *ir.Regexp:
		return sumText(e.X) + " matches regex " + regexText(e, e.Source)
	case *ir.InCIDR:
		return "cidr(" + sumText(e.X) + ", '" + e.Prefix.String() + "')"
	case *ir.FieldMatch:
		return columnText(e, e.X.Name) + " " + string(e.Kind) + suffixOf(e.Cased) + " " + columnText(e, e.Y.Name)
	case *ir.Exists:
		return "exists(" + columnText(e, e.X.Name) + ")"
	case *ir.Keyword:
		cannot(e, "Keywords stand in a detection.", "a keyword within a pipeline")
	}
	cannot(e, "Compare it with true.", "a value in the place of a condition")
	return ""
}

// logicParts writes the arguments of an And or Or, those together for which
// the language has a word.
func logicParts(e *ir.Logic) []string {
	least := 0
	if e.Op == ir.And {
		least = 1
	}
	var out []string
	for i := 0; i < len(e.Args); i++ {
		if e.Op == ir.And && i+1 < len(e.Args) {
			if s := rangeText(e.Args[i], e.Args[i+1]); s != "" {
				out = append(out, s)
				i++
				continue
			}
			if s := unequalText(e.Args[i], e.Args[i+1]); s != "" {
				out = append(out, s)
				i++
				continue
			}
		}
		if n, ok := e.Args[i].(*ir.InCIDR); ok && e.Op == ir.Or {
			s := "cidr(" + sumText(n.X) + ", '" + n.Prefix.String() + "'"
			for i+1 < len(e.Args) {
				m, ok := e.Args[i+1].(*ir.InCIDR)
				if !ok || ir.FormatExpr(m.X) != ir.FormatExpr(n.X) {
					break
				}
				s += ", '" + m.Prefix.String() + "'"
				i++
			}
			out = append(out, s+")")
			continue
		}
		out = append(out, predText(e.Args[i], least))
	}
	return out
}

// rangeText writes two comparisons with "between"; "" if they are no range.
func rangeText(a, b ir.Expr) string {
	low, ok := a.(*ir.Compare)
	high, also := b.(*ir.Compare)
	if !ok || !also || low.Op != ir.Ge || high.Op != ir.Le || low.Cased || high.Cased || ir.FormatExpr(low.L) != ir.FormatExpr(high.L) {
		return ""
	}
	for _, x := range []ir.Expr{low.L, low.R, high.R} {
		if t := ir.TypeOf(x); t == ir.String || t == ir.Bool {
			return ""
		}
	}
	if _, isLit := low.L.(*ir.Lit); isLit {
		return ""
	}
	return sumText(low.L) + " between " + sumText(low.R) + " and " + sumText(high.R)
}

// unequalText writes presence and difference with "!="; "" if it is something
// else.
func unequalText(a, b ir.Expr) string {
	ex, ok := a.(*ir.Exists)
	not, also := b.(*ir.Not)
	if !ok || !also {
		return ""
	}
	m, ok := not.X.(*ir.Match)
	if !ok || len(m.Any) != 1 {
		return ""
	}
	f, ok := m.X.(*ir.Field)
	text, literal := m.Any[0].Literal()
	if !ok || !literal || f.Name != ex.X.Name {
		return ""
	}
	op := " != "
	if m.Cased {
		op = " !== "
	}
	return columnText(f, f.Name) + op + textLit(m, text)
}

// suffixOf ends a word that minds case.
func suffixOf(cased bool) string {
	if cased {
		return casedSuffix
	}
	return ""
}

// mirrored is the comparison with its sides exchanged.
var mirrored = map[ir.CmpOp]ir.CmpOp{ir.Eq: ir.Eq, ir.Ne: ir.Ne, ir.Lt: ir.Gt, ir.Le: ir.Ge, ir.Gt: ir.Lt, ir.Ge: ir.Le}

func compareText(c *ir.Compare) string {
	op := string(c.Op)
	_, constant := c.R.(*ir.Lit)
	switch {
	case constant && ir.TypeOf(c.R) != ir.String: // has no case
	case c.Cased && c.Op == ir.Eq:
		op = "=="
	case c.Cased && c.Op == ir.Ne:
		op = "!=="
	case c.Cased:
		cannot(c, "", "an order of texts")
	}
	for _, x := range []ir.Expr{c.L, c.R} {
		if lit, ok := x.(*ir.Lit); ok {
			if _, text := lit.Value.(string); text {
				cannot(c, "", "an order of texts")
			}
		}
	}
	return sumText(c.L) + " " + op + " " + sumText(c.R)
}

// matchParts writes what a Match says as alternatives.
func matchParts(m *ir.Match) []string {
	if len(m.Any) == 0 {
		cannot(m, "", "a comparison with no value")
	}
	x, suffix := sumText(m.X), suffixOf(m.Cased)
	var exact, out []string
	for _, p := range m.Any {
		shape, text := p.Shape()
		switch shape {
		case ir.ShapeExact:
			exact = append(exact, textLit(p, text))
		case ir.ShapePrefix:
			out = append(out, x+" startswith"+suffix+" "+textLit(p, text))
		case ir.ShapeSuffix:
			out = append(out, x+" endswith"+suffix+" "+textLit(p, text))
		case ir.ShapeContains, ir.ShapeAny:
			out = append(out, x+" contains"+suffix+" "+textLit(p, text))
		default:
			out = append(out, x+" like"+suffix+" "+regexText(m, patternText(p)))
		}
	}
	switch {
	case len(exact) == 1 && m.Cased:
		out = append([]string{x + " == " + exact[0]}, out...)
	case len(exact) == 1:
		out = append([]string{x + " = " + exact[0]}, out...)
	case len(exact) > 1:
		out = append([]string{x + " in" + suffix + " (" + strings.Join(exact, ", ") + ")"}, out...)
	}
	return out
}

// termParts writes the search for whole terms as alternatives.
func termParts(t *ir.Term) []string {
	var terms []string
	for _, p := range t.Any {
		text, ok := p.Literal()
		if !ok || text == "" {
			cannot(t, "", "a term %q with a wildcard", p)
		}
		terms = append(terms, textLit(p, text))
	}
	x := sumText(t.X)
	switch {
	case len(terms) == 0:
		cannot(t, "", "a comparison with no value")
	case len(terms) > 1 && !t.Cased:
		return []string{x + " has_any (" + strings.Join(terms, ", ") + ")"}
	}
	for i, s := range terms {
		terms[i] = x + " has" + suffixOf(t.Cased) + " " + s
	}
	return terms
}

// mirror puts constants on the right of comparisons, where the language reads
// them.
func mirror(e ir.Expr) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		c, ok := e.(*ir.Compare)
		if !ok {
			return e
		}
		_, left := c.L.(*ir.Lit)
		_, right := c.R.(*ir.Lit)
		if !left || right {
			return e
		}
		d := *c
		d.Op, d.L, d.R = mirrored[c.Op], c.R, c.L
		return &d
	})
}
