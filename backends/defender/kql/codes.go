package kql

import "github.com/huntc/huntc/diag"

const (
	codeTooLong         diag.Code = "HC0380"
	codeTooDeep         diag.Code = "HC0381"
	codeBadToken        diag.Code = "HC0382"
	codeSyntax          diag.Code = "HC0383"
	codeRepaired        diag.Code = "HC0841" // a slip that has one reading only
	codeRunTogether     diag.Code = "HC0842" // statements with nothing between them
	codeUnknownOperator diag.Code = "HC0384"
	codeUnreadSource    diag.Code = "HC0845" // Kusto's, but not read
)
