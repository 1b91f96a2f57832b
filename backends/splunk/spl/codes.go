package spl

import "github.com/huntc/huntc/diag"

const (
	// codeTooLarge: the text is larger than Parse reads.
	codeTooLarge diag.Code = "HC0350"
	// codeArguments: the arguments of a known command do not have a form that
	// this package reads, or a command it does not know is cut off.
	codeArguments diag.Code = "HC0351"
	// codeTooDeep: parentheses or subsearches nested too deeply.
	codeTooDeep diag.Code = "HC0352"
	// codeUnwritable: a text that Print could not write back.
	codeUnwritable diag.Code = "HC0353"
	// codePipeline: commands and bars do not make a pipeline.
	codePipeline diag.Code = "HC0354"
	// codeNoForm: Splunk takes a form of a command that this package does not.
	codeNoForm diag.Code = "HC0802"
)
