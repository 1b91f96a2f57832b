package ioc

import "github.com/huntc/huntc/diag"

// The codes of what Lint says. Every code has its page in diag/codes.
const (
	codeCodeSample     diag.Code = "HC0734"
	codeInterpreter    diag.Code = "HC0735"
	codeReserved       diag.Code = "HC0736"
	CodeInfrastructure diag.Code = "HC0737"
	codeVersion        diag.Code = "HC0738"
	codeCommit         diag.Code = "HC0739"
	codePlaceholder    diag.Code = "HC0740"
	CodeFileName       diag.Code = "HC0741"
	codeSuffix         diag.Code = "HC0742"
)
