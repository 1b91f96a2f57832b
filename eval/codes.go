package eval

import "github.com/huntc/huntc/diag"

const (
	codeBadEvent  diag.Code = "HC0640" // line is no JSON object
	codeLongEvent diag.Code = "HC0641" // line beyond the cap
)
