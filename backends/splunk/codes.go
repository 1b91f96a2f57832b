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
)
