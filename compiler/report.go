package compiler

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Summary counts what became of the documents.
type Summary struct {
	Documents int
	Hunts     int
	Counted   int // of the hunts: they are there for correlations, and not written
	Targets   []TargetSummary
}

// TargetSummary counts what became of the hunts on one target. A document with
// an error from which there is no hunt at all counts in Error of each.
type TargetSummary struct {
	Target                 string
	OK, Unsupported, Error int
	Exact                  int
	Forms                  []FormCount
}

// FormCount is how many queries of a target have one form.
type FormCount struct {
	Form backends.Form
	N    int
}

// Summary counts.
func (r *Result) Summary() Summary {
	s := Summary{Documents: r.Documents, Hunts: len(r.Hunts)}
	for _, h := range r.Hunts {
		if h.Counted {
			s.Counted++
		}
	}
	for i, name := range r.Targets {
		t := TargetSummary{Target: name, Error: r.lost}
		for _, f := range r.targets[i].forms {
			t.Forms = append(t.Forms, FormCount{Form: f})
		}
		for _, h := range r.Hunts {
			o := &h.Outputs[i]
			switch o.Status {
			case Unsupported:
				t.Unsupported++
			case Failed:
				t.Error++
			case OK:
				t.OK++
				if o.Fidelity == ir.Exact {
					t.Exact++
				}
				for k := range t.Forms {
					if t.Forms[k].Form == o.Form {
						t.Forms[k].N++
					}
				}
			}
		}
		s.Targets = append(s.Targets, t)
	}
	return s
}

// The report's JSON. Objects whose keys are names, of targets and of forms,
// are written from slices, so that their order is the one of the build.
type (
	reportSummary struct {
		Documents int               `json:"documents"`
		Hunts     int               `json:"hunts"`
		Targets   object[reportSum] `json:"targets"`
	}
	reportSum struct {
		OK          int         `json:"ok"`
		Unsupported int         `json:"unsupported"`
		Error       int         `json:"error"`
		Exact       int         `json:"exact"`
		Forms       object[int] `json:"forms"`
	}
	reportHunt struct {
		Path    string               `json:"path"`
		Line    int                  `json:"line"`
		ID      string               `json:"id"`
		Name    string               `json:"name"`
		Title   string               `json:"title"`
		Kind    ir.HuntKind          `json:"kind"`
		Targets object[reportOutput] `json:"targets"`
	}
	reportOutput struct {
		Status      Status        `json:"status"`
		Fidelity    ir.Fidelity   `json:"fidelity"`
		Form        backends.Form `json:"form"`
		FormReason  string        `json:"formReason,omitempty"`
		Query       string        `json:"query"`
		File        string        `json:"file"`
		Diagnostics []diag.Wire   `json:"diagnostics"`
	}
)

// object is a JSON object whose keys keep their order.
type object[V any] []member[V]

type member[V any] struct {
	key   string
	value V
}

func (o object[V]) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			buf.WriteByte(',')
		}
		for j, v := range []any{m.key, m.value} {
			if j > 0 {
				buf.WriteByte(':')
			}
			raw, err := compact(v)
			if err != nil {
				return nil, err
			}
			buf.Write(raw)
		}
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// compact is JSON on one line, with < and > as they are: the queries are read
// by people too.
func compact(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// WriteReport writes the build as one JSON object, a hunt or a diagnostic a
// line, so that two reports can be compared line by line.
func (r *Result) WriteReport(w io.Writer) error {
	sum := r.Summary()
	head := reportSummary{Documents: sum.Documents, Hunts: sum.Hunts, Targets: object[reportSum]{}}
	for _, t := range sum.Targets {
		forms := object[int]{}
		for _, f := range t.Forms {
			forms = append(forms, member[int]{string(f.Form), f.N})
		}
		head.Targets = append(head.Targets, member[reportSum]{t.Target, reportSum{t.OK, t.Unsupported, t.Error, t.Exact, forms}})
	}
	out := bufio.NewWriterSize(w, 1<<16)
	raw, err := compact(head)
	if err != nil {
		return err
	}
	out.WriteString("{\"version\":1,\"summary\":")
	out.Write(raw)
	out.WriteString(",\"hunts\":[")
	for i, h := range r.Hunts {
		if err := writeItem(out, i, r.reportHunt(h)); err != nil {
			return err
		}
	}
	out.WriteString("\n],\"diagnostics\":[")
	for i, d := range r.Diagnostics.Wire() {
		if err := writeItem(out, i, d); err != nil {
			return err
		}
	}
	out.WriteString("\n]}\n")
	return out.Flush() // the first error of all the writing
}

func writeItem(out *bufio.Writer, i int, v any) error {
	raw, err := compact(v)
	if err != nil {
		return err
	}
	if i > 0 {
		out.WriteByte(',')
	}
	out.WriteByte('\n')
	_, err = out.Write(raw)
	return err
}

func (r *Result) reportHunt(h *Hunt) reportHunt {
	out := reportHunt{Path: h.Path, Line: h.Line, ID: h.ID, Name: h.Name, Title: h.Title, Kind: h.Kind, Targets: object[reportOutput]{}}
	for i, o := range h.Outputs {
		ro := reportOutput{Status: o.Status, Fidelity: o.Fidelity, Form: o.Form, FormReason: o.FormReason, Query: strings.TrimSuffix(o.Query, "\n"), Diagnostics: o.Diagnostics.Wire()}
		if o.Status == OK {
			ro.File = o.File
		}
		out.Targets = append(out.Targets, member[reportOutput]{r.Targets[i], ro})
	}
	return out
}
