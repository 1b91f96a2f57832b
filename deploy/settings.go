package deploy

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

//go:embed defaults.yml
var defaultsYAML []byte

// Level is what a document's level decides.
type Level struct {
	Level    string `yaml:"level"`
	Every    string `yaml:"every"`
	Score    int    `yaml:"score"`
	Finding  bool   `yaml:"finding"`
	Splunk   int    `yaml:"splunk"`
	ES       string `yaml:"es"`
	Defender string `yaml:"defender"`
	Sentinel string `yaml:"sentinel"`
}

// Tactic is a tactic of ATT&CK.
type Tactic struct {
	Tag   string `yaml:"tag"`
	Name  string `yaml:"name"`
	Phase string `yaml:"phase"` // of the kill chain
}

type defaultTable struct {
	Levels   []Level `yaml:"levels"`
	Entities []struct {
		Type    string   `yaml:"type"`
		Columns []string `yaml:"columns"`
	} `yaml:"entities"`
	Kinds []struct {
		Type    string   `yaml:"type"`
		Columns []string `yaml:"columns"`
	} `yaml:"kinds"`
	Domains []struct {
		Category string `yaml:"category"`
		Product  string `yaml:"product"`
		Service  string `yaml:"service"`
		Domain   string `yaml:"domain"`
	} `yaml:"domains"`
	Tactics []Tactic `yaml:"tactics"`
}

var defaults = sync.OnceValue(func() *defaultTable {
	var t defaultTable
	if err := yaml.Unmarshal(defaultsYAML, &t); err != nil {
		panic("deploy: defaults.yml: " + err.Error())
	}
	return &t
})

// Levels are the defaults of each level, the lowest first.
func Levels() []Level { return slices.Clone(defaults().Levels) }

// defaultLevel is that of a document that names none.
const defaultLevel = "medium"

// Settings are how an item is deployed: what its document says, and the
// defaults where it says nothing.
type Settings struct {
	Level
	Alert bool
	// Every is one of ir.Frequencies. Given says that the document wrote it.
	Every   string
	Given   bool
	EveryAt diag.Span
	Cron    string
	// LookBack is how far back the hunt looks; 0 if its document does not say.
	LookBack time.Duration
	Throttle *ir.Throttle
	Finding  bool
	// Title, Description and Message are never empty.
	Title, Description, Message []ir.AlertPart
	Domain                      string
	Score                       int
	Entities                    []ir.Entity
	// NamedEntities says that the document named them.
	NamedEntities bool
	Risks         []ir.RiskObject
	Threats       []ir.ThreatObject
	Actions       []ir.Action
	Recommended   string
	Tactics       []Tactic
	Techniques    []string // T1059.001
	CVEs          []string
}

// SettingsOf puts together how an item is deployed.
func SettingsOf(it *Item) *Settings {
	h := it.Hunt
	d := h.Meta.Deployment
	if d == nil {
		d = &ir.Deployment{}
	}
	s := &Settings{Alert: d.Alerts(it.Target), LookBack: lookBack(h), Throttle: d.Throttle}
	s.Level = levelOf(h.Meta.Level)
	s.schedule(d.Schedule)
	s.Score, s.Finding = s.Level.Score, s.Level.Finding
	s.Title = []ir.AlertPart{{Text: h.Meta.Title}}
	s.Description = s.Title
	if h.Meta.Description != "" {
		s.Description = []ir.AlertPart{{Text: h.Meta.Description}}
	}
	s.Domain = domainOf(h)
	if f := d.Finding; f != nil {
		s.Finding = true
		if f.Title != nil {
			s.Title = f.Title.Parts
		}
		if f.Description != nil {
			s.Description = f.Description.Parts
		}
		if f.Domain != "" {
			s.Domain = f.Domain
		}
	}
	s.Entities, s.NamedEntities = d.Entities, len(d.Entities) > 0
	if !s.NamedEntities {
		s.Entities = derivedEntities(it.Rows)
	}
	s.Message = s.Title
	if r := d.Risk; r != nil {
		if r.Message != nil {
			s.Message = r.Message.Parts
		}
		if r.Score != 0 {
			s.Score = r.Score
		}
		s.Risks, s.Threats = slices.Clone(r.Objects), r.Threats
	}
	if len(s.Risks) == 0 {
		for _, e := range s.Entities {
			typ := "user"
			if e.Type == "device" {
				typ = "system"
			}
			s.Risks = append(s.Risks, ir.RiskObject{Column: e.Column, Type: typ})
		}
	}
	for i := range s.Risks {
		if s.Risks[i].Score == 0 {
			s.Risks[i].Score = s.Score
		}
	}
	// A row that nobody's risk goes up for would go unseen.
	s.Finding = s.Finding || len(s.Risks) == 0
	if d.Response != nil {
		s.Actions, s.Recommended = d.Response.Actions, d.Response.Recommended
	}
	s.tags(h.Meta.Tags)
	return s
}

