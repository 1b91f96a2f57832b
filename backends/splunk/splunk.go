package splunk

import (
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Config is what a content repository may say about its Splunk.
type Config struct {
	// SummariesOnly is the macro with the options of tstats that say whether
	// data without a summary counts; DefaultSummariesOnly if empty. It must exist
	// on the search head: neither Splunk_SA_CIM nor ESCU defines that name.
	SummariesOnly string
}

// DefaultSummariesOnly is the macro of Config.SummariesOnly if it is empty.
const DefaultSummariesOnly = "summariesonly"

// Backend lowers hunts to SPL. It is safe for concurrent use.
//
// The queries use these macros: the one of Config.SummariesOnly,
// drop_dm_object_name (Splunk_SA_CIM), and for raw events the macro that the
// schema names for the dataset.
type Backend struct {
	schema   *schema.Schema
	cfg      Config
	foreigns sync.Map // text of a foreign expression -> *foreignExpr
	columns  sync.Map // CIM dataset -> *columnNames
}

// New makes a backend.
func New(s *schema.Schema, cfg Config) *Backend {
	if cfg.SummariesOnly == "" {
		cfg.SummariesOnly = DefaultSummariesOnly
	}
	return &Backend{schema: s, cfg: cfg}
}

// Name implements backends.Backend.
func (b *Backend) Name() string { return "splunk" }

// Ext implements backends.Backend.
func (b *Backend) Ext() string { return ".spl" }

// Comment implements backends.Backend. Splunk ends a comment at the next three
// backticks and has no escape for them.
func (b *Backend) Comment(lines []string) string {
	var out strings.Builder
	out.Grow(512)
	for _, line := range lines {
		out.WriteString("``` ")
		out.WriteString(strings.Map(func(r rune) rune {
			switch {
			case r == '`':
				return '\''
			case r < ' ' || r >= 0x7f && unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
				return ' '
			}
			return r
		}, line))
		out.WriteString(" ```\n")
	}
	return out.String()
}

// Compile implements backends.Backend: the best form that can say the hunt.
func (b *Backend) Compile(h *ir.Hunt) backends.Artifact {
	for _, n := range h.Natives {
		if n.Target == b.Name() {
			return b.native(n)
		}
	}
	c := b.choose(h)
	art := backends.Artifact{Form: c.form, FormReason: c.formReason, Reasons: c.plan.reasons, Diagnostics: c.plan.diags}
	if !art.Diagnostics.HasErrors() {
		art.Query = spl.Print(b.lower(c.plan, c.form))
	}
	art.Diagnostics.Sort()
	return art
}

// choice is a form and the plan in it.
type choice struct {
	form       backends.Form
	formReason string
	plan       plan
}

// choose tries the forms from the best down. A hunt that no form can say
// keeps the errors of raw events, each with the reason against the data model.
func (b *Backend) choose(h *ir.Hunt) choice {
	if h.Query == nil {
		var diags diag.List
		diags.Errorf(codeUnsayable, h, "Add a native text for it, or name the other targets in hunt.targets.", "the document has no condition, and no native text for Splunk")
		return choice{form: backends.NativeTxt, plan: plan{diags: diags}}
	}
	cim := b.schema.Resolve(h, schema.CIM)
	reason := firstError(cim.Diagnostics)
	if reason == "" {
		form := backends.Tstats
		if why := b.unaccelerated(cim.Query); why != "" {
			form, reason = backends.Datamodel, why
		}
		for {
			pl := b.plan(h, cim.Query, cim.Fields, form)
			pl.reasons = append(cim.Reasons, pl.reasons...)
			pl.diags = append(cim.Diagnostics, pl.diags...)
			if pl.why == "" && !pl.diags.HasErrors() {
				if back := longest(h, cim.Query); form == backends.Datamodel && back > 0 {
					// "from datamodel" has no bound of its own that could widen the
					// time range that the search is run with.
					reason = strings.TrimSpace(reason + " Run it over at least " + ir.SpanText(back) + ": its own bound only narrows the time range of the search.")
				}
				return choice{form, reason, pl}
			}
			if reason == "" {
				if reason = pl.why; reason == "" {
					reason = firstError(pl.diags)
				}
			}
			if form == backends.Datamodel {
				break
			}
			form = backends.Datamodel
		}
	}
	raw := b.schema.Resolve(h, schema.Raw)
	pl := plan{diags: raw.Diagnostics}
	if !raw.Diagnostics.HasErrors() {
		pl = b.plan(h, raw.Query, raw.Fields, backends.RawEvents)
		pl.diags = append(raw.Diagnostics, pl.diags...)
	}
	pl.reasons = append(raw.Reasons, pl.reasons...)
	if pl.diags.HasErrors() {
		for i, d := range pl.diags {
			if d.Severity == diag.Error && !strings.Contains(reason, d.Message) {
				pl.diags[i].Hint = strings.TrimSpace(d.Hint + " The data model does not serve either: " + reason)
			}
		}
	}
	return choice{backends.RawEvents, reason, pl}
}

// longest is how far back a hunt or any of its sources looks.
func longest(h *ir.Hunt, q ir.Query) time.Duration {
	back := h.LookBack
	for _, s := range ir.Scans(q) {
		back = max(back, s.LookBack)
	}
	return back
}

// firstError is the first error of a list as a sentence; "" if there is none.
func firstError(l diag.List) string {
	for _, d := range l {
		if d.Severity == diag.Error {
			return sentence(d.Message)
		}
	}
	return ""
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	if len(r) < 2 || unicode.IsLower(r[1]) || r[1] == ' ' {
		r[0] = unicode.ToUpper(r[0])
	}
	return strings.TrimSuffix(string(r), ".") + "."
}

// unaccelerated is the reason why a dataset of the query has to be read event
// by event; "" if none has.
func (b *Backend) unaccelerated(q ir.Query) string {
	for _, s := range ir.Scans(q) {
		if d := b.schema.Dataset(s.Physical.Dataset); d != nil && d.CIM != nil && d.CIM.Unaccelerated {
			return "The data model " + s.Physical.Table + " is not accelerated as a rule."
		}
	}
	return ""
}

// Plan is the query that Compile writes, in the terms of the form that it
// chose; nil if the diagnostics have an error.
func (b *Backend) Plan(h *ir.Hunt) (ir.Query, backends.Form, diag.List) {
	c := b.choose(h)
	if c.plan.diags.HasErrors() {
		return nil, c.form, c.plan.diags
	}
	return c.plan.query, c.form, c.plan.diags
}

// lower writes a planned query as SPL syntax.
func (b *Backend) lower(pl plan, form backends.Form) *spl.Search {
	l := &lowerer{b: b, form: form}
	s := l.search(pl.query)
	if len(pl.times) > 0 {
		// For people's eyes, so at the very end: it turns times into text.
		show := &spl.Convert{Options: []spl.Option{{Name: "timeformat", Value: timeFormat}}}
		for _, name := range pl.times {
			show.Funcs = append(show.Funcs, spl.Agg{Func: "ctime", Arg: name})
		}
		s.Commands = append(s.Commands, show)
	}
	return s
}

const timeFormat = "%Y-%m-%dT%H:%M:%S"
