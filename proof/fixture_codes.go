package proof

import "github.com/huntc/huntc/diag"

const (
	codeMissed      diag.Code = "HC0650" // a hit that an engine does not select
	codeFired       diag.Code = "HC0651" // a miss that an engine selects
	codeRows        diag.Code = "HC0652" // other rows than expected
	codeDisagree    diag.Code = "HC0653" // a target's rows are not those of the hunt
	codeNoFixtures  diag.Code = "HC0654" // hunt without a fixture
	codeNoHunt      diag.Code = "HC0655" // folder of fixtures without a hunt
	codeFixtureName diag.Code = "HC0656" // file that no test reads
	codeFixtureFile diag.Code = "HC0657" // unreadable, too large or empty
	codeFixtureJSON diag.Code = "HC0658" // line that is no event
	codeNotRun      diag.Code = "HC0659" // query that cannot be run here
	codeUncovered   diag.Code = "HC0660" // part of a detection that no fixture exercises
	codeUnnoticed   diag.Code = "HC0661" // weakening that no fixture notices
	codeInternal    diag.Code = "HC0699" // a defect of huntc itself
	codeFieldCase   diag.Code = "HC0662" // field that only its case tells from one that the hunt reads
)
