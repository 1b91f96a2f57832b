package splunk

import "github.com/huntc/huntc/diag"

// Every code has its page in diag/codes.
const (
	codeName    diag.Code = "HC0911" // a title that is too long for a saved search
	codeConf    diag.Code = "HC0912" // a search that no .conf file can hold
	codeMacro   diag.Code = "HC0913" // a macro that nobody defines
	codeActions diag.Code = "HC0914" // responses that Splunk does not take
)
