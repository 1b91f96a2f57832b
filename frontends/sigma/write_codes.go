package sigma

import "github.com/huntc/huntc/diag"

// Codes of what writes and lays out documents.
const (
	codeUnsayable    diag.Code = "HC0451" // no words for a part of a hunt
	codeNotWritten   diag.Code = "HC0452" // an attribute that a hunt does not keep
	codeWriteDiffers diag.Code = "HC0453" // what was written reads otherwise
	codeLeftAlone    diag.Code = "HC0454" // a document that Format does not lay out
)
