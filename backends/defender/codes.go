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
	// Texts of people, see LiftText.
	codeTextColumn    diag.Code = "HC0843" // column that the rows do not have
	codeTextTable     diag.Code = "HC0844" // table that Defender does not have
	codeTextOperator  diag.Code = "HC0845" // operator that is not read
	codeTextFunction  diag.Code = "HC0846" // function that is not known
	codeTextAggregate diag.Code = "HC0847" // aggregate that is not read
	codeTextCondition diag.Code = "HC0848" // condition that is not read
	codeTextList      diag.Code = "HC0849" // rows in the place of a list or value
	codeTextName      diag.Code = "HC0850" // name that stands for something else
	codeTooMuch       diag.Code = "HC0851" // definitions that come to too much
	codeNoQuery       diag.Code = "HC0852" // definitions without a query
	codeRetention     diag.Code = "HC0371" // look-back beyond what Defender keeps
	codeDeploy        diag.Code = "HC0370" // result that no custom detection can be made of
	codeMacro         diag.Code = "HC0372" // macro of Splunk
)
