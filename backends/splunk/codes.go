package splunk

import "github.com/huntc/huntc/diag"

// Codes of this package; diag/codes has a page for each.
const (
	codeFieldName   diag.Code = "HC0330" // a field name that SPL cannot write
	codeValue       diag.Code = "HC0331" // a value that SPL cannot write
	codeUnsayable   diag.Code = "HC0332" // no form of SPL can say it
	codeReadsAll    diag.Code = "HC0333" // nothing narrows the dataset
	codeSubsearch   diag.Code = "HC0334" // append and join are cut off
	codeGaps        diag.Code = "HC0335" // times are told apart by the second
	codeTimeZone    diag.Code = "HC0336" // dates are read in the searcher's time zone
	codeNameClash   diag.Code = "HC0337" // two columns would have one name
	codeNotLiftable diag.Code = "HC0338" // SPL that this package does not read
	codeFillCounts  diag.Code = "HC0339" // the model's text for a missing value is summarised
	codeNative      diag.Code = "HC0340" // the document's own text
	codeNativeText  diag.Code = "HC0341" // what is wrong in it
	codeManyValues  diag.Code = "HC0342" // a field with several values is tested value by value
	codePercentile  diag.Code = "HC0343" // a percentile may lie between two values

	// Of LiftText.
	codeNoCommand    diag.Code = "HC0801" // a command that is not read
	codeNoForm       diag.Code = "HC0802" // a form of a command that is not read
	codeNoFunction   diag.Code = "HC0803" // a function that is not read
	codeNoCondition  diag.Code = "HC0804" // a condition that means nothing here
	codeNoField      diag.Code = "HC0805" // the data model has no such field
	codeNoDataset    diag.Code = "HC0806" // there is no such data model
	codeBareName     diag.Code = "HC0807" // a field without the name of its dataset
	codeOpaque       diag.Code = "HC0808" // a macro that is not known
	codeTimeAsText   diag.Code = "HC0809" // a time is read after it became text
	codeNoSpan       diag.Code = "HC0810" // groups by _time without a span
	codeNoOrder      diag.Code = "HC0811" // rows are counted in an order that nobody has set
	codeNoRegex      diag.Code = "HC0812" // a regular expression of another dialect
	codeNoColumn     diag.Code = "HC0813" // a column that is not there
	codeStar         diag.Code = "HC0814" // a star that is no wildcard
	codeNoTime       diag.Code = "HC0815" // a bound of time that is not read
	codeDroppedKeys  diag.Code = "HC0816" // "by" drops rows
	codeNoColumnList diag.Code = "HC0817" // it has to be known which columns there are
	codeNoLookup     diag.Code = "HC0818" // a lookup whose rows are not known
	codeTooLong      diag.Code = "HC0819" // a text, or a pipeline, that is too long to be read
)
