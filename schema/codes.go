package schema

import "github.com/huntc/huntc/diag"

// Codes of this package; diag/codes has a page for each.
const (
	codeNoDataset   diag.Code = "HC0501" // no dataset for the logsource
	codeTypes       diag.Code = "HC0502" // an operator, function or aggregate does not take the type
	codeNever       diag.Code = "HC0503" // a number compared with a text that spells none
	codeTwoTypes    diag.Code = "HC0504" // two types come to stand in one column
	codeBound       diag.Code = "HC0521" // a field is a column of one target
	codeNarrower    diag.Code = "HC0522" // no dataset has all rows that are read
	codeNoSource    diag.Code = "HC0523" // no dataset stands for the table
	codeNoLogical   diag.Code = "HC0524" // what is lifted has no logical form
	codeReworded    diag.Code = "HC0525" // the logical form says a little more or less
	codeNotThere    diag.Code = "HC0526" // a column that is only shown is not there
	codeNoView      diag.Code = "HC0300" // the target has no such data
	codeNoColumn    diag.Code = "HC0301" // the target has no column for the field
	codeNoField     diag.Code = "HC0302" // the dataset has no such field
	codePart        diag.Code = "HC0303" // the target keeps only a part of the field
	codeNoValue     diag.Code = "HC0304" // the value cannot occur in the target's column
	codeNotNumber   diag.Code = "HC0305" // text compared with a number column
	codeKeyword     diag.Code = "HC0306" // keywords need raw events
	codeNotTime     diag.Code = "HC0308" // a part of a date is taken of a text
	codeNoTime      diag.Code = "HC0307" // the table has no time
	codeDataset     diag.Code = "HC0310" // the dataset's rows differ
	codeColumn      diag.Code = "HC0311" // the column's values differ
	codeDropped     diag.Code = "HC0312" // a value of a list has no equivalent
	codeEmpty       diag.Code = "HC0313" // missing and empty are one
	codeNotation    diag.Code = "HC0314" // registry data is written differently
	codeNotShown    diag.Code = "HC0315" // a requested column cannot be shown
	codeHalf        diag.Code = "HC0316" // half of an account's name is compared
	codeLowerCased  diag.Code = "HC0317" // case is lost in the column
	codeEntities    diag.Code = "HC0319" // XML entities
	codeSince       diag.Code = "HC0320" // the column is new in CIM
	codeSpelling    diag.Code = "HC0321" // the target's words are looked into
	codeShown       diag.Code = "HC0322" // the target's words are shown
	codeTableColumn diag.Code = "HC0323" // a lookup's column has the name of the target's
	codeProduct     diag.Code = "HC0318" // the platform is not compared
)
