package ir

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Format shows a query as text, one node a line, sources first. It is the
// form of "huntc lift --format ir" and of test failures; two queries with the
// same text are the same but for positions.
func Format(q Query) string {
	var b strings.Builder
	format(&b, q, "")
	return b.String()
}

func format(b *strings.Builder, q Query, indent string) {
	in := Inputs(q)
	if len(in) == 1 {
		format(b, in[0], indent)
	}
	b.WriteString(indent)
	switch q := q.(type) {
	case *Scan:
		if p := q.Physical; p != nil {
			fmt.Fprintf(b, "scan %s %s", p.View, p.Table)
		} else {
			fmt.Fprintf(b, "scan %s", q.Source)
		}
		if q.LookBack != 0 {
			fmt.Fprintf(b, " last %s", q.LookBack)
		}
	case *Table:
		fmt.Fprintf(b, "table %s(%s)", q.Name, strings.Join(q.Cols, ", "))
		for _, row := range q.Rows {
			fmt.Fprintf(b, " %q", row)
		}
	case *Filter:
		b.WriteString("filter " + FormatExpr(q.Pred))
	case *Extend:
		b.WriteString("extend " + formatCols(q.Cols))
	case *Aggregate:
		b.WriteString("aggregate")
		for i, a := range q.Aggs {
			if i > 0 {
				b.WriteByte(',')
			}
			x := ""
			if a.X != nil {
				x = FormatExpr(a.X)
			}
			switch a.Func {
			case Percentile:
				x += fmt.Sprintf(", %g", a.P)
			case ArgMin, ArgMax:
				x = a.Of.Name + ", " + x
			}
			for _, m := range a.More {
				x += ", " + FormatExpr(m)
			}
			name := string(a.Func)
			if a.Native != "" {
				name += "[" + a.Native + "]"
			}
			fmt.Fprintf(b, " %s = %s(%s)", a.As, name, x)
		}
		if len(q.By) > 0 {
			b.WriteString(" by " + formatCols(q.By))
		}
	case *Window:
		fmt.Fprintf(b, "gaps %s = %s by %s", q.As, q.Of.Name, formatFields(q.By))
		if q.Offset > 1 {
			fmt.Fprintf(b, " offset %d", q.Offset)
		}
	case *Session:
		fmt.Fprintf(b, "session %s = %s gap %s by %s", q.As, q.Of.Name, q.Gap, formatFields(q.By))
	case *Stretches:
		fmt.Fprintf(b, "stretches %s = %s length %s by %s", q.As, q.Of.Name, q.Length, formatFields(q.By))
	case *Lag:
		fmt.Fprintf(b, "lag %s = %s along %s by %s", q.As, q.X.Name, q.Of.Name, formatFields(q.By))
	case *Rank:
		fmt.Fprintf(b, "rank %s = %s by %s", q.As, formatKeys(q.Keys), formatFields(q.By))
	case *Union:
		b.WriteString("union")
		if q.Source != "" {
			b.WriteString(" from " + q.Source)
		}
		b.WriteByte('\n')
		for _, u := range q.Inputs {
			format(b, u, indent+"  ")
			b.WriteString(indent + "  --\n")
		}
		return
	case *Join:
		fmt.Fprintf(b, "join %s on %s", q.Kind, formatFields(q.On))
		if q.RightOn != nil {
			b.WriteString(" = " + formatFields(q.RightOn))
		}
		if q.Repeat {
			b.WriteString(" repeat")
		}
		b.WriteByte('\n')
		format(b, q.Left, indent+"  ")
		b.WriteString(indent + "  --\n")
		format(b, q.Right, indent+"  ")
		return
	case *Project:
		b.WriteString("project " + formatCols(q.Cols))
	case *Distinct:
		if q.Whole {
			b.WriteString("whole ")
		}
		b.WriteString("distinct " + formatFields(q.By))
	case *Sort:
		b.WriteString("sort " + formatKeys(q.Keys))
	case *Limit:
		fmt.Fprintf(b, "limit %d", q.N)
	}
	b.WriteByte('\n')
}

// String shows a logsource as category/product/service.
func (l Logsource) String() string {
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return dash(l.Category) + "/" + dash(l.Product) + "/" + dash(l.Service)
}

func formatCols(cols []*Col) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		if f, ok := c.X.(*Field); ok && f.Name == c.As {
			parts[i] = c.As
		} else {
			parts[i] = c.As + " = " + FormatExpr(c.X)
		}
	}
	return strings.Join(parts, ", ")
}

func formatKeys(keys []*SortKey) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.X.Name + " asc"
		if k.Desc {
			parts[i] = k.X.Name + " desc"
		}
	}
	return strings.Join(parts, ", ")
}

func formatFields(fields []*Field) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.Name
	}
	return strings.Join(parts, ", ")
}

// FormatExpr shows an expression as text in prefix form.
func FormatExpr(e Expr) string {
	var b strings.Builder
	formatExpr(&b, e)
	return b.String()
}

func formatExpr(b *strings.Builder, e Expr) {
	list := func(head string, args ...Expr) {
		b.WriteString(head + "(")
		for i, a := range args {
			if i > 0 {
				b.WriteString(", ")
			}
			formatExpr(b, a)
		}
		b.WriteByte(')')
	}
	cased := func(c bool) string {
		if c {
			return "_cs"
		}
		return ""
	}
	switch e := e.(type) {
	case *Field:
		b.WriteString(e.Name)
	case *Lit:
		switch v := e.Value.(type) {
		case string:
			b.WriteString(strconv.Quote(v))
		case float64:
			b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
		case time.Duration:
			b.WriteString(v.String())
		default:
			fmt.Fprint(b, v)
		}
	case *Logic:
		list(string(e.Op), e.Args...)
	case *Not:
		list("not", e.X)
	case *Compare:
		list(string(e.Op)+cased(e.Cased), e.L, e.R)
	case *Match:
		b.WriteString("match" + cased(e.Cased) + "(")
		formatExpr(b, e.X)
		for _, p := range e.Any {
			b.WriteString(", " + strconv.Quote(p.String()))
		}
		b.WriteByte(')')
	case *Term:
		b.WriteString("term" + cased(e.Cased) + "(")
		formatExpr(b, e.X)
		for _, p := range e.Any {
			b.WriteString(", " + strconv.Quote(p.String()))
		}
		b.WriteByte(')')
	case *Regexp:
		b.WriteString("regex(")
		formatExpr(b, e.X)
		b.WriteString(", " + strconv.Quote(e.Source) + ")")
	case *InCIDR:
		b.WriteString("cidr(")
		formatExpr(b, e.X)
		b.WriteString(", " + e.Prefix.String() + ")")
	case *FieldMatch:
		list(string(e.Kind)+cased(e.Cased), e.X, e.Y)
	case *Keyword:
		name := "keyword"
		if e.Terms {
			name = "term"
		}
		b.WriteString(name + cased(e.Cased) + "(" + strconv.Quote(e.Pattern.String()) + ")")
	case *Exists:
		list("exists", e.X)
	case *Foreign:
		b.WriteString("foreign(" + strconv.Quote(e.Text) + ")")
	case *Macro:
		b.WriteString("macro")
		if e.Command {
			b.WriteString("_command")
		}
		b.WriteString("(" + strings.Join(append([]string{e.Name}, e.Args...), ", ") + ")")
	case *Call:
		list(string(e.Func), e.Args...)
	default:
		panic(fmt.Sprintf("ir: unhandled expression %T", e))
	}
}