func levelOf(name string) Level {
	if name == "" {
		name = defaultLevel
	}
	for _, l := range defaults().Levels {
		if l.Level == name {
			return l
		}
	}
	return levelOf(defaultLevel)
}

// schedule takes what the document says, else the frequency of its level, but
// none that is rarer than the hunt looks back.
func (s *Settings) schedule(given *ir.Schedule) {
	s.Every = s.Level.Every
	if given != nil {
		s.Cron = given.Cron
		if given.Every != "" {
			s.Every, s.Given, s.EveryAt = given.Every, true, given.EveryAt
			return
		}
	}
	if s.LookBack == 0 {
		return
	}
	for i := slices.Index(ir.Frequencies, s.Every); i > 1 && Interval(s.Every) > s.LookBack; i-- {
		s.Every = ir.Frequencies[i-1]
	}
}

// Interval is the time between two runs; 0 for a hunt that runs all the time.
func Interval(every string) time.Duration {
	d, err := time.ParseDuration(every)
	if err != nil { // continuous
		return 0
	}
	return d
}

// lookBack is how far back a hunt or any of its sources looks.
func lookBack(h *ir.Hunt) time.Duration {
	back := h.LookBack
	if h.Query != nil {
		for _, s := range ir.Scans(h.Query) {
			back = max(back, s.LookBack)
		}
	}
	return back
}

func derivedEntities(rows Rows) []ir.Entity {
	var out []ir.Entity
	if !rows.Known {
		return nil
	}
	for _, e := range defaults().Entities {
		for _, name := range e.Columns {
			if rows.Column(name) != "" {
				out = append(out, ir.Entity{Column: ir.ColumnRef{Name: name}, Type: e.Type})
				break
			}
		}
	}
	return out
}

func domainOf(h *ir.Hunt) string {
	if h.Query == nil {
		return "threat"
	}
	for _, scan := range ir.Scans(h.Query) {
		l := scan.Source
		for _, d := range defaults().Domains {
			if (d.Category == "" || strings.EqualFold(d.Category, l.Category)) && (d.Product == "" || strings.EqualFold(d.Product, l.Product)) &&
				(d.Service == "" || strings.EqualFold(d.Service, l.Service)) {
				return d.Domain
			}
		}
	}
	return "threat"
}

var (
	techniqueTag = regexp.MustCompile(`^attack\.(t[0-9]{4}(?:\.[0-9]{3})?)$`)
	cveTag       = regexp.MustCompile(`^cve\.([0-9]{4})[.-]([0-9]{4,})$`)
)

