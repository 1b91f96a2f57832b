package eval_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

func field(name string) *ir.Field { return &ir.Field{Name: name} }
func lit(v any) *ir.Lit           { return &ir.Lit{Value: v} }

func is(name, text string) *ir.Match {
	var p ir.Pattern
	p.Append(ir.Part{Text: text})
	return &ir.Match{X: field(name), Any: []ir.Pattern{p}}
}

func contains(name, text string) *ir.Match {
	var p ir.Pattern
	p.Append(ir.Part{Wild: ir.Many})
	p.Append(ir.Part{Text: text})
	p.Append(ir.Part{Wild: ir.Many})
	return &ir.Match{X: field(name), Any: []ir.Pattern{p}}
}

func cmp(op ir.CmpOp, l, r ir.Expr) *ir.Compare { return &ir.Compare{Op: op, L: l, R: r} }

var noon = time.Date(2026, 3, 1, 12, 34, 56, 0, time.UTC)

// TestTruthTable is the table of docs/semantics.md: what a predicate and its
// negation say of a missing field, an empty one and others.
func TestTruthTable(t *testing.T) {
	row := eval.NewRow(
		[]string{"empty", "text", "upper", "num", "numtext", "zero", "float", "yes", "yestext", "at", "attext", "dur", "many", "none", "ip4", "ip6", "mapped", "zone"},
		"", "abc", "ABC", 5, "5", "05", 5.0, true, "True", noon, "2026-03-01 12:34:56.000", 90*time.Second, []string{"one", "Two", "7"}, nil,
		"10.0.0.1", "fe80::1", "::ffff:10.0.0.1", "fe80::1%eth0")
	cidr := func(f, p string) ir.Expr { return &ir.InCIDR{X: field(f), Prefix: netip.MustParsePrefix(p)} }
	cased := func(m *ir.Match) *ir.Match { m.Cased = true; return m }
	for _, c := range []struct {
		name string
		e    ir.Expr
		want bool
	}{
		{"missing is no text", is("none", "x"), false},
		{"missing is not the empty text", is("none", ""), false},
		{"missing matches no star", &ir.Match{X: field("none"), Any: []ir.Pattern{{Parts: []ir.Part{{Wild: ir.Many}}}}}, false},
		{"a column that is not there is missing", is("nowhere", ""), false},
		{"empty is the empty text", is("empty", ""), true},
		{"empty matches star", &ir.Match{X: field("empty"), Any: []ir.Pattern{{Parts: []ir.Part{{Wild: ir.Many}}}}}, true},
		{"empty contains the empty text", contains("empty", ""), true},
		{"empty is not x", &ir.Not{X: is("empty", "x")}, true},
		{"missing is not x", &ir.Not{X: is("none", "x")}, true},
		{"exists missing", &ir.Exists{X: field("none")}, false},
		{"exists empty", &ir.Exists{X: field("empty")}, true},
		{"case", is("text", "ABC"), true},
		{"cased", cased(is("text", "ABC")), false},
		{"cased same", cased(is("upper", "ABC")), true},

		{"number", cmp(ir.Eq, field("num"), lit(int64(5))), true},
		{"number and text", cmp(ir.Eq, field("numtext"), lit(int64(5))), true},
		{"leading zero", cmp(ir.Eq, field("zero"), lit(int64(5))), true},
		{"float is int", cmp(ir.Eq, field("float"), lit(int64(5))), true},
		{"number as text", is("num", "5"), true},
		{"whole float as text", is("float", "5"), true},
		{"text 05 is not text 5", is("zero", "5"), false},
		{"number greater", cmp(ir.Gt, field("numtext"), lit(int64(4))), true},
		{"not a number greater", cmp(ir.Gt, field("text"), lit(int64(4))), false},
		{"not a number not greater", &ir.Not{X: cmp(ir.Gt, field("text"), lit(int64(4)))}, true},
		{"not a number differs", cmp(ir.Ne, field("text"), lit(int64(4))), true},
		{"missing greater", cmp(ir.Gt, field("none"), lit(int64(4))), false},
		{"missing not greater", &ir.Not{X: cmp(ir.Gt, field("none"), lit(int64(4)))}, true},
		{"missing differs", cmp(ir.Ne, field("none"), lit(int64(4))), false},
		{"missing is not equal", &ir.Not{X: cmp(ir.Eq, field("none"), lit(int64(4)))}, true},
		{"missing equals missing", cmp(ir.Eq, field("none"), field("nowhere")), false},
		{"missing differs from missing", cmp(ir.Ne, field("none"), field("nowhere")), false},

		{"fields without case", cmp(ir.Eq, field("text"), field("upper")), true},
		{"fields with case", &ir.Compare{Op: ir.Eq, L: field("text"), R: field("upper"), Cased: true}, false},
		{"fields that spell one number", cmp(ir.Eq, field("numtext"), field("zero")), false},
		{"order of texts that spell numbers", cmp(ir.Ge, field("numtext"), field("zero")), true},

		{"true", cmp(ir.Eq, field("yes"), lit(true)), true},
		{"true as text", cmp(ir.Eq, field("yestext"), lit(true)), true},
		{"text of true", is("yes", "TRUE"), true},
		{"true is not 1", cmp(ir.Eq, field("yes"), lit(int64(1))), false},
		{"a column as predicate", field("yes"), true},
		{"a text as predicate", field("text"), false},

		{"hour", cmp(ir.Eq, call(ir.Hour, field("at")), lit(int64(12))), true},
		{"hour of text", cmp(ir.Eq, call(ir.Hour, field("attext")), lit(int64(12))), true},
		{"minute", cmp(ir.Eq, call(ir.Minute, field("at")), lit(int64(34))), true},
		{"day", cmp(ir.Eq, call(ir.Day, field("at")), lit(int64(1))), true},
		{"week", cmp(ir.Eq, call(ir.Week, field("at")), lit(int64(9))), true},
		{"month", cmp(ir.Eq, call(ir.Month, field("at")), lit(int64(3))), true},
		{"year", cmp(ir.Eq, call(ir.Year, field("at")), lit(int64(2026))), true},
		{"hour of missing", &ir.Not{X: cmp(ir.Eq, call(ir.Hour, field("none")), lit(int64(12)))}, true},
		{"instant and its text", cmp(ir.Eq, field("at"), field("attext")), true},
		{"length of time", cmp(ir.Lt, field("dur"), lit(2*time.Minute)), true},
		{"length of time is no number", cmp(ir.Lt, field("dur"), lit(int64(1000))), false},

		{"division of whole numbers", cmp(ir.Eq, call(ir.Div, field("num"), lit(int64(2))), lit(2.5)), true},
		{"division by zero", &ir.Not{X: cmp(ir.Ge, call(ir.Div, field("num"), lit(int64(0))), lit(int64(0)))}, true},
		{"sum past the range", cmp(ir.Gt, call(ir.Add, lit(int64(9223372036854775807)), field("num")), lit(int64(9223372036854775807))), false},
		{"sum past the range is not below", cmp(ir.Lt, call(ir.Add, lit(int64(9223372036854775807)), field("num")), lit(int64(0))), false},
		{"product", cmp(ir.Eq, call(ir.Mul, field("numtext"), lit(int64(-3))), lit(int64(-15))), true},
		{"bin", cmp(ir.Eq, call(ir.Bin, field("num"), lit(int64(4))), lit(int64(4))), true},
		{"bin below zero", cmp(ir.Eq, call(ir.Bin, lit(int64(-1)), lit(int64(4))), lit(int64(-4))), true},
		{"bin of an instant", cmp(ir.Eq, call(ir.Minute, call(ir.Bin, field("at"), lit(time.Hour))), lit(int64(0))), true},
		{"bin of size zero", cmp(ir.Eq, call(ir.Bin, field("num"), lit(int64(0))), field("num")), false},
		{"difference of instants", cmp(ir.Eq, call(ir.Sub, field("at"), field("attext")), lit(time.Duration(0))), true},

		{"concatenation", &ir.Match{X: call(ir.Concat, field("num"), lit("-"), field("text")), Any: is("", "5-ABC").Any}, true},
		{"concatenation with missing", &ir.Match{X: call(ir.Concat, field("none"), field("text")), Any: is("", "abc").Any}, false},
		{"number of a text", cmp(ir.Eq, call(ir.ToNumber, field("zero")), lit(int64(5))), true},
		{"number of no number", cmp(ir.Ne, call(ir.ToNumber, field("text")), lit(int64(5))), false},
		{"text of a number", &ir.Match{X: call(ir.ToString, field("float")), Any: is("", "5").Any}, true},

		{"one of several", is("many", "two"), true},
		{"none of several", &ir.Not{X: is("many", "three")}, true},
		{"several numbers", cmp(ir.Gt, field("many"), lit(int64(6))), true},
		{"several differ from a value of theirs", cmp(ir.Ne, field("many"), lit("one")), false},

		{"v4", cidr("ip4", "10.0.0.0/8"), true},
		{"v4 outside", cidr("ip4", "11.0.0.0/8"), false},
		{"v4 in the network of all v6", cidr("ip4", "::/0"), false},
		{"mapped in v4", cidr("mapped", "10.0.0.0/8"), true},
		{"v4 in mapped", cidr("ip4", "::ffff:10.0.0.0/104"), true},
		{"v6", cidr("ip6", "fe80::/10"), true},
		{"v6 with a zone", cidr("zone", "fe80::/10"), true},
		{"no address", &ir.Not{X: cidr("text", "10.0.0.0/8")}, true},

		{"regex searches", &ir.Regexp{X: field("text"), Source: "b"}, true},
		{"regex has case", &ir.Regexp{X: field("text"), Source: "B"}, false},
		{"regex with a flag", &ir.Regexp{X: field("text"), Source: "(?i)^AB"}, true},
		{"regex on missing", &ir.Regexp{X: field("none"), Source: ".*"}, false},
		{"regex on empty", &ir.Regexp{X: field("empty"), Source: "^$"}, true},

		{"starts with a field", &ir.FieldMatch{X: field("text"), Y: field("upper"), Kind: ir.FieldPrefix}, true},
		{"starts with a field, cased", &ir.FieldMatch{X: field("text"), Y: field("upper"), Kind: ir.FieldPrefix, Cased: true}, false},
		{"contains an empty field", &ir.FieldMatch{X: field("text"), Y: field("empty"), Kind: ir.FieldContains}, true},
		{"contains a missing field", &ir.FieldMatch{X: field("text"), Y: field("none"), Kind: ir.FieldContains}, false},

		{"keyword", &ir.Keyword{Pattern: is("", "BC").Any[0]}, true},
		{"keyword in one of several", &ir.Keyword{Pattern: is("", "tw").Any[0]}, true},
		{"keyword cased", &ir.Keyword{Pattern: is("", "tw").Any[0], Cased: true}, false},

		{"empty and", ir.True(ir.Match{}.Span), true},
		{"empty or", ir.False(ir.Match{}.Span), false},
	} {
		p := compile(t, c.e)
		if got := p(row); got != c.want {
			t.Errorf("%s: %s is %v, want %v", c.name, ir.FormatExpr(c.e), got, c.want)
		}
		if not := compile(t, &ir.Not{X: c.e}); not(row) == c.want {
			t.Errorf("%s: not %s is %v too", c.name, ir.FormatExpr(c.e), c.want)
		}
	}
}

