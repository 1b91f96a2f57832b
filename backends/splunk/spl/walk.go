package spl

import (
	"fmt"

	"github.com/huntc/huntc/diag"
)

// Walk calls f for a node and, where f returns true, for the nodes below it in
// the order of the text. The node is a *Search, a Command, a SearchExpr, an
// Expr, an *Agg or an *Assign.
func Walk(n diag.Node, f func(diag.Node) bool) {
	if !f(n) {
		return
	}
	switch n := n.(type) {
	case *Search:
		for _, c := range n.Commands {
			Walk(c, f)
		}
	case *Tstats:
		walkAggs(n.Aggs, f)
		if n.Where != nil {
			Walk(n.Where, f)
		}
	case *SearchCmd:
		Walk(n.Expr, f)
	case *Where:
		Walk(n.Expr, f)
	case *Eval:
		for i := range n.Assign {
			Walk(&n.Assign[i], f)
		}
	case *Stats:
		walkAggs(n.Aggs, f)
	case *Streamstats:
		walkAggs(n.Aggs, f)
	case *Convert:
		walkAggs(n.Funcs, f)
	case *Append:
		Walk(n.Search, f)
	case *Join:
		Walk(n.Search, f)
	case *Assign:
		Walk(n.Expr, f)
	case *Agg:
		if n.Eval != nil {
			Walk(n.Eval, f)
		}
	case *SearchLogic:
		for _, a := range n.Args {
			Walk(a, f)
		}
	case *SearchNot:
		Walk(n.X, f)
	case *CallExpr:
		walkExprs(n.Args, f)
	case *Binary:
		Walk(n.L, f)
		Walk(n.R, f)
	case *Unary:
		Walk(n.X, f)
	case *InExpr:
		Walk(n.X, f)
		walkExprs(n.Values, f)
	case *From, *Regex, *Rename, *Fields, *Table, *Sort, *Head, *Dedup, *Lookup, *Fillnull, *Filldown, *Rex, *Bin,
		*Mvexpand, *MacroCmd, *Unknown, *SearchCompare, *SearchIn, *SearchTerm, *SearchMacro,
		*FieldRef, *StringLit, *NumberLit:
	default:
		panic(fmt.Sprintf("spl: unhandled %T", n))
	}
}

func walkAggs(aggs []Agg, f func(diag.Node) bool) {
	for i := range aggs {
		Walk(&aggs[i], f)
	}
}

func walkExprs(exprs []Expr, f func(diag.Node) bool) {
	for _, e := range exprs {
		Walk(e, f)
	}
}
