package proof

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/ir"
)

// shownValues is how many values of a list are named in a sentence.
const shownValues = 3

// Say is a predicate in words: "Image ends with one of '\cmd.exe', '\pwsh.exe'".
func Say(e ir.Expr) string {
	switch e := e.(type) {
	case *ir.Logic:
		if len(e.Args) == 0 {
			if e.Op == ir.And {
				return "everything"
			}
			return "nothing"
		}
		parts := make([]string, len(e.Args))
		for i, a := range e.Args {
			parts[i] = Say(a)
			if l, ok := a.(*ir.Logic); ok && len(l.Args) > 1 {
				parts[i] = "(" + parts[i] + ")"
			}
		}
		return strings.Join(parts, " "+string(e.Op)+" ")
	case *ir.Not:
		if l, ok := e.X.(*ir.Logic); ok && len(l.Args) > 1 {
			return "not (" + Say(e.X) + ")"
		}
		return "not " + Say(e.X)
	case *ir.Compare:
		op := string(e.Op)
		if e.Cased && ir.TypeOf(e.R) == ir.String {
			op += " (with case)"
		}
		return sayValue(e.L) + " " + op + " " + sayValue(e.R)
	case *ir.Match:
		return sayValue(e.X) + " " + sayPatterns(e.Any) + sayCase(e.Cased)
	case *ir.Term:
		return sayValue(e.X) + " has the term " + sayList(e.Any, func(p ir.Pattern) string { return p.String() }) + sayCase(e.Cased)
	case *ir.Regexp:
		return sayValue(e.X) + " matches the regular expression " + quote(e.Source)
	case *ir.InCIDR:
		return sayValue(e.X) + " is in " + e.Prefix.String()
	case *ir.FieldMatch:
		verb := map[ir.FieldMatchKind]string{ir.FieldPrefix: "begins", ir.FieldSuffix: "ends"}[e.Kind]
		if verb == "" {
			return e.X.Name + " contains the text of " + e.Y.Name + sayCase(e.Cased)
		}
		return e.X.Name + " " + verb + " with the text of " + e.Y.Name + sayCase(e.Cased)
	case *ir.Keyword:
		return "the event contains " + quote(e.Pattern.String()) + sayCase(e.Cased)
	case *ir.Exists:
		return "there is a " + e.X.Name
	case *ir.Macro:
		return "the macro " + e.Name + " holds"
	}
	return sayValue(e)
}

func sayCase(cased bool) string {
	if cased {
		return ", with case"
	}
	return ""
}

var shapeVerbs = map[ir.Shape]string{ir.ShapeExact: "is", ir.ShapePrefix: "begins with", ir.ShapeSuffix: "ends with", ir.ShapeContains: "contains", ir.ShapeGlob: "is like"}

// sayPatterns groups patterns by what is asked of them, in the order of the
// first of each.
func sayPatterns(patterns []ir.Pattern) string {
	var shapes []ir.Shape
	byShape := map[ir.Shape][]ir.Pattern{}
	for _, p := range patterns {
		s, _ := p.Shape()
		if byShape[s] == nil {
			shapes = append(shapes, s)
		}
		byShape[s] = append(byShape[s], p)
	}
	parts := make([]string, len(shapes))
	for i, s := range shapes {
		if s == ir.ShapeAny {
			parts[i] = "is there"
			continue
		}
		parts[i] = shapeVerbs[s] + " " + sayList(byShape[s], func(p ir.Pattern) string {
			if shape, text := p.Shape(); shape != ir.ShapeGlob {
				return text
			}
			return p.String()
		})
	}
	return strings.Join(parts, " or ")
}

func sayList(patterns []ir.Pattern, text func(ir.Pattern) string) string {
	if len(patterns) == 1 {
		return quote(text(patterns[0]))
	}
	var b strings.Builder
	b.WriteString("one of ")
	for i, p := range patterns {
		if i == shownValues && len(patterns) > shownValues+1 {
			fmt.Fprintf(&b, " and %d more", len(patterns)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(text(p)))
	}
	return b.String()
}

// sayValue is a value of an expression: a column, a constant, a function.
func sayValue(e ir.Expr) string {
	switch e := e.(type) {
	case *ir.Field:
		return e.Name
	case *ir.Lit:
		switch v := e.Value.(type) {
		case string:
			return quote(v)
		case time.Duration:
			return ir.SpanText(v)
		}
		return ir.FormatExpr(e)
	case *ir.Call:
		if op, ok := map[ir.FuncID]string{ir.Add: "+", ir.Sub: "-", ir.Mul: "*", ir.Div: "/"}[e.Func]; ok && len(e.Args) == 2 {
			return sayValue(e.Args[0]) + " " + op + " " + sayValue(e.Args[1])
		}
		args := make([]string, len(e.Args))
		for i, a := range e.Args {
			args[i] = sayValue(a)
		}
		return string(e.Func) + "(" + strings.Join(args, ", ") + ")"
	case *ir.Foreign:
		return e.Text
	}
	return "(" + Say(e) + ")"
}

// maxShown is how much of a value a sentence shows.
const maxShown = 120

// maxSentence is how long a predicate in words gets.
const maxSentence = 160

// shortened is a sentence that goes on one line.
func shortened(s string) string {
	if r := []rune(s); len(r) > maxSentence {
		return string(r[:maxSentence]) + "…"
	}
	return s
}

// quote puts a text in single quotes, shortened in the middle: paths differ at
// their end, command lines at their start.
func quote(s string) string {
	r := []rune(s)
	if len(r) > maxShown {
		s = string(r[:maxShown/2]) + "…" + string(r[len(r)-maxShown/2:])
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return "'" + s + "'"
}

// plain is a text without what a terminal would take for a command.
func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}
