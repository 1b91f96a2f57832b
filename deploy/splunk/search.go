package splunk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/deploy/reconcile"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// maxStanza is how long the name of a correlation search may be
// (Enterprise Security refuses longer ones).
const maxStanza = 99

// Keys of a saved search that more than one place names.
const (
	keySearch = "search"
	// keyMetadata is one that Splunk keeps and people do not edit: it has the mark
	// by which a search is known to be huntc's.
	keyMetadata = "action.correlationsearch.metadata"
)

// Searches are the saved searches of items, in their order. The keys of their
// fields are those of Splunk's REST interface, in a fixed order; confKey gives
// those of savedsearches.conf. Items with an error are left out.
func Searches(items []*deploy.Item, label string) ([]*deploy.Object, diag.List) {
	items, diags := deploy.Identified(items)
	names := deploy.Names(items, func(title string) string { return stanzaName(label, title) }, maxStanza)
	var out []*deploy.Object
	for i, it := range items {
		if plain := stanzaName(label, it.Hunt.Meta.Title); names[i] != plain {
			why := "another hunt is called like it"
			if utf8.RuneCountInString(plain) > maxStanza {
				why = fmt.Sprintf("Enterprise Security takes %d characters at most", maxStanza)
			}
			diags.Infof(codeName, titleAt(it), "", "the search is called %q, for %s", names[i], why)
		}
		before := errorCount(diags)
		o := savedSearch(it, names[i], &diags)
		if errorCount(diags) == before {
			out = append(out, o)
		}
	}
	return out, diags
}

func titleAt(it *deploy.Item) diag.Node {
	if it.Hunt.Meta.TitleSpan.Pos.IsValid() {
		return it.Hunt.Meta.TitleSpan
	}
	return it.Hunt
}

func errorCount(l diag.List) int {
	n := 0
	for _, d := range l {
		if d.Severity == diag.Error {
			n++
		}
	}
	return n
}