// tags reads tactics, techniques and vulnerabilities, each once, in their order.
func (s *Settings) tags(tags []string) {
	for _, t := range tags {
		t = strings.ToLower(t)
		if m := techniqueTag.FindStringSubmatch(t); m != nil {
			if id := strings.ToUpper(m[1]); !slices.Contains(s.Techniques, id) {
				s.Techniques = append(s.Techniques, id)
			}
			continue
		}
		if m := cveTag.FindStringSubmatch(t); m != nil {
			if id := "CVE-" + m[1] + "-" + m[2]; !slices.Contains(s.CVEs, id) {
				s.CVEs = append(s.CVEs, id)
			}
			continue
		}
		word, ok := strings.CutPrefix(t, "attack.")
		if !ok {
			continue
		}
		// Tags wrote tactics with underscores before they wrote them with hyphens.
		word = strings.ReplaceAll(word, "_", "-")
		for _, tactic := range defaults().Tactics {
			if tactic.Tag == word && !slices.Contains(s.Tactics, tactic) {
				s.Tactics = append(s.Tactics, tactic)
			}
		}
	}
}

// RowKeys are columns of the query that tell its rows apart, by the names of the
// document: what the last stage that sums events up groups by. None where there
// is no such stage, or where a later one drops a key.
func RowKeys(q ir.Query) []string {
	switch q := q.(type) {
	case *ir.Aggregate:
		var out []string
		for _, c := range q.By {
			out = append(out, c.As)
		}
		return out
	case *ir.Distinct:
		var out []string
		for _, f := range q.By {
			out = append(out, f.Name)
		}
		return out
	case *ir.Project:
		var out []string
		for _, key := range RowKeys(q.Input) {
			i := slices.IndexFunc(q.Cols, func(c *ir.Col) bool { f, ok := c.X.(*ir.Field); return ok && f.Name == key })
			if i < 0 {
				return nil
			}
			out = append(out, q.Cols[i].As)
		}
		return out
	case *ir.Filter, *ir.Extend, *ir.Sort, *ir.Limit, *ir.Window, *ir.Session, *ir.Lag, *ir.Rank:
		return RowKeys(ir.Inputs(q)[0])
	}
	return nil
}

// origin is the field that a column of a query has its values from, unchanged;
// the column itself, and false, if it is computed.
func origin(q ir.Query, column string) (field string, unchanged bool) {
	from := func(x ir.Expr, input ir.Query) (string, bool) {
		if f, ok := x.(*ir.Field); ok {
			return origin(input, f.Name)
		}
		return column, false
	}
	cols, input := []*ir.Col(nil), ir.Query(nil)
	switch q := q.(type) {
	case *ir.Aggregate:
		cols, input = q.By, q.Input
		for _, a := range q.Aggs {
			if a.As != column {
				continue
			}
			switch a.Func {
			case ir.Min, ir.Max, ir.First, ir.Last, ir.ArgMin, ir.ArgMax, ir.Any, ir.Values, ir.List:
				return from(a.X, input)
			}
			return column, false
		}
	case *ir.Project:
		cols, input = q.Cols, q.Input
	case *ir.Extend:
		cols, input = q.Cols, q.Input
	case *ir.Distinct, *ir.Filter, *ir.Sort, *ir.Limit, *ir.Window, *ir.Session, *ir.Lag, *ir.Rank:
		input = ir.Inputs(q)[0]
	default:
		return column, true
	}
	for _, c := range cols {
		if c.As == column {
			return from(c.X, input)
		}
	}
	return origin(input, column)
}

// KindOf is what a column of a hunt holds as far as its name, or that of the field
// that it is from, tells: one of ir.EntityTypes, or "none" for what can be none of
// them; "" if that is not known. Of a computed column the name may say too much:
// sure is false.
func KindOf(h *ir.Hunt, column string) (kind string, sure bool) {
	sure = true
	if h.Query != nil {
		column, sure = origin(h.Query, column)
	}
	for _, k := range defaults().Entities {
		if slices.Contains(k.Columns, column) {
			return k.Type, sure
		}
	}
	for _, k := range defaults().Kinds {
		if slices.Contains(k.Columns, column) {
			return k.Type, sure
		}
	}
	return "", sure
}

