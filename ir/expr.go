package ir

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
)

// Expr is a scalar expression. It is sealed; its members are
// *Field *Lit *Logic *Not *Compare *Match *Term *Regexp *InCIDR *FieldMatch
// *Keyword *Exists *Foreign *Macro *Call.
//
// Predicates are two-valued: every comparison with a missing field is false,
// so its Not is true. Only Exists asks for presence.
type Expr interface {
	diag.Node
	isExpr()
}

type (
	// Field is a column: by its logical name (Sigma's own field names) in a
	// logical query, by the target's name in a physical one. T is filled by
	// schema.Resolve.
	Field struct {
		diag.Span
		Name string
		T    Type
	}
	// Lit is a constant: string, int64, float64, bool or time.Duration.
	Lit struct {
		diag.Span
		Value any
	}
	// Logic is an n-ary And or Or with at least two arguments once
	// normalised; an empty And is true, an empty Or is false.
	Logic struct {
		diag.Span
		Op   LogicOp
		Args []Expr
	}
	// Not is true where X is false.
	Not struct {
		diag.Span
		X Expr
	}
	// Compare compares two values of one type. Eq and Ne on strings ignore
	// case unless Cased. Ne is true only where both sides are present; the
	// Sigma modifier neq is Not of an Eq instead. A number equals a string
	// that spells the same number. Equality between a field and a string
	// without wildcards is a Match; Compare of strings is field to field.
	Compare struct {
		diag.Span
		Op    CmpOp
		L, R  Expr
		Cased bool
	}
	// Match is true where the text of X matches one of the patterns, as a
	// whole. An empty string matches the empty pattern; a missing field
	// matches nothing.
	Match struct {
		diag.Span
		X     Expr
		Any   []Pattern
		Cased bool
	}
	// Term is true where one of the patterns stands somewhere in the text of X
	// as a whole term: no letter or digit goes on where one stands at the
	// pattern's edge, unless a wildcard does. A missing field has no terms.
	Term struct {
		diag.Span
		X     Expr
		Any   []Pattern
		Cased bool
	}
	// Regexp is an unanchored search. The flags are part of Source, as
	// (?ims) at its start.
	Regexp struct {
		diag.Span
		X      Expr
		Source string
	}
	// InCIDR is true where X is an address inside the network.
	InCIDR struct {
		diag.Span
		X      Expr
		Prefix netip.Prefix
	}
	// FieldMatch compares the text of X with the text of Y plus wildcards:
	// Sigma's fieldref with startswith, endswith or contains.
	FieldMatch struct {
		diag.Span
		X, Y  *Field
		Kind  FieldMatchKind
		Cased bool
	}
	// Keyword is true where any text of the whole event matches the pattern
	// somewhere.
	// With Terms it has to be a whole term there: no letter or digit may go on
	// where one stands at the pattern's edge, unless a wildcard does.
	Keyword struct {
		diag.Span
		Pattern Pattern
		Cased   bool
		Terms   bool
	}
	// Exists is true where the field is present; an empty string is present.
	Exists struct {
		diag.Span
		X *Field
	}
	// Foreign is an expression in a target's own language over the columns
	// Needs. The schema defines with it, in an Extend right above a physical
	// Scan, a column that the target does not store; in a query that was lifted
	// it is a value, anywhere, for which the IR has no function.
	Foreign struct {
		diag.Span
		Text  string
		Needs []string
		T     Type
	}
	// Macro is a condition that somebody has named in a target's own language
	// and that is not known here. Args are as they were written. Command says
	// that the name stood as a step of its own, not inside a condition.
	Macro struct {
		diag.Span
		Name    string
		Args    []string
		Command bool
	}
	// Call applies a function of the closed table Funcs.
	Call struct {
		diag.Span
		Func FuncID
		Args []Expr
	}
)

func (*Field) isExpr()      {}
func (*Lit) isExpr()        {}
func (*Logic) isExpr()      {}
func (*Not) isExpr()        {}
func (*Compare) isExpr()    {}
func (*Match) isExpr()      {}
func (*Term) isExpr()       {}
func (*Regexp) isExpr()     {}
func (*InCIDR) isExpr()     {}
func (*FieldMatch) isExpr() {}
func (*Keyword) isExpr()    {}
func (*Exists) isExpr()     {}
func (*Foreign) isExpr()    {}
func (*Macro) isExpr()      {}
func (*Call) isExpr()       {}

// LogicOp is And or Or.
type LogicOp string

const (
	And LogicOp = "and"
	Or  LogicOp = "or"
)

// CmpOp is a comparison.
type CmpOp string

const (
	Eq CmpOp = "="
	Ne CmpOp = "!="
	Lt CmpOp = "<"
	Le CmpOp = "<="
	Gt CmpOp = ">"
	Ge CmpOp = ">="
)

// FieldMatchKind says where in X the text of Y must stand.
type FieldMatchKind string

