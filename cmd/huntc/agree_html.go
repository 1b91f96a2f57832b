package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diff"
)

//go:embed agree.html
var agreePage string

var agreeTemplate = template.Must(template.New("agree").Parse(agreePage))

type (
	htmlPage struct {
		*agreementReport
		Groups []htmlGroup
		Bars   []htmlBar
	}
	htmlBar struct {
		Verdict, Class string
		Hunts          int
		Share          string // of all, in percent
	}
	// htmlGroup are the pairs with one verdict.
	htmlGroup struct {
		Verdict, Class, Means string
		Pairs                 []*htmlPair
	}
	htmlPair struct {
		reportedPair
		Words string
		Also  []htmlPlace // hunts with the same texts
		Sides []htmlSide
	}
	htmlPlace struct {
		Path string
		Line int
	}
	htmlSide struct {
		Name, Why string
		Queries   []htmlQuery
		Findings  []reportedFinding
	}
	htmlQuery struct{ Lines []htmlLine }
	htmlLine  struct {
		Number int
		Text   string
		Marked bool // a difference is written there
	}
)

// verdictMeans says under its heading what a verdict is.
var verdictMeans = map[string]string{
	string(diff.Equal):       "Proved to find the same.",
	string(diff.Alike):       "The same but for how texts are compared (as whole terms or anywhere, by case or not) and for events that lack a field.",
	string(diff.Narrower):    "One finds nothing, but for the exceptions of alike, that the other one does not find.",
	string(diff.Overlapping): "Some values in common; each side, as far as can be told, looks for something of its own.",
	string(diff.Elsewhere):   "Some values in common, looked for in different sources of events.",
	string(diff.Apart):       "No value in common.",
	notCompared:              "A half is missing, or cannot be read in full.",
}

// writeAgreementHTML writes the report as one page that needs nothing else.
func writeAgreementHTML(w io.Writer, r *agreementReport) error {
	page := htmlPage{agreementReport: r}
	class := func(verdict string) string { return strings.ReplaceAll(verdict, " ", "-") }
	for _, v := range r.Verdicts {
		if v.Hunts > 0 {
			page.Bars = append(page.Bars, htmlBar{v.Verdict, class(v.Verdict), v.Hunts, fmt.Sprintf("%.2f", 100*float64(v.Hunts)/float64(r.Hunts))})
			page.Groups = append(page.Groups, htmlGroup{Verdict: v.Verdict, Class: class(v.Verdict), Means: verdictMeans[v.Verdict]})
		}
	}
	slices.Reverse(page.Groups) // the farthest first, but for what is not compared
	if len(page.Groups) > 0 && page.Groups[0].Verdict == notCompared {
		page.Groups = append(page.Groups[1:], page.Groups[0])
	}
	byText := map[string]*htmlPair{}
	for _, p := range r.List {
		key := sameText(p.SPL.texts) + "\x00" + sameText(p.KQL.texts)
		if first := byText[key]; first != nil {
			first.Also = append(first.Also, htmlPlace{p.Path, p.Line})
			continue
		}
		h := &htmlPair{reportedPair: p, Words: p.verdictText()}
		byText[key] = h
		marked := func(left bool) map[int]bool {
			m := map[int]bool{}
			for _, d := range p.Differences {
				list := d.Right
				if left {
					list = d.Left
				}
				for _, item := range list {
					m[item.Line] = true
				}
			}
			return m
		}
		h.Sides = []htmlSide{sideHTML("SPL", p, p.SPL, marked(true)), sideHTML("KQL", p, p.KQL, marked(false))}
		for i := range page.Groups {
			if g := &page.Groups[i]; g.Verdict == p.Verdict {
				g.Pairs = append(g.Pairs, h)
			}
		}
	}
	return agreeTemplate.Execute(w, page)
}

func sideHTML(name string, p reportedPair, s reportedSide, marked map[int]bool) htmlSide {
	out := htmlSide{Name: name, Findings: s.Findings}
	if p.Verdict == notCompared {
		out.Why = s.why()
	}
	for _, t := range s.texts {
		out.Queries = append(out.Queries, queryHTML(t, marked))
	}
	return out
}

func queryHTML(t compiler.HalfText, marked map[int]bool) htmlQuery {
	var q htmlQuery
	for i, text := range strings.Split(strings.TrimRight(t.Text, "\n"), "\n") {
		n := t.Pos.Line + i
		q.Lines = append(q.Lines, htmlLine{n, text, marked[n]})
	}
	return q
}
