package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity orders diagnostics by what they stop.
type Severity int

const (
	// Info says something that a reviewer may want to know; nothing is wrong.
	Info Severity = iota
	// Warning marks output that differs from what was written, or a habit
	// that hurts; the output is still produced.
	Warning
	// Error means that there is no output for the document or the target.
	Error
)

var severityNames = [...]string{Info: "info", Warning: "warning", Error: "error"}

func (s Severity) String() string { return severityNames[s] }

// Code names one kind of diagnostic for good: HC and four digits. Every code
// has a page under diag/codes that "huntc explain" prints.
//
//	HC00xx  files and YAML             HC04xx  hunt block and pipeline
//	HC01xx  document keys and metadata HC05xx  schema and huntc.yaml
//	HC02xx  detection and condition    HC06xx  build, goldens, cache
//	HC03xx  lowering: what a target cannot say, and fidelity
type Code string

// Diagnostic is one finding. Message is a sentence about what is wrong, Hint a
// sentence about what to do; neither ends in a newline.
type Diagnostic struct {
	Span
	Severity Severity
	Code     Code
	Message  string
	Hint     string
}

// List collects diagnostics; the zero value is an empty list.
type List []Diagnostic

func (l *List) add(sev Severity, code Code, at Node, hint, format string, args []any) {
	var span Span
	if at != nil {
		span = at.At()
	}
	*l = append(*l, Diagnostic{Span: span, Severity: sev, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Errorf adds an error at a node; hint may be empty.
func (l *List) Errorf(code Code, at Node, hint, format string, args ...any) {
	l.add(Error, code, at, hint, format, args)
}

// Warnf adds a warning at a node; hint may be empty.
func (l *List) Warnf(code Code, at Node, hint, format string, args ...any) {
	l.add(Warning, code, at, hint, format, args)
}

// Infof adds an information at a node; hint may be empty.
func (l *List) Infof(code Code, at Node, hint, format string, args ...any) {
	l.add(Info, code, at, hint, format, args)
}

// HasErrors reports whether any diagnostic is an error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sort orders by file, place, code and message, and drops exact repeats, so
// that output never depends on the order in which work was done.
func (l *List) Sort() {
	slices.SortStableFunc(*l, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
	*l = slices.Compact(*l)
}
