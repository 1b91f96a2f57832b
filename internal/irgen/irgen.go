// Package irgen makes random well-typed predicates, rows and queries for
// property tests. Values and patterns come from one small stock of texts, so
// that predicates hold often enough to tell right from wrong, and the stock is
// hostile: it holds what ends a string, a query or a comment in some language.
package irgen

import (
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

// Now is an instant for hunts to run at that ask for the present time: the
// times that Value makes are of the three days around it.
var Now = time.Date(2026, 1, 2, 18, 0, 0, 0, time.UTC)

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
	Lifted   bool // also what only lifted queries have: semi joins
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