// kindWords are the kinds of columns in sentences.
var kindWords = map[string]string{"device": "a device", "user": "a user", "mailbox": "a mailbox", "none": "no device, user or mailbox"}

// checkKinds reports entities and risk objects whose types are not those of their
// columns. A mailbox is somebody's, so it stands for a user too.
func checkKinds(h *ir.Hunt, what string, rows Rows, diags *diag.List) {
	d := h.Meta.Deployment
	// typ is that of the document, and stands for want; device is what the document
	// calls a device there.
	check := func(c ir.ColumnRef, typ, want, device string) {
		kind, sure := KindOf(h, c.Name)
		if !sure || kind == "" || kind == want || kind != "none" && kind != "device" && want != "device" {
			return
		}
		hint := "Name another column, or remove the entry."
		switch kind {
		case "device":
			hint = "Write \"type: " + device + "\", or name another column."
		case "user", "mailbox":
			hint = "Write \"type: user\", or name another column."
		}
		diags.Errorf(codeWrongKind, c, hint, "%s is said to be a %s, and the column of the query for %s, %s, holds %s", c.Name, typ, what, rows.Column(c.Name), kindWords[kind])
	}
	for _, e := range d.Entities {
		check(e.Column, e.Type, e.Type, "device")
	}
	if d.Risk == nil {
		return
	}
	for _, o := range d.Risk.Objects {
		switch o.Type {
		case "system":
			check(o.Column, o.Type, "device", "system")
		case "user":
			check(o.Column, o.Type, "user", "system")
		}
	}
}

// CheckGap reports a hunt that runs more rarely than it looks back: what
// happens between two runs is never seen.
func (s *Settings) CheckGap(it *Item, between time.Duration, diags *diag.List) {
	if s.Alert && s.LookBack > 0 && between > s.LookBack {
		at := it.Hunt.At()
		if d := it.Hunt.Meta.Deployment; d != nil && d.Schedule != nil {
			at = d.Schedule.Span
		}
		diags.Errorf(codeGap, at, "Run it more often, or look back further: hunt: {window: "+ir.SpanText(between)+"}.",
			"the hunt looks back %s and runs every %s, so what happens in between is never seen", ir.SpanText(s.LookBack), ir.SpanText(between))
	}
}

// Check holds the columns that a document names in texts, entities and the
// like against the rows of its query on one target, called what.
func Check(h *ir.Hunt, what string, rows Rows) diag.List {
	var diags diag.List
	d := h.Meta.Deployment
	named := d.Columns()
	if len(named) == 0 {
		return nil
	}
	if !rows.Known {
		diags.Warnf(codeColumnsHidden, d, "Try the query, and look at the names of its columns.", "which columns the native text for %s has is not known, so those that the alert names are not checked", what)
		return diags
	}
	for _, c := range named {
		if rows.Column(c.Name) != "" {
			continue
		}
		hint := "The columns are " + strings.Join(rows.Columns, ", ") + "."
		if near := diag.Closest(c.Name, rows.Columns); near != "" {
			hint = fmt.Sprintf("Did you mean %s? ", near) + hint
		}
		diags.Errorf(codeNoColumn, c, "Show it with \"fields\" or the last stage of the pipeline, or name another one. "+hint, "the rows of the query for %s have no column for %s", what, c.Name)
	}
	if !diags.HasErrors() {
		checkKinds(h, what, rows, &diags)
	}
	return diags
}

// Identified leaves out the items whose documents have no id, and says so:
// without one, nothing tells on a server whose object is whose.
func Identified(items []*Item) ([]*Item, diag.List) {
	var out []*Item
	var diags diag.List
	for _, it := range items {
		if it.ID() == "" {
			diags.Errorf(codeNoID, it.Hunt, "Give the document an id, such as uuidgen prints.", "%q has no id, by which it could be found again on a server", it.Hunt.Meta.Title)
			continue
		}
		out = append(out, it)
	}
	return out, diags
}