// stanzaName is the name of a search: its title between the label and the word
// that Enterprise Security puts behind it. Brackets would end the name of a
// stanza; a slash would have to be escaped in every URL, and a backslash too.
func stanzaName(label, title string) string {
	clean := strings.NewReplacer("[", "(", "]", ")", "/", "-", `\`, "-", "\ufeff", "").Replace
	title = deploy.OneLine(clean(title), 0)
	if title == "" {
		title = "untitled"
	}
	return deploy.OneLine(clean(label), 0) + " - " + title + " - Rule"
}

func savedSearch(it *deploy.Item, name string, diags *diag.List) *deploy.Object {
	s := deploy.SettingsOf(it)
	h := it.Hunt
	o := &deploy.Object{ID: it.ID(), Name: name}
	set := o.Set
	query := searchText(it.Query)
	if why := badValue(query); why != "" {
		diags.Errorf(codeConf, nativeAt(it), "Write it another way: put a space and a closing quote behind the backslash, or break the line elsewhere.", "the search cannot stand in savedsearches.conf: %s", why)
	}
	span := time.Duration(0)
	if c := h.Correlation; c != nil {
		span = c.Timespan
	}
	t := timingOf(it.ID(), s, span)
	s.CheckGap(it, t.between, diags)

	set("description", prose(h.Meta.Description))
	set("disabled", "0")
	set("is_visible", flag(!s.Alert))
	set("is_scheduled", flag(s.Alert))
	set("dispatch.earliest_time", t.earliest)
	set("dispatch.latest_time", t.latest)
	if s.Alert {
		set("cron_schedule", t.cron)
		set("schedule_window", "auto")
		// Each run is made up for that was missed: else there are gaps.
		set("realtime_schedule", "0")
		set("alert_type", "number of events")
		set("alert_comparator", "greater than")
		set("alert_threshold", "0")
		set("alert.digest_mode", "1")
		set("alert.severity", strconv.Itoa(s.Level.Splunk))
		throttle(o, it, s, t)
		actions(o, it, s)
		if len(s.Actions) > 0 {
			diags.Infof(codeActions, s.Actions[0], "", "Splunk takes no response by itself: %s is for Defender", list(s.Actions))
		}
	} else {
		set("actions", "")
		set("action.correlationsearch.enabled", "0")
	}
	set(keySearch, query)
	for _, f := range o.Fields {
		if why := badValue(f.Value); why != "" && f.Key != keySearch {
			// The names of columns; texts have been made fit.
			diags.Errorf(codeConf, it.Hunt, "Give the column another name.", "%s cannot stand in savedsearches.conf: %s", f.Key, why)
		}
	}
	for _, c := range it.Rows.Columns {
		if strings.ContainsAny(c, ",$\"") && slices.ContainsFunc(namingColumns, func(k string) bool { return strings.Contains(o.Get(k), c) }) {
			diags.Errorf(codeConf, it.Hunt, "Give the column another name in the pipeline.", "the alert names the column %q, and Splunk takes the comma, quote or dollar sign in it for the end of the name", c)
		}
	}
	return o
}

func list(actions []ir.Action) string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = a.Name
	}
	return strings.Join(names, ", ")
}

func nativeAt(it *deploy.Item) diag.Node {
	for _, n := range it.Hunt.Natives {
		if n.Target == it.Target {
			return n
		}
	}
	return it.Hunt
}

func flag(v bool) string {
	if v {
		return "1"
	}
	return "0"
}

// namingColumns are keys with names of columns that nothing can quote.
var namingColumns = []string{"alert.suppress.fields", "action.notable.param.nes_fields", "action.notable.param.rule_title", "action.notable.param.rule_description", "action.risk.param._risk_message"}

// passing are columns that change while a row stays the same: huntc's own of how
// many events it stands for, and when.
var passing = []string{"count", "firstTime", "lastTime"}

// throttle says for how long a search is quiet about what it has reported. By
// itself it does so as long as further runs can see the same events, for the same
// row: what tells rows apart is what they are grouped by, or all of it.
func throttle(o *deploy.Object, it *deploy.Item, s *deploy.Settings, t timing) {
	var fields []string
	add := func(c string) {
		if c != "" && !slices.Contains(fields, c) {
			fields = append(fields, c)
		}
	}
	period := t.again
	if s.Throttle != nil {
		period = s.Throttle.Period
		for _, c := range s.Throttle.By {
			add(it.Rows.Column(c.Name))
		}
	} else if it.Rows.Known {
		keys := deploy.RowKeys(it.Hunt.Query)
		for _, k := range keys {
			add(it.Rows.Column(k))
		}
		if len(fields) < len(keys) || len(keys) == 0 {
			for _, c := range it.Rows.Columns {
				if !slices.Contains(passing, c) {
					add(c)
				}
			}
		}
	}
	if period == 0 || s.Throttle == nil && len(fields) == 0 {
		o.Set("alert.suppress", "0")
		return
	}
	o.Set("alert.suppress", "1")
	o.Set("alert.suppress.period", strconv.FormatInt(int64((period+time.Second-1)/time.Second), 10)+"s")
	if len(fields) > 0 {
		o.Set("alert.suppress.fields", strings.Join(fields, ","))
	}
}

type (
	annotations struct {
		MITRE  []string `json:"mitre_attack,omitempty"`
		Phases []string `json:"kill_chain_phases,omitempty"`
		CVE    []string `json:"cve,omitempty"`
	}
	riskObject struct {
		Field string `json:"risk_object_field"`
		Type  string `json:"risk_object_type"`
		Score int    `json:"risk_score"`
	}
	threatObject struct {
		Field string `json:"threat_object_field"`
		Type  string `json:"threat_object_type"`
	}
	drilldown struct {
		Name     string `json:"name"`
		Search   string `json:"search"`
		Earliest string `json:"earliest_offset"`
		Latest   string `json:"latest_offset"`
	}
	nextSteps struct {
		Version int    `json:"version"`
		Data    string `json:"data"`
	}
)

// actions sets the keys of Enterprise Security.
func actions(o *deploy.Object, it *deploy.Item, s *deploy.Settings) {
	risk := len(s.Risks) > 0
	var names []string
	if s.Finding {
		names = append(names, "notable")
	}
	if risk {
		names = append(names, "risk")
	}
	o.Set("actions", strings.Join(names, ","))
	o.Set("action.correlationsearch.enabled", "1")
	o.Set("action.correlationsearch.detection_type", "ebd")
	o.Set("action.correlationsearch.label", prose(strings.TrimSuffix(o.Name, " - Rule")))
	a := annotations{MITRE: s.Techniques, CVE: s.CVEs}
	for _, t := range s.Tactics {
		if !slices.Contains(a.Phases, t.Phase) {
			a.Phases = append(a.Phases, t.Phase)
		}
	}
	o.Set("action.correlationsearch.annotations", jsonText(a))
	if s.Finding {
		o.Set("action.notable.param.rule_title", prose(deploy.OneLine(tokens(it, s.Title), 0)))
		o.Set("action.notable.param.rule_description", prose(tokens(it, s.Description)))
		o.Set("action.notable.param.severity", s.Level.ES)
		o.Set("action.notable.param.security_domain", s.Domain)
		var fields []string
		var drills []drilldown
		for _, e := range s.Entities {
			c := it.Rows.Column(e.Column.Name)
			if c == "" || slices.Contains(fields, c) {
				continue
			}
			fields = append(fields, c)
			drills = append(drills, drilldown{Name: fmt.Sprintf("The rows about $%s$", c),
				Search: fmt.Sprintf("%%original_detection_search%% | search %s=\"$%s$\"", fieldName(c), c), Earliest: "$info_min_time$", Latest: "$info_max_time$"})
		}
		if len(fields) > 0 {
			o.Set("action.notable.param.nes_fields", strings.Join(fields, ","))
			o.Set("action.notable.param.drilldown_searches", jsonText(drills))
		}
		if s.Recommended != "" {
			o.Set("action.notable.param.next_steps", jsonText(nextSteps{1, deploy.Prose(s.Recommended)}))
		}
	}
	if risk {
		var objects []any
		for _, r := range s.Risks {
			if c := it.Rows.Column(r.Column.Name); c != "" {
				objects = append(objects, riskObject{c, r.Type, r.Score})
			}
		}
		for _, r := range s.Threats {
			if c := it.Rows.Column(r.Column.Name); c != "" {
				objects = append(objects, threatObject{c, r.Type})
			}
		}
		o.Set("action.risk.param._risk", jsonText(objects))
		o.Set("action.risk.param._risk_message", prose(deploy.OneLine(tokens(it, s.Message), 0)))
		// The scores stand with the objects.
		o.Set("action.risk.param._risk_score", "0")
		o.Set("action.risk.param.verbose", "0")
	}
}

// fieldName is a field's name in a search: in quotes unless it is a plain word.
func fieldName(c string) string {
	if strings.IndexFunc(c, func(r rune) bool {
		return !(r == '_' || r == '.' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}) < 0 {
		return c
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c) + `"`
}

// tokens is a text with the values of columns as Splunk puts them in: $dest$.
// A dollar sign of the text itself is doubled.
func tokens(it *deploy.Item, parts []ir.AlertPart) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Column == "" {
			b.WriteString(strings.ReplaceAll(p.Text, "$", "$$"))
			continue
		}
		if c := it.Rows.Column(p.Column); c != "" {
			b.WriteString("$" + c + "$")
		}
	}
	return b.String()
}

