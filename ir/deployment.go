package ir

import (
	"slices"
	"time"

	"github.com/huntc/huntc/diag"
)

// Deployment is what a document says about how its hunt runs and what its
// alerts say. It never changes which rows match. What the document does not
// say is nil, empty or 0, and has a default by the level of the hunt.
//
// Columns are named as the document names them: a field of the logsource, or
// a column of the pipeline.
type Deployment struct {
	diag.Span
	Alert    AlertMode
	AlertAt  diag.Span
	AlertOn  []string // of AlertSome: the targets
	Schedule *Schedule
	Throttle *Throttle
	Finding  *Finding
	Risk     *Risk
	Entities []Entity
	Response *Response
}

// AlertMode says whether the rows of a hunt are alerts.
type AlertMode string

const (
	AlertDefault AlertMode = ""
	AlertOn      AlertMode = "on"
	AlertOff     AlertMode = "off"  // for people to run
	AlertSome    AlertMode = "some" // on some targets; on others for people to run
)

// Alerts reports whether the rows of the hunt are alerts on a target.
func (d *Deployment) Alerts(target string) bool {
	switch {
	case d == nil:
		return true
	case d.Alert == AlertSome:
		return slices.Contains(d.AlertOn, target)
	}
	return d.Alert != AlertOff
}

// Continuous is the Every of a hunt that looks at events as they come in.
const Continuous = "continuous"

// Frequencies are the values of Schedule.Every, the rarest last.
var Frequencies = []string{Continuous, "1h", "3h", "12h", "24h"}

// Schedule is when a hunt runs.
type Schedule struct {
	diag.Span
	Every   string // one of Frequencies; "" for the default
	EveryAt diag.Span
	Cron    string // of Splunk, in the place of Every
	CronAt  diag.Span
}

// Throttle keeps a row from alerting again within Period if one with the same
// values in By has alerted. Without By every row is like any other.
type Throttle struct {
	diag.Span
	Period time.Duration
	By     []ColumnRef
}

// Finding is the text of an alert.
type Finding struct {
	diag.Span
	Title, Description *AlertText
	Domain             string // one of SecurityDomains
}

// SecurityDomains are the domains of findings in Enterprise Security.
var SecurityDomains = []string{"access", "audit", "endpoint", "identity", "network", "threat"}

// Risk is what the rows of a hunt add to the risk of the entities in them.
type Risk struct {
	diag.Span
	Message *AlertText
	Score   int // of objects without a score of their own; 0 for the default
	Objects []RiskObject
	Threats []ThreatObject
}

// RiskObject is a column with an entity whose risk rises.
type RiskObject struct {
	Column ColumnRef
	Type   string // one of RiskObjectTypes
	Score  int    // 0 for that of the Risk
}

// ThreatObject is a column with what the risk comes from.
type ThreatObject struct {
	Column ColumnRef
	Type   string // one of ThreatObjectTypes
}

// RiskObjectTypes are the types of risk objects in Enterprise Security.
var RiskObjectTypes = []string{"system", "user", "other"}

// ThreatObjectTypes are the types of threat objects in Enterprise Security.
var ThreatObjectTypes = []string{
	"certificate_common_name", "certificate_organization", "certificate_serial", "certificate_unit", "command", "domain",
	"email_address", "email_subject", "file_hash", "file_name", "file_path", "http_user_agent", "ip_address",
	"parent_process", "parent_process_name", "process", "process_hash", "process_name", "registry_path",
	"registry_value_name", "registry_value_text", "service", "signature", "system", "tls_hash", "url",
}

// Entity is a column with what an alert is about.
type Entity struct {
	Column ColumnRef
	Type   string // one of EntityTypes
}

// EntityTypes are the types of entities.
var EntityTypes = []string{"device", "user", "mailbox"}

// Response is what is to be done about an alert.
type Response struct {
	diag.Span
	Actions     []Action
	Recommended string
}

// Action is a response that the target takes by itself.
type Action struct {
	diag.Span
	Name string // one of ResponseActions
}

// ResponseActions are the actions that a custom detection of Defender can take.
var ResponseActions = []string{
	"isolate_device", "collect_investigation_package", "run_antivirus_scan", "initiate_investigation",
	"restrict_app_execution", "quarantine_file", "disable_user", "force_password_reset", "mark_user_as_compromised",
}

// ColumnRef names a column.
type ColumnRef struct {
	diag.Span
	Name string
}

// AlertText is a text with the values of columns in it.
type AlertText struct {
	diag.Span
	Parts []AlertPart
}

// AlertPart is a piece of text, or the value of a column.
type AlertPart struct {
	Text   string
	Column string // not "": the value of this column
}

// Columns lists the columns that a deployment names, each once, where it is
// named first.
func (d *Deployment) Columns() []ColumnRef {
	if d == nil {
		return nil
	}
	var out []ColumnRef
	add := func(c ColumnRef) {
		if !slices.ContainsFunc(out, func(o ColumnRef) bool { return o.Name == c.Name }) {
			out = append(out, c)
		}
	}
	text := func(t *AlertText) {
		if t == nil {
			return
		}
		for _, p := range t.Parts {
			if p.Column != "" {
				add(ColumnRef{t.Span, p.Column})
			}
		}
	}
	if d.Throttle != nil {
		for _, c := range d.Throttle.By {
			add(c)
		}
	}
	if d.Finding != nil {
		text(d.Finding.Title)
		text(d.Finding.Description)
	}
	if d.Risk != nil {
		text(d.Risk.Message)
		for _, o := range d.Risk.Objects {
			add(o.Column)
		}
		for _, o := range d.Risk.Threats {
			add(o.Column)
		}
	}
	for _, e := range d.Entities {
		add(e.Column)
	}
	return out
}
