package compiler

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Items builds for one target, and returns what there is to deploy beside the
// result: the hunts without an error that are not there for correlations only,
// in the order of their files. No earlier build's work is used, for only the
// queries are kept of it. Whether an item can be deployed is for the caller to find
// out, who knows as what: opts.Deployable is not asked.
func Items(opts Options, target string) (*Result, []*deploy.Item, error) {
	opts.Targets, opts.CacheDir, opts.Deployable = []string{target}, "", nil
	b, err := newBuilder(opts)
	if err != nil {
		return nil, nil, err
	}
	b.keepItems = true
	r, err := b.run()
	if err != nil {
		return nil, nil, err
	}
	var items []*deploy.Item
	for _, w := range r.written() {
		it := w.out.item
		it.File = strings.TrimPrefix(strings.TrimSuffix(w.out.File, path.Ext(w.out.File)), target+"/")
		items = append(items, it)
	}
	return r, items, nil
}

// deployment holds what the document says about its alerts against the rows of
// the query, so that the author sees it where he writes it.
func (b *builder) deployment(o *Output, h *ir.Hunt, be backends.Backend, art backends.Artifact) {
	s, ok := be.(backends.Shower)
	if !ok || !b.keepItems && h.Meta.Deployment == nil {
		return
	}
	rows := deploy.Rows(s.Rows(h))
	o.Diagnostics = append(o.Diagnostics, deploy.Check(h, targetName(be.Name()), rows)...)
	if o.Diagnostics.HasErrors() {
		o.Status = Failed
		return
	}
	// A document that says how it is deployed is to be deployed.
	must := b.opts.Deployable != nil && h.Meta.Deployment != nil && h.Meta.Deployment.Alerts(be.Name()) && h.CountedBy == ""
	if !b.keepItems && !must {
		return
	}
	it := &deploy.Item{Hunt: h, Target: be.Name(), Query: strings.TrimSuffix(art.Query, "\n"), Form: string(art.Form), Rows: rows}
	if d, ok := be.(*defender.Backend); ok {
		it.Detection = detection(d.Detection(h, defender.Scheduled))
		it.Analytic = detection(d.Detection(h, defender.Analytic))
	}
	if must {
		o.Diagnostics = append(o.Diagnostics, b.opts.Deployable(it)...)
		if o.Diagnostics.HasErrors() {
			o.Status = Failed
			return
		}
	}
	if b.keepItems {
		o.item = it
	}
}

// detection is the same in the terms of package deploy.
func detection(d *defender.Detection) *deploy.Detection {
	if d == nil {
		return nil
	}
	c := deploy.Detection(*d)
	return &c
}

// targetName is a target's name in sentences.
func targetName(name string) string {
	switch name {
	case "splunk":
		return "Splunk"
	case "defender":
		return "Defender"
	}
	return name
}

// Macro is a search macro that queries use.
type Macro struct{ Name, Args, Definition, Doc string }

// Macros are the macros that the project's queries for Splunk may use, sorted
// by name: what the schema says of its raw events, with the project's own
// settings laid over it.
func Macros(c *Config) ([]Macro, error) {
	if c == nil {
		c = &Config{}
	}
	s, err := schema.New(c.Datasets)
	if err != nil {
		return nil, fmt.Errorf("%s: datasets: %w", c.Path, err)
	}
	summaries := c.Splunk.SummariesOnly
	if summaries == "" {
		summaries = splunk.DefaultSummariesOnly
	}
	out := []Macro{
		{Name: summaries, Definition: "summariesonly=false allow_old_summaries=true",
			Doc: "which data a search of an accelerated data model counts: with false that too of which there is no summary yet"},
		{Name: "drop_dm_object_name", Args: "prefix", Definition: `rename "$prefix$.*" as *`,
			Doc: "takes the name of the data set from the names of its fields, as Splunk_SA_CIM does"},
	}
	readers := map[string][]string{}
	for _, d := range s.Datasets() {
		m := d.Mapping(schema.Raw)
		if m == nil || m.Table == "" {
			continue
		}
		at := slices.IndexFunc(out, func(o Macro) bool { return o.Name == m.Table })
		if at < 0 {
			at = len(out)
			out = append(out, Macro{Name: m.Table, Definition: m.Definition, Doc: "the events of the dataset " + d.Name + ": " + d.Title})
		}
		if m.Definition != out[at].Definition {
			return nil, fmt.Errorf("%s: datasets: %s and %s call the same macro, %s, and give it different definitions", c.Path, readers[m.Table][0], d.Name, m.Table)
		}
		if readers[m.Table] = append(readers[m.Table], d.Name); len(readers[m.Table]) > 1 {
			out[at].Doc = "the events of several datasets, such as " + strings.Join(readers[m.Table][:2], " and ")
		}
	}
	slices.SortFunc(out, func(a, b Macro) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// LookupFiles are the lookup files that the project's searches for Splunk name.
func LookupFiles(c *Config) []File {
	if c == nil {
		return nil
	}
	var out []File
	for _, f := range splunkLookups(c) {
		out = append(out, File{path.Base(f.name), f.text})
	}
	return out
}

// File is a file by its name.
type File struct {
	Name string
	Text []byte
}
