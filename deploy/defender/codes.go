package defender

import "github.com/huntc/huntc/diag"

// Every code has its page in diag/codes.
const (
	codeIdentity   diag.Code = "HC0921" // the rows do not say which event they are of
	codeNoEntity   diag.Code = "HC0922" // nothing that an alert could be about
	codeEntity     diag.Code = "HC0923" // a column that cannot be an entity
	codeLookBack   diag.Code = "HC0924" // looks further back than the service
	codeContinuous diag.Code = "HC0925" // cannot run all the time
	codeOutside    diag.Code = "HC0926" // a function that continuous detections are not documented to have
	codeTimeFilter diag.Code = "HC0927" // native text that filters by time
	codeAction     diag.Code = "HC0928" // a response without the column that it needs
	codeSplunkOnly diag.Code = "HC0929" // a setting of Splunk
	codeTexts      diag.Code = "HC0930" // more columns in a text than the service fills
	codeSentinel   diag.Code = "HC0931" // a table that Sentinel does not have
	codeUnchecked  diag.Code = "HC0932" // native text that is not understood
	codeName       diag.Code = "HC0933" // two rules of the same name
	codeTooLong    diag.Code = "HC0934" // a query that is longer than Sentinel takes
)
