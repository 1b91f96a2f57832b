// Package irgen makes random well-typed predicates, rows and queries for
// property tests. Values and patterns come from one small stock of texts, so
// that predicates hold often enough to tell right from wrong, and the stock is
// hostile: it holds what ends a string, a query or a comment in some language.
package irgen

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// words are the stock of texts.
var words = []string{
	"", "a", "A", "cmd.exe", "CMD.EXE", `C:\Windows\System32\`, `\`, `\\`, `\\host\share`, `HKLM\Software\Run`,
	`"`, `'`, "`", "``", "```", `"""`, `''`, `\"`, `\'`, `"a""b`, "]", "[", "[[", "]]", "|", "| delete", ";", "//", "--", "/*", "*/", "#",
	"*", "?", "**", "%", "_", "$", "$a$", "$$", "${x}", "`macro`", "`macro(1)`", "{", "}", "(", ")", ",", "=", "!=", "<", "~", "^", "@", "&",
	"\n", "\r\n", "\t", "\x00", "\x1b[0m", "\u0085", "\u2028", "\ufeff", "\u200e", "\u202e",
	"null", "NULL", "true", "false", "AND", " OR ", "not", "in", "by", "let x = 1", "TERM(a)", "CASE(a)", "unknown", "*)",
	"0", "1", "01", "1.0", "-1", "10", "9", "1e3", "0x1f", "9223372036854775807", "NaN",
	"é", "É", "e\u0301", "ß", "ẞ", "SS", "ſ", "s", "\u212a", "k", "K", "i", "ı", "Σ", "ς", "σ", "日本", "😀", "\u00a0", "–", "—", "―",
	"10.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fe80::1", "::ffff:10.0.0.1", " ", "  a", "a ",
}

// Text is a random text of up to three words.
func Text(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(3) {
		b.WriteString(pick(r, words))
	}
	return flipCase(r, b.String())
}

// Fields are columns of every type, to generate over.
func Fields() []*ir.Field {
	return []*ir.Field{
		{Name: "Image", T: ir.String}, {Name: "CommandLine", T: ir.String}, {Name: "User", T: ir.String},
		{Name: "ProcessId", T: ir.Int}, {Name: "DestinationPort", T: ir.Int}, {Name: "Score", T: ir.Float},
		{Name: "Initiated", T: ir.Bool}, {Name: "DestinationIp", T: ir.IP},
		{Name: ir.Timestamp, T: ir.Time}, {Name: "CreationTime", T: ir.Time}, {Name: "Elapsed", T: ir.Duration},
	}
}

// Options say what a generator may use beyond the common ground.
type Options struct {
	Keywords bool // Keyword, which reads the whole row
	Multi    bool // fields with several values, in rows
	Sigma    bool // only what the detection of a Sigma document can say
	// Values, if not nil, makes the values of rows in place of Value; patterns
	// are cut from texts that it makes then, most of them.
	Values func(r *rand.Rand, f *ir.Field) any
}

func (o Options) value(r *rand.Rand, f *ir.Field) any {
	if o.Values != nil {
		return o.Values(r, f)
	}
	return Value(r, f.T)
}

// pattern is a pattern for a field: where texts are given, one that some of
// them match.
func (o Options) pattern(r *rand.Rand, f *ir.Field) ir.Pattern {
	if o.Values == nil || r.IntN(6) == 0 {
		return Pattern(r)
	}
	s, ok := o.Values(r, f).(string)
	if !ok {
		return Pattern(r)
	}
	c := []rune(flipCase(r, s))
	i := r.IntN(len(c) + 1)
	j := i + r.IntN(len(c)+1-i)
	var p ir.Pattern
	many := func() { p.Append(ir.Part{Wild: ir.Many}) }
	switch r.IntN(6) {
	case 0:
		p.Append(ir.Part{Text: string(c)})
	case 1:
		p.Append(ir.Part{Text: string(c[:j])})
		many()
	case 2:
		many()
		p.Append(ir.Part{Text: string(c[i:])})
	case 3:
		many()
		p.Append(ir.Part{Text: string(c[i:j])})
		many()
	case 4:
		p.Append(ir.Part{Text: string(c[:i])})
		many()
		p.Append(ir.Part{Text: string(c[j:])})
	default:
		for k, part := range c {
			switch {
			case k == i:
				p.Append(ir.Part{Wild: ir.One})
			case k < j || k > j+1:
				p.Append(ir.Part{Text: string(part)})
			default:
				many()
			}
		}
	}
	return p
}

// Pred is a random predicate over the fields, which are not changed.
func Pred(r *rand.Rand, fields []*ir.Field) ir.Expr { return Options{}.Pred(r, fields) }

// Rows are n random rows with some of the fields missing.
func Rows(r *rand.Rand, fields []*ir.Field, n int) []eval.Row { return Options{}.Rows(r, fields, n) }

// Query is a random query over one or two sources with these fields.
func Query(r *rand.Rand, fields []*ir.Field) ir.Query { return Options{}.Query(r, fields) }

// Pred is a random predicate over the fields.
func (o Options) Pred(r *rand.Rand, fields []*ir.Field) ir.Expr { return o.pred(r, fields, 3) }

func (o Options) pred(r *rand.Rand, fields []*ir.Field, depth int) ir.Expr {
	if depth > 0 {
		switch n := r.IntN(10); {
		case n < 2:
			return &ir.Not{X: o.pred(r, fields, depth-1)}
		case n < 6:
			l := &ir.Logic{Op: pick(r, []ir.LogicOp{ir.And, ir.Or})}
			sizes := []int{0, 1, 2, 2, 2, 3, 3, 4}
			if o.Sigma {
				sizes = sizes[2:]
			}
			for range pick(r, sizes) {
				l.Args = append(l.Args, o.pred(r, fields, depth-1))
			}
			return l
		}
	}
	if o.Keywords && r.IntN(12) == 0 {
		return &ir.Keyword{Pattern: Pattern(r), Cased: r.IntN(3) == 0}
	}
	return o.leaf(r, fields)
}

func (o Options) leaf(r *rand.Rand, fields []*ir.Field) ir.Expr {
	f := pick(r, fields)
	if r.IntN(10) == 0 {
		return &ir.Exists{X: clone(f)}
	}
	cased := r.IntN(3) == 0
	if o.Sigma {
		return o.sigmaLeaf(r, fields, f, cased)
	}
	switch f.T {
	case ir.String, ir.Unknown:
		switch r.IntN(10) {
		case 0:
			if g := other(r, fields, f); g != nil {
				kind := pick(r, []ir.FieldMatchKind{ir.FieldPrefix, ir.FieldSuffix, ir.FieldContains})
				return &ir.FieldMatch{X: clone(f), Y: clone(g), Kind: kind, Cased: cased}
			}
		case 1:
			if g := other(r, fields, f); g != nil {
				return &ir.Compare{Op: pick(r, []ir.CmpOp{ir.Eq, ir.Ne}), L: clone(f), R: clone(g), Cased: cased}
			}
		case 2:
			return &ir.Regexp{X: clone(f), Source: Regexp(r)}
		case 3:
			if g := other(r, fields, f); g != nil {
				return o.match(r, f, &ir.Call{Func: ir.Concat, Args: []ir.Expr{clone(f), &ir.Lit{Value: Text(r)}, clone(g)}}, cased)
			}
		}
		return o.match(r, f, clone(f), cased)
	case ir.IP:
		if r.IntN(2) == 0 {
			return &ir.InCIDR{X: clone(f), Prefix: Prefix(r)}
		}
		return o.match(r, f, clone(f), cased)
	case ir.Bool:
		return &ir.Compare{Op: pick(r, []ir.CmpOp{ir.Eq, ir.Ne}), L: clone(f), R: &ir.Lit{Value: r.IntN(2) == 0}}
	case ir.Int, ir.Float:
		if r.IntN(8) == 0 {
			return o.match(r, f, &ir.Call{Func: ir.ToString, Args: []ir.Expr{clone(f)}}, cased)
		}
		return &ir.Compare{Op: cmpOp(r), L: numeric(r, fields, f), R: numericRight(r, fields, f)}
	case ir.Time:
		switch g := other(r, fields, f); {
		case g != nil && r.IntN(3) == 0:
			return &ir.Compare{Op: cmpOp(r), L: clone(f), R: clone(g)}
		case g != nil && r.IntN(3) == 0:
			diff := &ir.Call{Func: ir.Sub, Args: []ir.Expr{clone(f), clone(g)}}
			return &ir.Compare{Op: cmpOp(r), L: diff, R: &ir.Lit{Value: duration(r)}}
		}
		part := pick(r, []ir.FuncID{ir.Minute, ir.Hour, ir.Day, ir.Week, ir.Month, ir.Year})
		return &ir.Compare{Op: cmpOp(r), L: &ir.Call{Func: part, Args: []ir.Expr{clone(f)}}, R: &ir.Lit{Value: int64(r.IntN(30))}}
	case ir.Duration:
		return &ir.Compare{Op: cmpOp(r), L: clone(f), R: &ir.Lit{Value: duration(r)}}
	}
	return &ir.Exists{X: clone(f)}
}

// sigmaLeaf is what an entry of a detection with one field becomes.
func (o Options) sigmaLeaf(r *rand.Rand, fields []*ir.Field, f *ir.Field, cased bool) ir.Expr {
	n := r.IntN(10)
	g := other(r, fields, f)
	switch {
	case f.T.Numeric() && n < 6:
		op := pick(r, []ir.CmpOp{ir.Eq, ir.Lt, ir.Le, ir.Gt, ir.Ge})
		return &ir.Compare{Op: op, L: clone(f), R: &ir.Lit{Value: int64(r.IntN(14) - 2)}}
	case f.T == ir.IP && n < 6:
		return &ir.InCIDR{X: clone(f), Prefix: Prefix(r)}
	case n == 0 && g != nil && f.T == ir.String:
		kind := pick(r, []ir.FieldMatchKind{ir.FieldPrefix, ir.FieldSuffix, ir.FieldContains})
		return &ir.FieldMatch{X: clone(f), Y: clone(g), Kind: kind, Cased: cased}
	case n == 1 && g != nil:
		return &ir.Compare{Op: ir.Eq, L: clone(f), R: clone(g), Cased: cased}
	case n == 2:
		return &ir.Regexp{X: clone(f), Source: o.regexp(r, f)}
	}
	return o.match(r, f, clone(f), cased)
}

// match matches x, which is made of f.
func (o Options) match(r *rand.Rand, f *ir.Field, x ir.Expr, cased bool) ir.Expr {
	m := &ir.Match{X: x, Cased: cased}
	for range pick(r, []int{1, 1, 1, 2, 3, 10}) {
		m.Any = append(m.Any, o.pattern(r, f))
	}
	return m
}

func numeric(r *rand.Rand, fields []*ir.Field, f *ir.Field) ir.Expr {
	if r.IntN(4) > 0 {
		return clone(f)
	}
	op := pick(r, []ir.FuncID{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Bin, ir.ToNumber})
	switch op {
	case ir.ToNumber:
		texts := slices.DeleteFunc(slices.Clone(fields), func(f *ir.Field) bool { return f.T != ir.String })
		if len(texts) == 0 {
			return clone(f)
		}
		return &ir.Call{Func: op, Args: []ir.Expr{clone(pick(r, texts))}}
	case ir.Bin:
		return &ir.Call{Func: op, Args: []ir.Expr{clone(f), &ir.Lit{Value: int64(1 + r.IntN(10))}}}
	}
	return &ir.Call{Func: op, Args: []ir.Expr{clone(f), numericRight(r, fields, f)}}
}

func numericRight(r *rand.Rand, fields []*ir.Field, f *ir.Field) ir.Expr {
	if g := other(r, fields, f); g != nil && r.IntN(4) == 0 {
		return clone(g)
	}
	if f.T == ir.Float && r.IntN(2) == 0 {
		return &ir.Lit{Value: float64(r.IntN(40))/4 - 2}
	}
	return &ir.Lit{Value: int64(r.IntN(14) - 2)}
}

func cmpOp(r *rand.Rand) ir.CmpOp {
	return pick(r, []ir.CmpOp{ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge})
}

// other is another field of the same type, or nil.
func other(r *rand.Rand, fields []*ir.Field, f *ir.Field) *ir.Field {
	var same []*ir.Field
	for _, g := range fields {
		if g.T == f.T && g.Name != f.Name {
			same = append(same, g)
		}
	}
	if len(same) == 0 {
		return nil
	}
	return pick(r, same)
}

// Pattern is a random pattern; most are of a form that targets have an
// operator for.
func Pattern(r *rand.Rand) ir.Pattern {
	var p ir.Pattern
	many := ir.Part{Wild: ir.Many}
	t := func() ir.Part { return ir.Part{Text: Text(r)} }
	var parts []ir.Part
	switch r.IntN(8) {
	case 0, 1:
		parts = []ir.Part{t()}
	case 2:
		parts = []ir.Part{t(), many}
	case 3:
		parts = []ir.Part{many, t()}
	case 4, 5:
		parts = []ir.Part{many, {Text: flipCase(r, pick(r, words))}, many}
	case 6:
		parts = []ir.Part{t(), many, t()}
	default:
		for range r.IntN(6) {
			parts = append(parts, pick(r, []ir.Part{many, {Wild: ir.One}, {Text: flipCase(r, pick(r, words))}}))
		}
	}
	for _, part := range parts {
		p.Append(part)
	}
	return p
}

// Regexp is a random regular expression of the syntax that RE2, PCRE and
// Rust's regex read alike.
func Regexp(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(pick(r, []string{"", "", "(?i)", "(?s)", "(?im)"}))
	if r.IntN(4) == 0 {
		b.WriteByte('^')
	}
	for range 1 + r.IntN(3) {
		switch r.IntN(6) {
		case 0:
			b.WriteString(pick(r, []string{".*", ".", "[a-z]+", "[^a-z0-9]", "[0-9]{1,3}", `\\`, `\.`, "a?", `[\\/]`}))
		case 1:
			b.WriteString("(" + quoteRegexp(pick(r, words)) + "|" + quoteRegexp(pick(r, words)) + ")")
		default:
			b.WriteString(quoteRegexp(flipCase(r, pick(r, words))))
		}
	}
	if r.IntN(4) == 0 {
		b.WriteByte('$')
	}
	return b.String()
}

func quoteRegexp(s string) string { return regexp.QuoteMeta(s) }

// Prefix is a random network.
func Prefix(r *rand.Rand) netip.Prefix {
	return netip.MustParsePrefix(pick(r, []string{"10.0.0.0/8", "10.0.0.0/24", "192.168.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "::1/128", "fe80::/10", "::/0"}))
}

// regexp is a regular expression for a field: where texts are given, mostly one
// that some of them match.
func (o Options) regexp(r *rand.Rand, f *ir.Field) string {
	if o.Values == nil || r.IntN(3) == 0 {
		return Regexp(r)
	}
	s, _ := o.Values(r, f).(string)
	c := []rune(s)
	i := r.IntN(len(c) + 1)
	j := i + r.IntN(len(c)+1-i)
	return pick(r, []string{"", "(?i)", "(?i)^", "^.*"}) + quoteRegexp(string(c[i:j])) + pick(r, []string{"", ".", "[a-z]?", ".*$"})
}

// Value is a random value of a type.
func Value(r *rand.Rand, t ir.Type) any {
	switch t {
	case ir.Int:
		return int64(r.IntN(14) - 2)
	case ir.Float:
		return float64(r.IntN(40))/4 - 2
	case ir.Bool:
		return r.IntN(2) == 0
	case ir.Time:
		return time.Date(2026, 1, 1+r.IntN(3), r.IntN(24), r.IntN(3)*20, r.IntN(2)*30, 0, time.UTC)
	case ir.Duration:
		return duration(r)
	case ir.IP:
		return pick(r, []string{"10.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fe80::1", "::ffff:10.0.0.1", "not an address", ""})
	}
	return Text(r)
}

func duration(r *rand.Rand) time.Duration { return time.Duration(r.IntN(20)-2) * 30 * time.Second }

// Rows are n random rows.
func (o Options) Rows(r *rand.Rand, fields []*ir.Field, n int) []eval.Row {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	rows := make([][]any, n)
	for i := range rows {
		for _, f := range fields {
			var v any
			switch k := r.IntN(12); {
			case k < 2:
			case k == 2 && o.Multi && f.T == ir.String:
				v = []any{o.value(r, f), o.value(r, f)}
			default:
				v = o.value(r, f)
			}
			rows[i] = append(rows[i], v)
		}
	}
	return eval.NewTable(names, rows...)
}

// Query is a random query.
func (o Options) Query(r *rand.Rand, fields []*ir.Field) ir.Query {
	g := &generator{Options: o, r: r, base: fields}
	q, _ := g.query(3 + r.IntN(4))
	return q
}

type generator struct {
	Options
	r    *rand.Rand
	base []*ir.Field
	n    int // columns named so far
}

func (g *generator) name() string {
	g.n++
	return fmt.Sprintf("c%d", g.n)
}

// query is a random query of about so many nodes, and its columns.
func (g *generator) query(size int) (ir.Query, []*ir.Field) {
	r := g.r
	if size <= 0 {
		source := pick(r, []ir.Logsource{{Category: "process_creation"}, {Product: "windows", Service: "security"}})
		scan := &ir.Scan{Source: source}
		return scan, slices.Clone(g.base)
	}
	switch r.IntN(14) {
	case 0:
		a, fields := g.query(size / 2)
		b, more := g.query(size / 2)
		for _, f := range more {
			if i := slices.IndexFunc(fields, func(e *ir.Field) bool { return e.Name == f.Name }); i < 0 {
				fields = append(fields, f)
			} else if fields[i].T != f.T {
				fields[i] = &ir.Field{Name: f.Name, T: ir.Dynamic}
			}
		}
		return &ir.Union{Inputs: []ir.Query{a, b}}, fields
	case 1:
		a, left := g.query(size / 2)
		b, right := g.query(size / 2)
		var on []*ir.Field
		for _, f := range left {
			if len(on) < 2 && f.T != ir.Dynamic && slices.ContainsFunc(right, func(e *ir.Field) bool { return e.Name == f.Name && e.T == f.T }) {
				on = append(on, clone(f))
			}
		}
		if len(on) == 0 {
			return a, left
		}
		kind := pick(r, []ir.JoinKind{ir.Inner, ir.LeftOuter, ir.Anti})
		if kind != ir.Anti {
			for _, f := range right {
				if !ir.HasField(left, f.Name) {
					left = append(left, f)
				}
			}
		}
		return &ir.Join{Left: a, Right: b, Kind: kind, On: on}, left
	}
	in, fields := g.query(size - 1)
	switch r.IntN(12) {
	case 0, 1:
		return g.aggregate(in, fields)
	case 2:
		q := &ir.Extend{Input: in}
		out := fields
		for range 1 + r.IntN(2) {
			x, t := g.value(fields)
			c := &ir.Col{As: g.name(), X: x}
			q.Cols = append(q.Cols, c)
			out = append(out, &ir.Field{Name: c.As, T: t})
		}
		return q, out
	case 3:
		q := &ir.Project{Input: in}
		var out []*ir.Field
		for _, f := range some(r, fields, 1+r.IntN(5)) {
			q.Cols = append(q.Cols, &ir.Col{As: f.Name, X: clone(f)})
			out = append(out, f)
		}
		if r.IntN(2) == 0 {
			x, t := g.value(fields)
			c := &ir.Col{As: g.name(), X: x}
			q.Cols = append(q.Cols, c)
			out = append(out, &ir.Field{Name: c.As, T: t})
		}
		return q, out
	case 4:
		return &ir.Distinct{Input: in, By: clones(some(r, fields, 1+r.IntN(2)))}, fields
	case 5:
		q := &ir.Sort{Input: in}
		for _, f := range some(r, fields, 1+r.IntN(2)) {
			q.Keys = append(q.Keys, &ir.SortKey{X: clone(f), Desc: r.IntN(2) == 0})
		}
		if r.IntN(2) == 0 {
			return &ir.Limit{Input: q, N: r.IntN(10)}, fields
		}
		return q, fields
	case 6:
		times := slices.DeleteFunc(slices.Clone(fields), func(f *ir.Field) bool { return f.T != ir.Time })
		if len(times) > 0 {
			by, of, as := clones(some(r, keys(fields), r.IntN(3))), clone(pick(r, times)), g.name()
			if r.IntN(3) == 0 {
				return &ir.Session{Input: in, By: by, Of: of, Gap: time.Duration(r.IntN(5)) * time.Hour, As: as}, append(fields, &ir.Field{Name: as, T: ir.Time})
			}
			return &ir.Window{Input: in, By: by, Of: of, Offset: r.IntN(3), As: as}, append(fields, &ir.Field{Name: as, T: ir.Duration})
		}
	}
	return &ir.Filter{Input: in, Pred: g.pred(r, fields, 2)}, fields
}

func (g *generator) aggregate(in ir.Query, fields []*ir.Field) (ir.Query, []*ir.Field) {
	r := g.r
	q := &ir.Aggregate{Input: in}
	var out []*ir.Field
	for _, f := range some(r, keys(fields), r.IntN(3)) {
		q.By = append(q.By, &ir.Col{As: f.Name, X: clone(f)})
		out = append(out, f)
	}
	for range 1 + r.IntN(3) {
		f := pick(r, fields)
		number := f.T.Numeric() || f.T == ir.Duration
		a := &ir.Agg{As: g.name(), X: clone(f)}
		t := f.T
		switch n := r.IntN(8); {
		case n == 0:
			a.Func, a.X, t = ir.Count, nil, ir.Int
		case n == 1:
			a.Func, t = ir.DCount, ir.Int
			if r.IntN(3) == 0 {
				a.X = &ir.Call{Func: ir.Tuple, Args: []ir.Expr{a.X, clone(pick(r, fields))}}
			}
		case n == 2:
			a.Func, t = ir.Values, ir.Dynamic
		case n < 5 && number:
			a.Func = pick(r, []ir.AggFunc{ir.Sum, ir.Avg, ir.Stdev, ir.Percentile})
			if a.Func == ir.Percentile {
				a.P = float64(r.IntN(101))
			}
			if t == ir.Int && (a.Func == ir.Avg || a.Func == ir.Stdev) {
				t = ir.Float
			}
		case n == 5 && ir.HasField(fields, ir.Timestamp):
			a.Func = pick(r, []ir.AggFunc{ir.First, ir.Last})
		case f.T == ir.Dynamic:
			a.Func, a.X, t = ir.Count, nil, ir.Int
		default:
			a.Func = pick(r, []ir.AggFunc{ir.Min, ir.Max})
		}
		q.Aggs = append(q.Aggs, a)
		out = append(out, &ir.Field{Name: a.As, T: t})
	}
	return q, out
}

// value is a random expression that is not a predicate, and its type.
func (g *generator) value(fields []*ir.Field) (ir.Expr, ir.Type) {
	r := g.r
	f := pick(r, fields)
	switch f.T {
	case ir.Int, ir.Float:
		if x, ok := numeric(r, fields, f).(*ir.Call); ok {
			return x, ir.Float
		}
	case ir.Time:
		if r.IntN(2) == 0 {
			return &ir.Call{Func: ir.Bin, Args: []ir.Expr{clone(f), &ir.Lit{Value: time.Hour}}}, ir.Time
		}
		return &ir.Call{Func: ir.Hour, Args: []ir.Expr{clone(f)}}, ir.Int
	}
	return clone(f), f.T
}

// keys are the fields that rows can be grouped by.
func keys(fields []*ir.Field) []*ir.Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f *ir.Field) bool { return f.T == ir.Dynamic })
}

// some are up to n different fields.
func some(r *rand.Rand, fields []*ir.Field, n int) []*ir.Field {
	var out []*ir.Field
	for _, i := range r.Perm(len(fields)) {
		if len(out) < n {
			out = append(out, fields[i])
		}
	}
	return out
}

func clone(f *ir.Field) *ir.Field {
	c := *f
	return &c
}

func clones(fields []*ir.Field) []*ir.Field {
	out := make([]*ir.Field, len(fields))
	for i, f := range fields {
		out[i] = clone(f)
	}
	return out
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// flipCase changes the case of some letters to another one that simple case
// folding makes equal.
func flipCase(r *rand.Rand, s string) string {
	if r.IntN(3) > 0 {
		return s
	}
	return strings.Map(func(c rune) rune {
		if r.IntN(2) == 0 {
			return unicode.SimpleFold(c)
		}
		return c
	}, s)
}
