package diff

import "github.com/huntc/huntc/ir"

var PathFields, AccountFields = pathFields, accountFields

// Alternatives are those of a regular expression.
func Alternatives(source string) []string { return alternatives(source) }

// Within proves a => b of conditions as they come.
func Within(a, b ir.Expr) bool {
	return within(spread(ir.CanonicalExpr(plain(a))), spread(ir.CanonicalExpr(plain(b))))
}