// jsonText is a value as JSON on one line.
func jsonText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("deploy/splunk: " + err.Error()) // only texts and numbers
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// confKeys are the keys that savedsearches.conf calls otherwise than REST.
var confKeys = map[string]string{
	"is_scheduled":     "enableSched",
	"alert_type":       "counttype",
	"alert_comparator": "relation",
	"alert_threshold":  "quantity",
}

// confFields are the fields of a search as savedsearches.conf has them: each
// action is switched on by a key of its own. The project's mark is added.
func confFields(o *deploy.Object, project string) []deploy.Field {
	var out []deploy.Field
	for _, f := range o.Fields {
		if f.Key == "actions" {
			for _, a := range strings.Split(f.Value, ",") {
				if a != "" {
					out = append(out, deploy.Field{Key: "action." + a, Value: "1"})
				}
			}
			continue
		}
		if k, ok := confKeys[f.Key]; ok {
			f.Key = k
		}
		if f.Value != "" || f.Key != "description" {
			out = append(out, f)
		}
	}
	return append(out, deploy.Field{Key: keyMetadata, Value: markText(reconcile.Mark{ID: o.ID, Project: project, Hash: Wanted(o, "").Hash()})})
}

func writeIndented(b *bytes.Buffer, v any) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic("deploy/splunk: " + err.Error()) // only texts and numbers
	}
}