const (
	FieldPrefix   FieldMatchKind = "startswith"
	FieldSuffix   FieldMatchKind = "endswith"
	FieldContains FieldMatchKind = "contains"
)

// Wild is the kind of a pattern part.
type Wild uint8

const (
	Text Wild = iota // Part.Text, literally
	One              // exactly one character: Sigma's ?
	Many             // any run of characters, also none: Sigma's *
)

// Part is literal text or one wildcard.
type Part struct {
	Wild Wild
	Text string
}

// Pattern is a string with wildcards, kept as unescaped parts, never as text
// with a star in it. No two Text parts and no two Many parts are neighbours;
// no Text part is empty. The empty pattern matches the empty string only.
type Pattern struct {
	diag.Span
	Parts []Part
}

// Literal returns the text of a pattern without wildcards.
func (p Pattern) Literal() (string, bool) {
	switch {
	case len(p.Parts) == 0:
		return "", true
	case len(p.Parts) == 1 && p.Parts[0].Wild == Text:
		return p.Parts[0].Text, true
	}
	return "", false
}

// Shape is the form of a pattern that targets have an operator for.
type Shape uint8

const (
	ShapeExact    Shape = iota // text
	ShapePrefix                // text*
	ShapeSuffix                // *text
	ShapeContains              // *text*
	ShapeAny                   // *
	ShapeGlob                  // anything else
)

// Shape classifies the pattern and returns its one literal text; the text is
// empty for ShapeAny and ShapeGlob.
func (p Pattern) Shape() (Shape, string) {
	if s, ok := p.Literal(); ok {
		return ShapeExact, s
	}
	q := p.Parts
	switch {
	case len(q) == 1 && q[0].Wild == Many:
		return ShapeAny, ""
	case len(q) == 2 && q[0].Wild == Text && q[1].Wild == Many:
		return ShapePrefix, q[0].Text
	case len(q) == 2 && q[0].Wild == Many && q[1].Wild == Text:
		return ShapeSuffix, q[1].Text
	case len(q) == 3 && q[0].Wild == Many && q[1].Wild == Text && q[2].Wild == Many:
		return ShapeContains, q[1].Text
	}
	return ShapeGlob, ""
}

// Append adds a part and keeps the pattern in its canonical form.
func (p *Pattern) Append(part Part) {
	if part.Wild == Text && part.Text == "" {
		return
	}
	if n := len(p.Parts); n > 0 {
		last := &p.Parts[n-1]
		switch {
		case part.Wild == Text && last.Wild == Text:
			last.Text += part.Text
			return
		case part.Wild == Many && last.Wild == Many:
			return
		}
	}
	p.Parts = append(p.Parts, part)
}

// TextPattern is the pattern that matches exactly s.
func TextPattern(at diag.Span, s string) Pattern {
	p := Pattern{Span: at}
	p.Append(Part{Text: s})
	return p
}

// Equal reports whether two patterns are the same, part by part.
func (p Pattern) Equal(q Pattern) bool { return slices.Equal(p.Parts, q.Parts) }

// String shows the pattern in Sigma's notation, in which two patterns read the
// same only if they are.
func (p Pattern) String() string {
	var b strings.Builder
	for i, part := range p.Parts {
		switch part.Wild {
		case One:
			b.WriteByte('?')
		case Many:
			b.WriteByte('*')
		default:
			writeEscaped(&b, part.Text, i+1 < len(p.Parts))
		}
	}
	return b.String()
}

// writeEscaped puts a backslash before each * and ?, and doubles the
// backslashes that stand before one, or at the end before a wildcard: only
// there does a backslash mean something in Sigma.
func writeEscaped(b *strings.Builder, s string, wildcardFollows bool) {
	backslashes := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			backslashes++
		case '*', '?':
			b.WriteString(strings.Repeat(`\`, backslashes))
			backslashes = 0
			b.WriteByte('\\')
		default:
			backslashes = 0
		}
		b.WriteByte(s[i])
	}
	if wildcardFollows {
		b.WriteString(strings.Repeat(`\`, backslashes))
	}
}

// True and False are the constants of the predicate language.
func True(at diag.Span) Expr  { return &Logic{Span: at, Op: And} }
func False(at diag.Span) Expr { return &Logic{Span: at, Op: Or} }

// NewLogic builds an n-ary node, flattening children of the same operator and
// unwrapping a single argument.
func NewLogic(at diag.Span, op LogicOp, args ...Expr) Expr {
	flat := make([]Expr, 0, len(args))
	for _, a := range args {
		if l, ok := a.(*Logic); ok && l.Op == op {
			flat = append(flat, l.Args...)
			continue
		}
		flat = append(flat, a)
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return &Logic{Span: at, Op: op, Args: flat}
}

// DurationLit is a convenience for pipelines.
func DurationLit(at diag.Span, d time.Duration) *Lit { return &Lit{Span: at, Value: d} }
