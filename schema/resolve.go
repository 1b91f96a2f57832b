package schema

import "github.com/huntc/huntc/ir"

func implies(pred ir.Expr, w *When) bool { return false }
