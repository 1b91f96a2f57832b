package compiler

import (
	"bytes"
	"encoding/csv"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/ir"
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
		beside: splunkLookups,
	},
	{
		name: "defender", ext: ".kql",
		forms: []backends.Form{backends.Table, backends.NativeTxt},
		make:  func(s *schema.Schema, _ *Config) backends.Backend { return defender.New(s) },
	},
}

// splunkLookups are the lookup files that searches name: those of the project's
// lookups that are too long to stand in a search.
func splunkLookups(c *Config) []sideFile {
	var out []sideFile
	for _, l := range c.Lookups {
		if len(l.Rows) <= ir.InlineRows {
			continue
		}
		var buf bytes.Buffer
		w := csv.NewWriter(&buf)
		_ = w.WriteAll(append([][]string{l.Cols}, l.Rows...)) // a buffer takes everything
		out = append(out, sideFile{"lookups/" + splunk.LookupFile(l.Name), buf.Bytes()})
	}
	return out
}
