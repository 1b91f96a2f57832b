package briefing

import "github.com/huntc/huntc/diag"

// Every code has its page in diag/codes.
const (
	// CodeNotBriefing says that a file has nothing that only briefings have: it
	// may be an article.
	CodeNotBriefing   diag.Code = "HC0701"
	codeNotUTF8       diag.Code = "HC0702"
	codeTooLarge      diag.Code = "HC0703"
	codeSeverity      diag.Code = "HC0704"
	codeMetadata      diag.Code = "HC0705"
	codeOpenFence     diag.Code = "HC0706"
	codeForeign       diag.Code = "HC0707"
	codeTwiceSection  diag.Code = "HC0708"
	codeAuthorExclude diag.Code = "HC0710"
	codeMention       diag.Code = "HC0711"
	codeCommit        diag.Code = "HC0712"
	codeNoIndicator   diag.Code = "HC0713"
	codeWrongKind     diag.Code = "HC0714"
	codeDoubtful      diag.Code = "HC0715"
	codeElsewhere     diag.Code = "HC0716"
	codeFreeText      diag.Code = "HC0717"
	codeNoQuery       diag.Code = "HC0720"
	codeOrphanQuery   diag.Code = "HC0721"
	codeHuntHeader    diag.Code = "HC0722"
	codeGuessedPair   diag.Code = "HC0723"
	codeSplitBlock    diag.Code = "HC0724"
	codeTwiceID       diag.Code = "HC0725"
	codeBlockLanguage diag.Code = "HC0726"
	codeTemplate      diag.Code = "HC0727"
	codeTechnique     diag.Code = "HC0728"
	codeOtherBriefing diag.Code = "HC0729"
)
