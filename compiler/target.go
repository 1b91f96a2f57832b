package compiler

import (
	"fmt"
	"slices"
	"sync"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// target is a backend by name. Its extension stands here as well, because a
// build that compiles nothing makes no backend.
type target struct {
	name, ext string
	forms     []backends.Form // that its queries have, the best first
	make      func(s *schema.Schema, c *Config) backends.Backend
	// beside, if not nil, are the files that the project's queries need beside
	// them.
	beside func(c *Config) []sideFile
}

// sideFile is a file that is no query, below the folder of its target.
type sideFile struct {
	name string
	text []byte
}

// Targets lists the names of all targets.
func Targets() []string {
	var names []string
	for _, t := range allTargets {
		names = append(names, t.name)
	}
	return names
}

func newBuilder(opts Options) (*builder, error) {
	if opts.Config == nil {
		opts.Config = &Config{}
	}
	b := &builder{opts: opts, frontend: sigmaFrontend(opts.Config)}
	for _, name := range opts.Targets {
		if !slices.Contains(Targets(), name) {
			return nil, fmt.Errorf("there is no target %q: %s", name, diag.DidYouMean(name, Targets()))
		}
	}
	for _, t := range allTargets {
		if len(opts.Targets) == 0 || slices.Contains(opts.Targets, t.name) {
			b.targets = append(b.targets, t)
		}
	}
	b.backends = sync.OnceValues(b.makeBackends)
	b.env = envKey(opts, b.targets)
	return b, nil
}

// makeBackends lays the project's settings over the schema and makes a
// backend of each target.
func (b *builder) makeBackends() ([]backends.Backend, error) {
	c := b.opts.Config
	s, err := schema.New(c.Datasets)
	if err != nil {
		return nil, fmt.Errorf("%s: datasets: %w", c.Path, err)
	}
	var made []backends.Backend
	b.schema = s
	for _, t := range b.targets {
		made = append(made, t.make(s, c))
	}
	return made, nil
}

// sourceHint says what to do about a logsource without a dataset: the value
// that one of its keys was probably meant to have, if there is one.
func (b *builder) sourceHint(h *ir.Hunt, d diag.Diagnostic) string {
	const hint = "Check its spelling, or say in huntc.yaml, under \"datasets\", which data it stands for."
	if b.schema == nil || h.Query == nil {
		return hint
	}
	for _, scan := range ir.Scans(h.Query) {
		if scan.Source.Pos != d.Pos {
			continue
		}
		for _, k := range []struct {
			key, value string
			of         func(schema.Logsource) string
		}{
			{"category", scan.Source.Category, func(l schema.Logsource) string { return l.Category }},
			{"service", scan.Source.Service, func(l schema.Logsource) string { return l.Service }},
			{"product", scan.Source.Product, func(l schema.Logsource) string { return l.Product }},
		} {
			var known []string
			for _, ds := range b.schema.Datasets() {
				for _, l := range ds.Logsources {
					if v := k.of(l); v != "" {
						known = append(known, v)
					}
				}
			}
			slices.Sort(known)
			if near := diag.Closest(k.value, known); k.value != "" && near != "" && near != k.value {
				return fmt.Sprintf("Did you mean %q for the %s? %s", near, k.key, "Otherwise say in huntc.yaml, under \"datasets\", which data it stands for.")
			}
		}
	}
	return hint
}
