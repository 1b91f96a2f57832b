package irgen

import (
	"math/rand/v2"
	"net/netip"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// Witness is a random event that satisfies a predicate over logical fields,
// if one is found in so many tries. It need not be an event that a device
// could write; filler, which may be nil, helps it to be one.
func Witness(r *rand.Rand, e ir.Expr, tries int, filler func(field string) Filler) (eval.Row, bool) {
	p, err := eval.CompilePred(e)
	if err != nil {
		return eval.Row{}, false
	}
	for range tries {
		w := &witness{r: r, filler: filler}
		w.want(e, true)
		if row := w.row(); p(row) {
			return row, true
		}
	}
	return eval.Row{}, false
}

// Filler are texts to put before, between and behind those that a predicate
// asks of a field.
type Filler struct{ Start, Middle, End []string }

var anyFiller = Filler{
	Start:  []string{"", "x", "C:", `C:\Windows`, `C:\Users\u\`, "/usr/bin", "a b", " "},
	Middle: []string{"", "", "x", `\`, "a b", " "},
	End:    []string{"", "", "x", ".exe"},
}

// Mutate changes one field of an event: it goes, becomes empty, changes its
// case (which is no change to most predicates), or gets another text.
func Mutate(r *rand.Rand, row eval.Row) eval.Row {
	names := slices.Clone(row.Columns())
	vals := make([]any, len(names))
	for i, n := range names {
		vals[i] = row.Get(n)
	}
	if len(names) == 0 {
		return row
	}
	i := r.IntN(len(names))
	s, ok := vals[i].(string)
	if !ok {
		vals[i] = nil
		return eval.NewRow(names, vals...)
	}
	switch r.IntN(8) {
	case 0:
		vals[i] = nil
	case 1:
		vals[i] = ""
	case 2:
		vals[i] = strings.ToUpper(s)
	case 3:
		vals[i] = s + "x"
	case 4:
		vals[i] = "x" + s
	case 5, 6:
		if c := []rune(s); len(c) > 0 {
			c[r.IntN(len(c))] = 'x'
			vals[i] = string(c)
		}
	case 7:
		if c := []rune(s); len(c) > 0 {
			vals[i] = string(slices.Delete(c, 0, 1+r.IntN(len(c))))
		}
	}
	return eval.NewRow(names, vals...)
}

// witness collects what the fields of an event must hold.
type witness struct {
	r      *rand.Rand
	filler func(string) Filler
	fields []wanted
}

type wanted struct {
	name     string
	patterns []ir.Pattern
	value    any // a value as a whole, in place of patterns
	absent   bool
}

func (w *witness) field(name string) *wanted {
	for i := range w.fields {
		if w.fields[i].name == name {
			return &w.fields[i]
		}
	}
	w.fields = append(w.fields, wanted{name: name})
	return &w.fields[len(w.fields)-1]
}

// want makes e hold, or not, as far as that is easily done. What must not hold
// is mostly left alone: the caller looks at the result.
func (w *witness) want(e ir.Expr, truth bool) {
	switch e := e.(type) {
	case *ir.Not:
		w.want(e.X, !truth)
		return
	case *ir.Logic:
		if (e.Op == ir.And) == truth {
			for _, a := range e.Args {
				w.want(a, truth)
			}
		} else if len(e.Args) > 0 {
			w.want(pick(w.r, e.Args), truth)
		}
		return
	case *ir.Exists:
		f := w.field(e.X.Name)
		f.absent = !truth
		return
	}
	if !truth {
		return
	}
	switch e := e.(type) {
	case *ir.Match:
		if f, ok := e.X.(*ir.Field); ok && len(e.Any) > 0 {
			g := w.field(f.Name)
			g.patterns = append(g.patterns, pick(w.r, e.Any))
		}
	case *ir.Keyword:
		g := w.field("Message")
		var p ir.Pattern
		p.Append(ir.Part{Wild: ir.Many})
		for _, part := range e.Pattern.Parts {
			p.Append(part)
		}
		p.Append(ir.Part{Wild: ir.Many})
		g.patterns = append(g.patterns, p)
	case *ir.Regexp:
		if f, ok := e.X.(*ir.Field); ok {
			if re, err := syntax.Parse(e.Source, syntax.Perl); err == nil {
				var b strings.Builder
				sample(w.r, &b, re)
				var p ir.Pattern
				p.Append(ir.Part{Wild: ir.Many})
				p.Append(ir.Part{Text: b.String()})
				p.Append(ir.Part{Wild: ir.Many})
				g := w.field(f.Name)
				g.patterns = append(g.patterns, p)
			}
		}
	case *ir.InCIDR:
		if f, ok := e.X.(*ir.Field); ok {
			w.field(f.Name).value = addressIn(w.r, e.Prefix).String()
		}
	case *ir.FieldMatch:
		w.field(e.Y.Name).value = "ab"
		w.field(e.X.Name).value = "ab"
	case *ir.Compare:
		w.compare(e)
	}
}

func (w *witness) compare(e *ir.Compare) {
	f, ok := e.L.(*ir.Field)
	if !ok {
		return
	}
	switch r := e.R.(type) {
	case *ir.Field:
		w.field(f.Name).value, w.field(r.Name).value = "ab", "ab"
	case *ir.Lit:
		delta := int64(0)
		switch e.Op {
		case ir.Lt, ir.Ne:
			delta = -1
		case ir.Gt:
			delta = 1
		}
		switch v := r.Value.(type) {
		case int64:
			w.field(f.Name).value = v + delta
		case float64:
			w.field(f.Name).value = v + float64(delta)
		case time.Duration:
			w.field(f.Name).value = v + time.Duration(delta)
		case bool:
			w.field(f.Name).value = v != (e.Op == ir.Ne)
		case string:
			w.field(f.Name).value = v
		}
	}
}

func (w *witness) row() eval.Row {
	var names []string
	var vals []any
	for _, f := range w.fields {
		if f.absent {
			continue
		}
		v := f.value
		if v == nil {
			filler := anyFiller
			if w.filler != nil {
				filler = w.filler(f.name)
			}
			v = w.fill(f.patterns, filler)
		}
		names, vals = append(names, f.name), append(vals, v)
	}
	return eval.NewRow(names, vals...)
}

// fill is a text that the patterns match, if they go together.
func (w *witness) fill(patterns []ir.Pattern, filler Filler) string {
	start, middle, end := "", []string{}, ""
	open, closed := true, false // whether filler may stand before and behind
	for _, p := range patterns {
		shape, _ := p.Shape()
		s := w.text(p, filler)
		switch shape {
		case ir.ShapeExact:
			return s
		case ir.ShapePrefix:
			open = false
			if len(s) > len(start) {
				start = s
			}
		case ir.ShapeSuffix:
			closed = true
			if len(s) > len(end) {
				end = s
			}
		case ir.ShapeContains:
			middle = append(middle, s)
		case ir.ShapeGlob:
			if len(patterns) == 1 {
				return w.globEnds(p, s, filler)
			}
			middle = append(middle, s)
		}
	}
	w.r.Shuffle(len(middle), func(i, j int) { middle[i], middle[j] = middle[j], middle[i] })
	if open {
		start = pick(w.r, filler.Start)
	}
	if !closed {
		end = pick(w.r, filler.End)
	}
	return start + strings.Join(middle, pick(w.r, filler.Middle)) + end
}

// globEnds adds filler where the pattern begins or ends in a wildcard.
func (w *witness) globEnds(p ir.Pattern, s string, filler Filler) string {
	if p.Parts[0].Wild == ir.Many {
		s = pick(w.r, filler.Start) + s
	}
	if p.Parts[len(p.Parts)-1].Wild == ir.Many {
		s += pick(w.r, filler.End)
	}
	return s
}

// text is the pattern's text with its wildcards inside filled in; those at its
// ends are left to the caller.
func (w *witness) text(p ir.Pattern, filler Filler) string {
	var b strings.Builder
	for i, part := range p.Parts {
		switch part.Wild {
		case ir.Text:
			b.WriteString(part.Text)
		case ir.One:
			b.WriteByte('x')
		case ir.Many:
			if i > 0 && i < len(p.Parts)-1 {
				b.WriteString(pick(w.r, filler.Middle))
			}
		}
	}
	return b.String()
}

// sample writes a text that the expression matches, but for what its
// assertions ask.
func sample(r *rand.Rand, b *strings.Builder, re *syntax.Regexp) {
	repeat := func(lo, hi int) {
		for range lo + r.IntN(hi-lo+1) {
			sample(r, b, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, c := range re.Rune {
			b.WriteRune(c)
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			i := r.IntN(len(re.Rune)/2) * 2
			lo, hi := re.Rune[i], re.Rune[i+1]
			c := lo + rune(r.IntN(int(min(hi-lo, 90))+1))
			if !unicode.IsPrint(c) {
				c = hi
			}
			b.WriteRune(c)
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpStar:
		repeat(0, 2)
	case syntax.OpPlus:
		repeat(1, 2)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(re.Min, max(re.Min, min(re.Max, re.Min+1)))
	case syntax.OpAlternate:
		sample(r, b, pick(r, re.Sub))
	case syntax.OpConcat, syntax.OpCapture:
		for _, s := range re.Sub {
			sample(r, b, s)
		}
	}
}

func addressIn(r *rand.Rand, p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		if r.IntN(2) == 0 {
			b[bit/8] |= 1 << (7 - bit%8)
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
