package compiler

import (
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/diff"
	"github.com/huntc/huntc/frontends/briefing"
	"github.com/huntc/huntc/ir"
)

// PairText is one half of a pair of queries, as a file has it.
type PairText struct{ File, Text string }

// Pair holds two texts that say the same hunt, or should, against each other; one
// of them may be nil.
func (l *Lifter) Pair(title string, spl, kql *PairText) *Imported {
	queries := func(t *PairText) []briefing.Query {
		if t == nil || strings.TrimSpace(t.Text) == "" {
			return nil
		}
		q := briefing.Query{Text: t.Text, Lines: []int{0}}
		q.Pos = diag.Pos{Filename: t.File, Line: 1, Column: 1}
		for i, c := range t.Text {
			if c == '\n' {
				q.Lines = append(q.Lines, i+1)
			}
		}
		return []briefing.Query{q}
	}
	file := ""
	for _, t := range []*PairText{kql, spl} {
		if t != nil {
			file = t.File
		}
	}
	out := &Imported{Path: file}
	meta := ir.Meta{Title: title}
	s, k := l.side("spl", queries(spl), meta, out), l.side("kql", queries(kql), meta, out)
	h := ImportedHunt{Title: title, SPL: s.half, KQL: k.half}
	h.Pos = diag.Pos{Filename: file, Line: 1, Column: 1}
	h.compare(s, k)
	out.Hunts = []ImportedHunt{h}
	return out
}

// compare holds the two halves against each other, if both have a logical form.
func (h *ImportedHunt) compare(spl, kql side) {
	if spl.hunt == nil || kql.hunt == nil {
		return
	}
	c := diff.Compare(diff.Together(spl.facts...), diff.Together(kql.facts...))
	h.Comparison = &c
}

// Fault is what is wrong with a query that somebody wrote, as opposed to what
// huntc does not read of it.
type Fault struct {
	Code diag.Code
	// Fails says that the target refuses the query, or that what it asks for
	// finds nothing; else the query runs, and does not do what it reads like.
	Fails bool
}

// faults are the codes for it, of parsing, lifting and raising.
var faults = []Fault{
	{"HC0351", true}, {"HC0354", true}, {"HC0382", true}, {"HC0383", true}, // syntax
	{"HC0805", true}, {"HC0806", true}, {"HC0807", true}, {"HC0843", true}, {"HC0844", true}, {"HC0846", true}, // names
	{"HC0841", true}, {"HC0842", true},
	{"HC0503", false}, // types
	{"HC0809", false}, {"HC0810", false}, {"HC0811", false}, {"HC0813", false}, {"HC0814", false}, {"HC0816", false},
}

// FaultOf says whether a code is about a fault of the query.
func FaultOf(code diag.Code) (Fault, bool) {
	for _, f := range faults {
		if f.Code == code {
			return f, true
		}
	}
	return Fault{}, false
}
