package compiler

import (
	"fmt"
	"slices"
	"sync"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/schema"
)

// target is a backend by name. Its extension stands here as well, because a
// build that compiles nothing makes no backend.
type target struct {
	name, ext string
	forms     []backends.Form // that its queries have, the best first
	make      func(s *schema.Schema, c *Config) backends.Backend
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
	b.backends = sync.OnceValues(func() ([]backends.Backend, error) { return makeBackends(opts.Config, b.targets) })
	b.env = envKey(opts, b.targets)
	return b, nil
}

// makeBackends lays the project's settings over the schema and makes a
// backend of each target.
func makeBackends(c *Config, targets []target) ([]backends.Backend, error) {
	s, err := schema.New(c.Datasets)
	if err != nil {
		return nil, fmt.Errorf("%s: datasets: %w", c.Path, err)
	}
	var made []backends.Backend
	for _, t := range targets {
		made = append(made, t.make(s, c))
	}
	return made, nil
}
