package proof

import (
	"math"
	"time"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// While a query for Defender runs, instants are numbers of seconds, since what is
// compiled for it counts lengths of time so: it divides them by 1s, and gaps
// between rows are read back as such numbers. In results they are instants
// again, as Kusto shows them.

// inSeconds is a row with its instants as numbers of seconds.
func inSeconds(row eval.Row) eval.Row {
	for _, name := range row.Columns() {
		if t, ok := row.Get(name).(time.Time); ok {
			row = row.With(name, seconds(t))
		}
	}
	return row
}

// result is a row as it is shown.
func (p *Program) result(row eval.Row) eval.Row {
	row = row.Visible()
	for _, name := range row.Columns() {
		if p.instants[name] {
			row = row.With(name, instant(row.Get(name)))
		}
	}
	return row
}

// instant is a number of seconds since 1970, or a list of them, as instants.
func instant(v any) any {
	switch v := v.(type) {
	case int64:
		return time.Unix(v, 0)
	case float64:
		whole, part := math.Modf(v)
		return time.Unix(int64(whole), int64(math.Round(part*1e6))*1e3)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = instant(x)
		}
		return out
	}
	return v
}

// instantColumns are the columns of a query's rows that hold instants.
func instantColumns(s *schema.Schema, q ir.Query) map[string]bool {
	out := map[string]bool{}
	from := func(in ir.Query) {
		for name, is := range instantColumns(s, in) {
			out[name] = out[name] || is
		}
	}
	cols := func(in map[string]bool, list []*ir.Col) {
		for _, c := range list {
			out[c.As] = isInstant(c.X, in)
		}
	}
	switch q := q.(type) {
	case *ir.Scan:
		if q.Physical != nil {
			if t := s.Table(schema.View(q.Physical.View), q.Physical.Table); t != nil {
				for name, c := range t.Columns {
					if c.Type == "datetime" {
						out[name] = true
					}
				}
			}
		}
	case *ir.Project:
		cols(instantColumns(s, q.Input), q.Cols)
	case *ir.Extend:
		from(q.Input)
		cols(instantColumns(s, q.Input), q.Cols)
	case *ir.Aggregate:
		in := instantColumns(s, q.Input)
		cols(in, q.By)
		for _, a := range q.Aggs {
			switch a.Func {
			case ir.Count, ir.CountIf, ir.DCount, ir.Sum, ir.Stdev:
				out[a.As] = false
			default:
				out[a.As] = a.X != nil && isInstant(a.X, in)
			}
		}
	case *ir.Session:
		from(q.Input)
		out[q.As] = out[q.Of.Name]
	case *ir.Lag:
		from(q.Input)
		out[q.As] = out[q.X.Name]
	case *ir.Window:
		from(q.Input)
		out[q.As] = false
	case *ir.Rank:
		from(q.Input)
		out[q.As] = false
	case *ir.Join: // a column that both have is the left one's
		from(q.Right)
		for name, is := range instantColumns(s, q.Left) {
			out[name] = is
		}
	default:
		for _, in := range ir.Inputs(q) {
			from(in)
		}
	}
	return out
}

// isInstant reports whether an expression over columns is an instant.
func isInstant(e ir.Expr, columns map[string]bool) bool {
	switch e := e.(type) {
	case *ir.Field:
		return columns[e.Name]
	case *ir.Foreign:
		return e.T == ir.Time
	case *ir.Call:
		switch e.Func {
		case ir.Now:
			return true
		case ir.Add:
			return isInstant(e.Args[0], columns) || isInstant(e.Args[1], columns)
		case ir.Sub:
			return isInstant(e.Args[0], columns) && !isInstant(e.Args[1], columns)
		case ir.Bin, ir.Coalesce:
			return isInstant(e.Args[0], columns)
		case ir.If:
			return isInstant(e.Args[1], columns)
		}
	}
	return false
}
