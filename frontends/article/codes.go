package article

import "github.com/huntc/huntc/diag"

// Every code has its page in diag/codes. Those of values that are shaped like
// indicators and are none are package ioc's.
const (
	codeNotUTF8  diag.Code = "HC0731"
	codeTooLarge diag.Code = "HC0732"
	// CodeNothing says that a draft is empty.
	CodeNothing   diag.Code = "HC0733"
	codeMention   diag.Code = "HC0743"
	codeLink      diag.Code = "HC0744"
	codeAuthor    diag.Code = "HC0745"
	codeMalformed diag.Code = "HC0746"
	codeDoubtful  diag.Code = "HC0747"
	codeNotRead   diag.Code = "HC0748"
	codeMetadata  diag.Code = "HC0749"
	codeNoSource  diag.Code = "HC0750"
)
