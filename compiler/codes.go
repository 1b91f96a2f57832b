package compiler

import "github.com/huntc/huntc/diag"

const (
	// codeNoDataset is one of the schema's. It is about the document and not the
	// target, so its hint has to be the same for all: see sourceHint.
	codeNoDataset diag.Code = "HC0501"

	codeNoColumn diag.Code = "HC0301" // one of the schema's: the target has no column for the field
	codeNoField  diag.Code = "HC0302" // one of the schema's: the dataset has no such field
	codeBound    diag.Code = "HC0521" // one of the schema's: a column of one target
	codeNarrower diag.Code = "HC0522" // one of the schema's: no dataset has all rows that are read
	codeReworded diag.Code = "HC0525" // one of the schema's: the logical form says a little more or less
	codeNotThere diag.Code = "HC0526" // one of the schema's: a column that is only shown is not there

	codeConfigYAML  diag.Code = "HC0550" // huntc.yaml is not YAML
	codeConfigKey   diag.Code = "HC0551" // unknown key in huntc.yaml
	codeConfigValue diag.Code = "HC0552" // unusable value in huntc.yaml

	codeUnreadable  diag.Code = "HC0600" // file cannot be read
	codeTooLarge    diag.Code = "HC0601" // file larger than the cap
	codeNotRegular  diag.Code = "HC0602" // a pipe, socket or device
	codeNoDocuments diag.Code = "HC0603" // nothing to compile under a path
	codeSameOutput  diag.Code = "HC0604" // a.yaml beside a.yml

	codeStale   diag.Code = "HC0610" // golden differs
	codeMissing diag.Code = "HC0611" // golden missing
	codeOrphan  diag.Code = "HC0612" // golden without a hunt

	codeUnusedAllow diag.Code = "HC0620" // allow of something that does not occur
	codeOtherTarget diag.Code = "HC0621" // the document names other targets
	codeCounted     diag.Code = "HC0622" // there to be counted
	codeImport      diag.Code = "HC0630" // no document of an imported hunt
	codeDraft       diag.Code = "HC0751" // an article, not a briefing
	codeNoTemplate  diag.Code = "HC0752" // an indicator that no template looks for
	codeInternal    diag.Code = "HC0699" // a defect of huntc itself
)
