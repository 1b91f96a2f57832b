package diag

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Format is a way to write a list for people or for another program.
type Format string

const (
	Text   Format = "text"   // Render's
	JSON   Format = "json"   // one object: {"version":1,"diagnostics":[…]}
	SARIF  Format = "sarif"  // SARIF 2.1.0, for code scanning
	GitHub Format = "github" // workflow commands: annotations on the changed lines
	JUnit  Format = "junit"  // one test case a file
)

// Formats lists all formats, the default first.
var Formats = []Format{Text, JSON, SARIF, GitHub, JUnit}

// Run says what was checked, for formats that report more than findings.
type Run struct {
	Version string   // of huntc
	Files   []string // every file that was read, sorted
}

// Write writes the list in a machine's format; the text format is Render's.
func Write(w io.Writer, f Format, list List, run Run) error {
	switch f {
	case JSON:
		return writeJSON(w, list)
	case SARIF:
		return writeSARIF(w, list, run)
	case GitHub:
		return writeGitHub(w, list)
	case JUnit:
		return writeJUnit(w, list, run)
	}
	return Render(w, list, nil, false)
}

// Wire is a diagnostic as JSON carries it. Columns count runes from 1, the end
// is exclusive. All keys are always there: a line or column that is not known
// is 0, an end that is not known is the start, and a hint that there is not is
// empty.
type Wire struct {
	Code      Code   `json:"code"`
	Severity  string `json:"severity"`
	Message   string `json:"message"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	Hint      string `json:"hint"`
}

// Wire converts for JSON.
func (d Diagnostic) Wire() Wire {
	end := d.EndPos
	if !end.IsValid() {
		end = d.Pos
	}
	return Wire{
		Code: d.Code, Severity: d.Severity.String(), Message: d.Message, Hint: d.Hint,
		File: d.Pos.Filename, Line: d.Pos.Line, Column: d.Pos.Column,
		EndLine: end.Line, EndColumn: end.Column,
	}
}

// Wire converts for JSON; an empty list is [] there, never null.
func (l List) Wire() []Wire {
	out := make([]Wire, 0, len(l))
	for _, d := range l {
		out = append(out, d.Wire())
	}
	return out
}

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(v)
}

func writeJSON(w io.Writer, list List) error {
	return encode(w, struct {
		Version     int    `json:"version"`
		Diagnostics []Wire `json:"diagnostics"`
	}{1, list.Wire()})
}

// The part of SARIF 2.1.0 that code scanning services read.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    Code      `json:"id"`
		Short sarifText `json:"shortDescription"`
		Help  sarifText `json:"help"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID    Code            `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
)

var sarifLevels = [...]string{Info: "note", Warning: "warning", Error: "error"}

func writeSARIF(w io.Writer, list List, run Run) error {
	var codes []Code
	for _, d := range list {
		codes = append(codes, d.Code)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	rules := make([]sarifRule, 0, len(codes))
	for _, c := range codes {
		page, _ := Explain(c)
		rules = append(rules, sarifRule{ID: c, Short: sarifText{Text: Title(c)}, Help: sarifText{Text: page, Markdown: page}})
	}
	results := make([]sarifResult, 0, len(list))
	for _, d := range list {
		index, _ := slices.BinarySearch(codes, d.Code)
		text := d.Message
		if d.Hint != "" {
			text += "\n" + d.Hint
		}
		r := sarifResult{RuleID: d.Code, RuleIndex: index, Level: sarifLevels[d.Severity], Message: sarifText{Text: text}}
		if d.Pos.Filename != "" {
			p := sarifPhysical{Artifact: sarifArtifact{URI: fileURI(d.Pos.Filename)}}
			if d.Pos.IsValid() {
				p.Region = &sarifRegion{StartLine: d.Pos.Line, StartColumn: d.Pos.Column, EndLine: d.EndPos.Line, EndColumn: d.EndPos.Column}
			}
			r.Locations = []sarifLocation{{Physical: p}}
		}
		results = append(results, r)
	}
	return encode(w, sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs: []sarifRun{{
			Tool:       sarifTool{Driver: sarifDriver{Name: "huntc", Version: run.Version, Rules: rules}},
			ColumnKind: "unicodeCodePoints",
			Results:    results,
		}},
	})
}

func fileURI(name string) string {
	u := url.URL{Path: filepath.ToSlash(name)}
	if filepath.IsAbs(name) {
		u.Scheme = "file"
	}
	return u.String()
}

var (
	githubData = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProp = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

var githubCommands = [...]string{Info: "notice", Warning: "warning", Error: "error"}

func writeGitHub(w io.Writer, list List) error {
	var buf bytes.Buffer
	for _, d := range list {
		fmt.Fprintf(&buf, "::%s file=%s", githubCommands[d.Severity], githubProp.Replace(d.Pos.Filename))
		for _, p := range []struct {
			key string
			n   int
		}{{"line", d.Pos.Line}, {"col", d.Pos.Column}, {"endLine", d.EndPos.Line}, {"endColumn", d.EndPos.Column}} {
			if p.n > 0 {
				fmt.Fprintf(&buf, ",%s=%d", p.key, p.n)
			}
		}
		text := d.Message
		if d.Hint != "" {
			text += "\n" + d.Hint
		}
		fmt.Fprintf(&buf, ",title=%s::%s\n", d.Code, githubData.Replace(text))
	}
	_, err := buf.WriteTo(w)
	return err
}

type (
	junitSuites struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Suite    junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string         `xml:"name,attr"`
		Class     string         `xml:"classname,attr"`
		Failures  []junitFailure `xml:"failure"`
		SystemOut string         `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    Code   `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit makes a test case of every file: it fails with each of its
// errors; what else was found stands in its output.
func writeJUnit(w io.Writer, list List, run Run) error {
	files := slices.Clone(run.Files)
	for _, d := range list {
		files = append(files, d.Pos.Filename)
	}
	slices.Sort(files)
	files = slices.Compact(files)
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Diagnostic) int { return cmp.Compare(a.Pos.Filename, b.Pos.Filename) })
	suite := junitSuite{Name: "huntc", Tests: len(files)}
	for _, file := range files {
		c := junitCase{Name: cmp.Or(printable(file), "huntc"), Class: "huntc"}
		var notes []string
		for len(list) > 0 && list[0].Pos.Filename == file {
			d := list[0]
			list = list[1:]
			text := fmt.Sprintf("%s: %s %s %s", Place(d.Pos), d.Severity, d.Code, printable(d.Message))
			if d.Hint != "" {
				text += "\n= " + printable(d.Hint)
			}
			if d.Severity == Error {
				c.Failures = append(c.Failures, junitFailure{Message: printable(d.Message), Type: d.Code, Text: text})
			} else {
				notes = append(notes, text)
			}
		}
		if len(c.Failures) > 0 {
			suite.Failures++
		}
		c.SystemOut = strings.Join(notes, "\n")
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(junitSuites{Tests: suite.Tests, Failures: suite.Failures, Suite: suite}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