func TestNotEvaluable(t *testing.T) {
	for _, e := range []ir.Expr{
		&ir.Regexp{X: field("f"), Source: "a(?=b)"},
		&ir.Not{X: &ir.Regexp{X: field("f"), Source: `(a)\1`}},
		&ir.Match{X: &ir.Foreign{Text: "lower(f)"}},
		cmp(ir.Eq, call(ir.Add, field("f")), lit(int64(1))),
		cmp(ir.Eq, call(ir.If, field("f")), lit(int64(1))),
		cmp(ir.Eq, call(ir.Coalesce, field("f")), lit(int64(1))),
		cmp(ir.Eq, call(ir.Now), field("f")),
		cmp(ir.Eq, call(ir.Split, field("f"), field("g"), lit(int64(1))), lit("x")),
		cmp(ir.Eq, call(ir.Substring, field("f"), lit(int64(-1))), lit("x")),
		cmp(ir.Eq, call(ir.Substring, field("f"), lit(1.5)), lit("x")),
		cmp(ir.Eq, call(ir.Extract, field("f"), lit("a(?=b)"), lit(int64(0))), lit("x")),
		cmp(ir.Eq, call(ir.Extract, field("f"), lit("(a)"), lit(int64(2))), lit("x")),
	} {
		_, err := eval.CompilePred(e)
		var want *eval.NotEvaluable
		if !errors.As(err, &want) {
			t.Errorf("%s: error %v", ir.FormatExpr(e), err)
		}
	}
}
