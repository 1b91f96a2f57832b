package kql

import (
	"fmt"

	"github.com/huntc/huntc/diag"
)

// Walk calls f for a node and, if f returns true, walks the nodes below it in
// the order of the text. It visits *Query, *Let, the sources, operators and
// expressions, and the elements *ColumnDecl, *NamedExpr, *SortKey, *JoinKey and
// *Param.
func Walk(n diag.Node, f func(diag.Node) bool) {
	if !f(n) {
		return
	}
	switch n := n.(type) {
	case *Query:
		for _, l := range n.Lets {
			Walk(l, f)
		}
		Walk(n.Source, f)
		for _, op := range n.Ops {
			Walk(op, f)
		}
	case *UnionSource:
		walkUnion(n.Params, n.Inputs, f)
	case *UnionOp:
		walkUnion(n.Params, n.Inputs, f)
	case *Let:
		Walk(n.Query, f)
	case *Datatable:
		for i := range n.Cols {
			Walk(&n.Cols[i], f)
		}
		walkExprs(n.Values, f)
	case *Apply:
		walkExprs(n.Args, f)
	case *Where:
		Walk(n.Pred, f)
	case *Extend:
		walkNamed(n.Cols, f)
	case *Project:
		walkNamed(n.Cols, f)
	case *ProjectAway:
		walkColumns(n.Names, f)
	case *ProjectKeep:
		walkColumns(n.Names, f)
	case *ProjectReorder:
		walkColumns(n.Names, f)
	case *ProjectRename:
		walkNamed(n.Cols, f)
	case *SubQuery:
		Walk(n.Query, f)
	case *Summarize:
		walkNamed(n.Aggs, f)
		walkNamed(n.By, f)
	case *Distinct:
		walkColumns(n.Names, f)
	case *Sort:
		for i := range n.Keys {
			Walk(&n.Keys[i], f)
		}
	case *Top:
		Walk(&n.Key, f)
	case *Serialize:
		walkNamed(n.Cols, f)
	case *JoinOp:
		walkJoin(n.Right, n.On, f)
	case *Lookup:
		walkJoin(n.Right, n.On, f)
	case *NamedExpr:
		Walk(n.X, f)
	case *SortKey:
		Walk(n.X, f)
	case *JoinKey:
		Walk(n.Left, f)
		if n.Right != n.Left {
			Walk(n.Right, f)
		}
	case *Dynamic:
		walkExprs(n.Items, f)
	case *Logic:
		walkExprs(n.Args, f)
	case *Binary:
		Walk(n.L, f)
		Walk(n.R, f)
	case *In:
		Walk(n.X, f)
		walkExprs(n.Values, f)
	case *Between:
		Walk(n.X, f)
		Walk(n.A, f)
		Walk(n.B, f)
	case *Call:
		walkExprs(n.Args, f)
	case *Path:
		Walk(n.X, f)
	case *Index:
		Walk(n.X, f)
		Walk(n.I, f)
	case *Neg:
		Walk(n.X, f)
	case *Table, *Take, *Unknown, *Param, *ColumnDecl, *Column, *Star, *String, *Number, *Bool, *Timespan, *Datetime, *Typed:
	default:
		panic(fmt.Sprintf("kql: unhandled node %T", n))
	}
}

func walkUnion(params []*Param, inputs []*Query, f func(diag.Node) bool) {
	for _, p := range params {
		Walk(p, f)
	}
	for _, q := range inputs {
		Walk(q, f)
	}
}

func walkJoin(right *Query, on []JoinKey, f func(diag.Node) bool) {
	Walk(right, f)
	for i := range on {
		Walk(&on[i], f)
	}
}

func walkNamed(cols []NamedExpr, f func(diag.Node) bool) {
	for i := range cols {
		Walk(&cols[i], f)
	}
}

func walkColumns(names []*Column, f func(diag.Node) bool) {
	for _, c := range names {
		Walk(c, f)
	}
}

func walkExprs(xs []Expr, f func(diag.Node) bool) {
	for _, x := range xs {
		Walk(x, f)
	}
}
