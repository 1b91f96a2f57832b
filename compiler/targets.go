package compiler

import (
	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/schema"
)

// allTargets are all targets there are, in the order in which they are
// reported. A new backend is one folder and one entry here.
var allTargets = []target{
	{
		name: "splunk", ext: ".spl",
		forms: []backends.Form{backends.Tstats, backends.Datamodel, backends.RawEvents, backends.NativeTxt},
		make: func(s *schema.Schema, c *Config) backends.Backend {
			if c.CIM != "" {
				s = s.WithCIM(c.CIM)
			}
			return splunk.New(s, c.Splunk)
		},
	},
	{
		name: "defender", ext: ".kql",
		forms: []backends.Form{backends.Table, backends.NativeTxt},
		make:  func(s *schema.Schema, _ *Config) backends.Backend { return defender.New(s) },
	},
}
