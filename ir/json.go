package ir

import "fmt"

// object is a JSON object; encoding/json writes its keys in order.
type object = map[string]any

// JSON is a query as a value that encoding/json writes: every node is an
// object with its kind under "node" and what it reads under "input", "left",
// "right" or "inputs". Expressions are objects with their kind under "expr".
// Positions are left out.
func JSON(q Query) any {
	if q == nil {
		return nil
	}
	o := object{}
	if in := Inputs(q); len(in) == 1 {
		o["input"] = JSON(in[0])
	}
	switch q := q.(type) {
	case *Scan:
		o["node"] = "scan"
		if p := q.Physical; p != nil {
			o["view"], o["table"] = p.View, p.Table
		} else {
			o["logsource"] = object{"category": q.Source.Category, "product": q.Source.Product, "service": q.Source.Service}
		}
		if q.LookBack != 0 {
			o["lookBack"] = q.LookBack.String()
		}
	case *Table:
		o["node"], o["name"], o["columns"], o["rows"] = "table", q.Name, q.Cols, q.Rows
	case *Filter:
		o["node"], o["predicate"] = "filter", jsonExpr(q.Pred)
	case *Extend:
		o["node"], o["columns"] = "extend", jsonCols(q.Cols)
	case *Aggregate:
		aggs := make([]object, len(q.Aggs))
		for i, a := range q.Aggs {
			aggs[i] = object{"as": a.As, "function": a.Func}
			if a.X != nil {
				aggs[i]["of"] = jsonExpr(a.X)
			}
			if a.Of != nil {
				aggs[i]["by"] = a.Of.Name
			}
			if a.Native != "" {
				aggs[i]["native"] = a.Native
			}
			if len(a.More) > 0 {
				more := make([]any, len(a.More))
				for j, m := range a.More {
					more[j] = jsonExpr(m)
				}
				aggs[i]["more"] = more
			}
			if a.Func == Percentile {
				aggs[i]["percent"] = a.P
			}
		}
		o["node"], o["by"], o["aggregates"] = "aggregate", jsonCols(q.By), aggs
	case *Window:
		o["node"], o["by"], o["of"], o["back"], o["as"] = "gaps", jsonFields(q.By), q.Of.Name, max(1, q.Offset), q.As
	case *Session:
		o["node"], o["by"], o["of"], o["gap"], o["as"] = "sessions", jsonFields(q.By), q.Of.Name, q.Gap.String(), q.As
	case *Stretches:
		o["node"], o["by"], o["of"], o["length"], o["as"] = "stretches", jsonFields(q.By), q.Of.Name, q.Length.String(), q.As
	case *Lag:
		o["node"], o["by"], o["along"], o["of"], o["as"] = "prev", jsonFields(q.By), q.Of.Name, q.X.Name, q.As
	case *Rank:
		o["node"], o["by"], o["keys"], o["as"] = "rank", jsonFields(q.By), jsonKeys(q.Keys), q.As
	case *Union:
		list := make([]any, len(q.Inputs))
		for i, in := range q.Inputs {
			list[i] = JSON(in)
		}
		o = object{"node": "union", "inputs": list}
		if q.Source != "" {
			o["source"] = q.Source
		}
	case *Join:
		o = object{"node": "join", "left": JSON(q.Left), "right": JSON(q.Right), "kind": q.Kind, "on": jsonFields(q.On)}
		if q.RightOn != nil {
			o["rightOn"] = jsonFields(q.RightOn)
		}
		if q.Repeat {
			o["repeat"] = true
		}
	case *Project:
		o["node"], o["columns"] = "project", jsonCols(q.Cols)
	case *Distinct:
		o["node"], o["by"] = "distinct", jsonFields(q.By)
		if q.Whole {
			o["whole"] = true
		}
	case *Sort:
		o["node"], o["keys"] = "sort", jsonKeys(q.Keys)
	case *Limit:
		o["node"], o["rows"] = "limit", q.N
	default:
		panic(fmt.Sprintf("ir: unhandled query %T", q))
	}
	return o
}

func jsonFields(fields []*Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

func jsonCols(cols []*Col) []object {
	out := make([]object, len(cols))
	for i, c := range cols {
		out[i] = object{"as": c.As, "is": jsonExpr(c.X)}
	}
	return out
}

func jsonKeys(keys []*SortKey) []object {
	out := make([]object, len(keys))
	for i, k := range keys {
		out[i] = object{"column": k.X.Name, "descending": k.Desc}
	}
	return out
}

func jsonExpr(e Expr) any {
	o := object{}
	cased := func(c bool) {
		if c {
			o["cased"] = true
		}
	}
	list := func(args []Expr) []any {
		out := make([]any, len(args))
		for i, a := range args {
			out[i] = jsonExpr(a)
		}
		return out
	}
	switch e := e.(type) {
	case *Field:
		o["expr"], o["name"] = "field", e.Name
	case *Lit:
		o["expr"], o["value"] = "literal", e.Value
		if TypeOf(e) == Duration {
			o["expr"], o["value"] = "duration", FormatExpr(e)
		}
	case *Logic:
		o["expr"], o["args"] = e.Op, list(e.Args)
	case *Not:
		o["expr"], o["arg"] = "not", jsonExpr(e.X)
	case *Compare:
		o["expr"], o["op"], o["left"], o["right"] = "compare", e.Op, jsonExpr(e.L), jsonExpr(e.R)
		cased(e.Cased)
	case *Match:
		patterns := make([]string, len(e.Any))
		for i, p := range e.Any {
			patterns[i] = p.String()
		}
		o["expr"], o["of"], o["any"] = "match", jsonExpr(e.X), patterns
		cased(e.Cased)
	case *Term:
		patterns := make([]string, len(e.Any))
		for i, p := range e.Any {
			patterns[i] = p.String()
		}
		o["expr"], o["of"], o["any"] = "term", jsonExpr(e.X), patterns
		cased(e.Cased)
	case *Regexp:
		o["expr"], o["of"], o["regex"] = "regexp", jsonExpr(e.X), e.Source
	case *InCIDR:
		o["expr"], o["of"], o["network"] = "cidr", jsonExpr(e.X), e.Prefix.String()
	case *FieldMatch:
		o["expr"], o["of"], o["kind"], o["column"] = "fieldMatch", e.X.Name, e.Kind, e.Y.Name
		cased(e.Cased)
	case *Keyword:
		o["expr"], o["pattern"] = "keyword", e.Pattern.String()
		cased(e.Cased)
		if e.Terms {
			o["terms"] = true
		}
	case *Exists:
		o["expr"], o["column"] = "exists", e.X.Name
	case *Foreign:
		o["expr"], o["text"] = "foreign", e.Text
	case *Macro:
		o["expr"], o["name"], o["args"] = "macro", e.Name, e.Args
	case *Call:
		o["expr"], o["function"], o["args"] = "call", e.Func, list(e.Args)
	default:
		panic(fmt.Sprintf("ir: unhandled expression %T", e))
	}
	return o
}
