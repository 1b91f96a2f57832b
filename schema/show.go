package schema

import (
	"slices"

	"github.com/huntc/huntc/ir"
)

// Shower tells by which columns of a view a hunt's rows show what the document
// calls by a name, best first; a query need not have kept all of them. The
// function is not for concurrent use. A hunt that does not resolve shows
// nothing.
func (s *Schema) Shower(h *ir.Hunt, v View) func(name string) []string {
	sc := s.scopeOf(h, v)
	return func(name string) []string {
		if sc == nil {
			return nil
		}
		var out []string
		for _, f := range sc.show(name) {
			if !slices.Contains(out, f.Name) {
				out = append(out, f.Name)
			}
		}
		return out
	}
}

// scopeOf is the scope of a hunt's rows, in the dataset that Resolve takes.
func (s *Schema) scopeOf(h *ir.Hunt, v View) scope {
	if h.Query == nil {
		return nil
	}
	for try := 0; ; try++ {
		r := &resolver{schema: s, view: v, hunt: h, try: try}
		_, sc := r.query(h.Query, nil)
		if !r.diags.HasErrors() {
			for _, b := range sc.bases() {
				b.finish()
			}
			return sc
		}
		if !r.more {
			return nil
		}
	}
}
