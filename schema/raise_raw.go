package schema

import (
	"regexp"
	"slices"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// A text that reads raw events says where they are by index, source and
// sourcetype, or by a macro for them; a dataset by its definition. They are held
// against each other by what both say: the log, and the number of the event.

// definedBy are the terms of a definition.
type definedBy struct {
	logs  []string // sources and sourcetypes, as logNamed has them
	codes []string // numbers of events
	other bool     // it asks for something else too
}

var (
	definitionTerm = regexp.MustCompile(`(?:"([^"]+)"|([\w.]+))=(?:"([^"]*)"|([^\s()]+))`)
	definitionRest = regexp.MustCompile(`(?i)[\w]`)
)

func defined(definition string) definedBy {
	var d definedBy
	for _, m := range definitionTerm.FindAllStringSubmatch(definition, -1) {
		key, value := m[1]+m[2], m[3]+m[4]
		switch key {
		case "source", "sourcetype":
			d.logs = append(d.logs, logNamed(value))
		case "EventCode":
			d.codes = append(d.codes, value)
		default:
			d.other = true
		}
	}
	rest := definitionTerm.ReplaceAllString(definition, "")
	d.other = d.other || definitionRest.MatchString(strings.ReplaceAll(rest, "OR", ""))
	return d
}

// logNamed is the name of a log without the form in which Splunk has its events:
// a channel of Windows is read as XML or as text.
func logNamed(source string) string {
	source = strings.ToLower(source)
	for _, form := range []string{"xmlwineventlog:", "wineventlog:"} {
		source = strings.TrimPrefix(source, form)
	}
	return source
}

// publishedMacros are the logs that macros of Splunk's published detections stand
// for by default.
var publishedMacros = map[string]string{
	"sysmon":                     "microsoft-windows-sysmon/operational",
	"powershell":                 "microsoft-windows-powershell/operational",
	"wineventlog_security":       "security",
	"wineventlog_system":         "system",
	"wineventlog_application":    "application",
	"wineventlog_task_scheduler": "microsoft-windows-taskscheduler/operational",
	"cloudtrail":                 "aws:cloudtrail",
	"o365_management_activity":   "o365:management:activity",
	"azure_monitor_aad":          "azure:monitor:aad",
	"azuread":                    "azure:monitor:aad",
	"linux_auditd":               "linux:audit",
}

// whence are the logs that a text reads, its conjuncts about anything else, and
// what it says of places that documents do not.
func whence(table string, conjuncts []ir.Expr) (logs []string, rest []ir.Expr, places []string) {
	if log := publishedMacros[strings.ToLower(table)]; log != "" {
		logs = append(logs, log)
	}
	for _, c := range conjuncts {
		about := ""
		for _, column := range []string{"index", "source", "sourcetype"} {
			if values, ok := exactly(c, column); ok {
				about = column
				places = append(places, column+"="+strings.Join(values, "|"))
				if column != "index" {
					for _, v := range values {
						logs = append(logs, logNamed(v))
					}
				}
			}
		}
		if about == "" {
			rest = append(rest, c)
		}
	}
	return logs, rest, places
}

// rawAttempts are what datasets make of a scan of raw events that a text says the
// place of itself.
func (z *raiser) rawAttempts(q *ir.Scan, computed *ir.Extend, conjuncts []ir.Expr, at diag.Span) *attempt {
	logs, rest, places := whence(q.Physical.Table, conjuncts)
	if len(logs) == 0 {
		return z.anyEvents(q, computed, conjuncts, at)
	}
	if len(places) == 0 {
		places = []string{"`" + q.Physical.Table + "`"}
	}
	var best *attempt
	for _, ds := range z.schema.Datasets() {
		if ds.Raw == nil || len(ds.Logsources) == 0 {
			continue
		}
		d := defined(ds.Raw.Definition)
		if d.other || !slices.ContainsFunc(d.logs, func(log string) bool {
			return slices.ContainsFunc(logs, func(l string) bool { return matches(starred(at, log), l) || matches(starred(at, l), log) })
		}) {
			continue
		}
		left, ok := withoutCodes(rest, d.codes)
		if !ok {
			continue
		}
		a := z.attempt(ds, ds.Logsources[0], Raw, q, computed, left, at)
		if a == nil {
			continue
		}
		if len(d.codes) == 0 {
			a.values++
		}
		a.notes.Infof(codeNarrower, q, "Set it where huntc.yaml defines macros, if it is not the default.",
			"documents do not say %s: the macro %s of %s does", strings.Join(places, " "), ds.Raw.Table, ds.Name)
		if best == nil || a.better(best) < 0 {
			best = a
		}
	}
	if best == nil {
		return z.anyEvents(q, computed, conjuncts, at)
	}
	return best
}

// anyEvents is what the dataset of all events makes of a scan: the text says
// itself which it wants, in words of its own place. A macro in front of them may
// say anything, so there is nothing for it.
func (z *raiser) anyEvents(q *ir.Scan, computed *ir.Extend, conjuncts []ir.Expr, at diag.Span) *attempt {
	ds := z.schema.Dataset(anyEventsDataset)
	if ds == nil || q.Physical.Table != "" {
		return nil
	}
	a := z.attempt(ds, ds.Logsources[0], Raw, q, computed, conjuncts, at)
	if a != nil {
		a.notes.Infof(codeNarrower, q, "Name a logsource for it, and the hunt runs on other targets too.",
			"no dataset stands for the events that are read here, so the hunt is bound to Splunk and to the names of its indexes and sourcetypes")
	}
	return a
}

// anyEventsDataset stands for all that Splunk indexes.
const anyEventsDataset = "splunk_events"

// withoutCodes takes the numbers of events out of the conjuncts as far as a
// definition has them; false if it has others.
func withoutCodes(conjuncts []ir.Expr, codes []string) ([]ir.Expr, bool) {
	if len(codes) == 0 {
		return conjuncts, true
	}
	var out []ir.Expr
	found := false
	for _, c := range conjuncts {
		values, ok := eventCodes(c)
		if !ok {
			out = append(out, c)
			continue
		}
		found = true
		for _, v := range values {
			if !slices.Contains(codes, v) {
				return nil, false
			}
		}
		if len(values) < len(codes) {
			out = append(out, c)
		}
	}
	return out, found
}

// eventCodes are the numbers of events that a conjunct asks for.
func eventCodes(e ir.Expr) ([]string, bool) {
	for _, column := range []string{"EventCode", "EventID", "event_id"} {
		if values, ok := exactly(e, column); ok {
			return values, true
		}
		if c, ok := e.(*ir.Compare); ok && c.Op == ir.Eq {
			f, isField := c.L.(*ir.Field)
			lit, isLit := c.R.(*ir.Lit)
			if isField && isLit && f.Name == column {
				return []string{literalText(lit)}, true
			}
		}
	}
	return nil, false
}
