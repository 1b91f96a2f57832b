package deploy

import "github.com/huntc/huntc/diag"

// Every code has its page in diag/codes.
const (
	codeNoColumn      diag.Code = "HC0901" // a column that the rows do not have
	codeColumnsHidden diag.Code = "HC0902" // native text whose columns are not known
	codeNoID          diag.Code = "HC0903" // a document that nothing can tell from others
	codeGap           diag.Code = "HC0904" // the runs leave time between them unseen
	codeWrongKind     diag.Code = "HC0905" // a user that is said to be a device
)
