package compiler

import "github.com/huntc/huntc/diag"

// LoadAndLink takes one document through all that a build does with it before
// a backend has it: also what it gathers from documents that are in error.
func LoadAndLink(src []byte) diag.List {
	b := &builder{frontend: sigmaFrontend(&Config{})}
	u := &unit{source: source{path: "fuzz.yml", rel: "fuzz.yml"}}
	b.parse(u, src)
	newLinker([]*unit{u}).digest(u)
	b.finish(u, nil, nil, nil)
	return u.result.diags
}
