package defender

import "github.com/huntc/huntc/diag"

// Codes of this package; diag/codes has a page for each.
const (
	codeRegexp    diag.Code = "HC0361" // regular expression that Kusto cannot run
	codeTypes     diag.Code = "HC0362" // operands of types that Kusto does not compare
	codeAggregate diag.Code = "HC0363" // aggregate that Kusto cannot compute
	codeColumn    diag.Code = "HC0364" // no such column at that point
	codeDepth     diag.Code = "HC0365" // nested deeper than Kusto's parser goes
	codeSize      diag.Code = "HC0366" // longer than the parser reads
	codeNative    diag.Code = "HC0367" // native text, and what is wrong in it
	codeLift      diag.Code = "HC0368" // text that cannot be lifted
	codeSyntax    diag.Code = "HC0369" // text that is not Kusto
	codeDeploy    diag.Code = "HC0370" // result that no custom detection can be made of
)
