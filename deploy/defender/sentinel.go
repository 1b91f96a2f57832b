package defender

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// maxPeriod is how far back an analytics rule of Sentinel can look.
const maxPeriod = 14 * 24 * time.Hour

// maxQuery is how many characters the query of an analytics rule has at most
// (learn.microsoft.com/azure/sentinel/scheduled-rules-overview).
const maxQuery = 10000

// lag is how long events take to be in Sentinel; each run of a rule that looks
// at each event once looks back so much further.
const lag = 5 * time.Minute

type (
	// SentinelRule is a file of Sentinel: an analytics rule, or a hunting query.
	SentinelRule struct {
		Item *deploy.Item
		YAML []byte
	}
	sentinelBody struct {
		ID          string            `yaml:"id"`
		Name        string            `yaml:"name"`
		Description string            `yaml:"description"`
		Severity    string            `yaml:"severity,omitempty"`
		Connectors  []connector       `yaml:"requiredDataConnectors"`
		Frequency   string            `yaml:"queryFrequency,omitempty"`
		Period      string            `yaml:"queryPeriod,omitempty"`
		Operator    string            `yaml:"triggerOperator,omitempty"`
		Threshold   *int              `yaml:"triggerThreshold,omitempty"`
		Tactics     []string          `yaml:"tactics"`
		Techniques  []string          `yaml:"relevantTechniques"`
		Query       string            `yaml:"query"`
		Entities    []entityMapping   `yaml:"entityMappings,omitempty"`
		Details     map[string]string `yaml:"alertDetailsOverride,omitempty"`
		Grouping    map[string]string `yaml:"eventGroupingSettings,omitempty"`
		Version     string            `yaml:"version"`
		Kind        string            `yaml:"kind,omitempty"`
	}
	connector struct {
		ID    string   `yaml:"connectorId"`
		Types []string `yaml:"dataTypes"`
	}
	entityMapping struct {
		Type   string         `yaml:"entityType"`
		Fields []fieldMapping `yaml:"fieldMappings"`
	}
	fieldMapping struct {
		Identifier string `yaml:"identifier"`
		Column     string `yaml:"columnName"`
	}
)

// Sentinel are the analytics rules of items, and the hunting queries of those
// that are no alerts, in their order. Items with an error are left out.
func Sentinel(items []*deploy.Item) ([]SentinelRule, diag.List) {
	items, diags := deploy.Identified(items)
	names := names(items, &diags)
	var out []SentinelRule
	for i, it := range items {
		if it.Analytic == nil {
			continue
		}
		var found diag.List
		text := sentinelRule(it, names[i], &found)
		if !found.HasErrors() {
			out = append(out, SentinelRule{it, text})
		}
		diags = append(diags, found...)
	}
	diags.Sort()
	return out, diags
}

func sentinelRule(it *deploy.Item, name string, diags *diag.List) []byte {
	s := deploy.SettingsOf(it)
	d := it.Analytic
	known := tables().Sentinel
	for _, t := range d.Tables {
		if slices.Contains(known.Tables, t) {
			continue
		}
		hint := "Write \"alert: false\", and run it in Defender; or limit what is packaged to other folders."
		for _, w := range known.Without {
			if w.Table == t {
				hint = w.Why
			}
		}
		diags.Errorf(codeSentinel, it.Hunt, hint, "the connector of Sentinel for Defender does not bring the table %s", t)
	}
	if !d.Known {
		diags.Warnf(codeUnchecked, nativeAt(it), "Its rows should have a column with a device, a user or a mailbox.", "the native query is not understood in full, so it is not known whether Sentinel can run it")
	}
	b := sentinelBody{ID: it.ID(), Name: name, Description: deploy.Prose(it.Hunt.Meta.Description), Connectors: []connector{{known.Connector, d.Tables}},
		Tactics: []string{}, Techniques: append([]string{}, s.Techniques...), Query: d.Query, Version: "1.0.0"}
	if b.Description == "" {
		b.Description = deploy.OneLine(it.Hunt.Meta.Title, 0)
	}
	for _, t := range s.Tactics {
		if !slices.Contains(b.Tactics, t.Name) {
			b.Tactics = append(b.Tactics, t.Name)
		}
	}
	var discard diag.List // a name that Defender cannot use is no error here
	for _, a := range entities(it, s, d, &discard) {
		if a.Sentinel == "" { // the id of a device: by name
			i := slices.IndexFunc(tables().Assets, func(o asset) bool {
				return o.Type == a.Type && o.Sentinel != "" && slices.Contains(d.Columns, o.Column)
			})
			if i < 0 {
				continue
			}
			a = tables().Assets[i]
		}
		b.Entities = append(b.Entities, entityMapping{a.Sentinel, []fieldMapping{{a.Field, a.Column}}})
	}
	if s.Alert {
		if n := utf8.RuneCountInString(queryText(d.Query)); n > maxQuery {
			diags.Errorf(codeTooLong, it.Hunt, "Split the hunt; or write \"alert: false\": a hunting query has no such limit.",
				"the query has %d characters, and an analytics rule of Sentinel at most %d", n, maxQuery)
		}
		sentinelSchedule(it, s, d, &b, diags)
		texts := &filler{it: it, d: d, diags: diags, service: "Sentinel"}
		if f := it.Hunt.Meta.Deployment; f != nil && f.Finding != nil {
			b.Details = map[string]string{"alertDisplayNameFormat": deploy.OneLine(texts.fill(s.Title, "title"), 0), "alertDescriptionFormat": deploy.Prose(texts.fill(s.Description, "description"))}
		}
		b.Severity = s.Level.Sentinel
		b.Grouping = map[string]string{"aggregationKind": "AlertPerResult"}
	}
	return yamlText(b)
}

// sentinelSchedule sets when a rule runs and how far back it looks. Where each
// row is one event, a run looks at what came since the run before.
func sentinelSchedule(it *deploy.Item, s *deploy.Settings, d *deploy.Detection, b *sentinelBody, diags *diag.List) {
	if s.Every == ir.Continuous {
		b.Kind = "NRT"
		if !d.Single {
			diags.Errorf(codeContinuous, s.EveryAt, "Write \"every: 1h\" or rarer.", "a rule that runs all the time looks at a minute of events, and the hunt puts events together")
		}
		return
	}
	every := deploy.Interval(s.Every)
	period := every
	switch c := it.Hunt.Correlation; {
	case d.Single:
	case s.LookBack > 0:
		period = s.LookBack
		s.CheckGap(it, every, diags)
	case c != nil:
		period = every + c.Timespan
	}
	if s.LookBack == 0 || d.Single {
		period = min(period+lag, maxPeriod)
	}
	if period > maxPeriod {
		diags.Errorf(codeLookBack, it.Hunt, "Shorten the window to 14d.", "the hunt looks back %s, and an analytics rule of Sentinel 14d at most", ir.SpanText(period))
	}
	zero := 0
	b.Kind, b.Operator, b.Threshold = "Scheduled", "gt", &zero
	b.Frequency, b.Period = azureSpan(every), azureSpan(period)
}

// azureSpan writes a length of time as Sentinel's files do.
func azureSpan(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}} {
		if d%u.unit == 0 {
			return fmt.Sprintf("%d%s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%dm", (d+time.Minute-1)/time.Minute)
}

// queryText is a query as a file of Sentinel has it.
func queryText(q string) string { return strings.TrimSpace(q) + "\n" }

func yamlText(b sentinelBody) []byte {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	b.Query = queryText(b.Query)
	if err := enc.Encode(b); err != nil {
		panic("deploy/defender: " + err.Error()) // texts and numbers
	}
	return out.Bytes()
}
