package compiler

import (
	"cmp"
	"slices"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

// frontend reads documents.
type frontend struct {
	load func(path string, src []byte) (*document, diag.List)
	// link puts the documents of a build together: filters are added to the
	// rules that they name, references are looked up.
	link func([]*document) diag.List
}

// document is one loaded file.
type document struct {
	documents int        // in the file, of every sort
	hunts     []*ir.Hunt // by line, those with errors included
	broken    map[*ir.Hunt]bool
	filters   int
	// badFilters are those in which linking found an error.
	badFilters int

	sigma *sigma.File
}

// noteBroken marks hunts in which loading or linking found an error.
func (d *document) noteBroken(hunts []*ir.Hunt) {
	if d.broken == nil {
		d.broken = make(map[*ir.Hunt]bool, len(hunts))
	}
	for _, h := range hunts {
		d.broken[h] = true
	}
}

// sigmaFrontend reads Sigma documents.
func sigmaFrontend(c *Config) frontend {
	opts := &sigma.Options{Lookups: c.Lookups}
	for _, p := range c.Placeholders {
		opts.Placeholders = append(opts.Placeholders, sigma.Placeholder{Name: p.Name, Values: p.Values})
	}
	return frontend{
		load: func(path string, src []byte) (*document, diag.List) {
			f, diags := sigma.Load(path, src, opts)
			d := &document{documents: f.Documents, filters: len(f.Filters), sigma: f}
			d.hunts = slices.Concat(f.Hunts, f.Broken)
			if len(f.Broken) > 0 {
				d.noteBroken(f.Broken)
				slices.SortStableFunc(d.hunts, func(a, b *ir.Hunt) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
			}
			return d, diags
		},
		link: func(docs []*document) diag.List {
			files := make([]*sigma.File, 0, len(docs))
			for _, d := range docs {
				if d.sigma != nil {
					files = append(files, d.sigma)
				}
			}
			diags := sigma.Link(files)
			for _, d := range docs {
				if d.sigma == nil {
					continue
				}
				d.noteBroken(d.sigma.Broken)
				for _, f := range d.sigma.Filters {
					if f.Broken {
						d.badFilters++
					}
				}
			}
			return diags
		},
	}
}
