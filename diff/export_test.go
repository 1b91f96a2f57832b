package diff

import "github.com/huntc/huntc/ir"

var PathFields, AccountFields = pathFields, accountFields

// Within proves a => b of conditions as they come.
func Within(a, b ir.Expr) bool {
	return within(spread(ir.CanonicalExpr(plain(a))), spread(ir.CanonicalExpr(plain(b))))
}
