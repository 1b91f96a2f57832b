package defender

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/deploy/reconcile"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Keys of a custom detection: the paths of Graph's properties, with dots. The
// values of lists and of objects without properties of ours are JSON.
const (
	keyName        = "displayName"
	keyEnabled     = "isEnabled"
	keyQuery       = "queryCondition.queryText"
	keyPeriod      = "schedule.period"
	keyTitle       = "detectionAction.alertTemplate.title"
	keyDescription = "detectionAction.alertTemplate.description"
	keySeverity    = "detectionAction.alertTemplate.severity"
	keyCategory    = "detectionAction.alertTemplate.category"
	keyRecommended = "detectionAction.alertTemplate.recommendedActions"
	keyTechniques  = "detectionAction.alertTemplate.mitreTechniques"
	keyAssets      = "detectionAction.alertTemplate.impactedAssets"
	keyResponses   = "detectionAction.responseActions"
)

// noTactic is the category of an alert without a tactic. The service shows no
// techniques with it.
const noTactic = "SuspiciousActivity"

// maxName is how long the name of a rule gets.
const maxName = 200

// maxFilled is how many columns the service puts into a title and into a
// description.
const maxFilled = 3

// Rules are the custom detections of items, in their order. Hunts that are no
// alerts are left out, as are items with an error.
func Rules(items []*deploy.Item) ([]*deploy.Object, diag.List) {
	items, diags := deploy.Identified(alerts(items, true))
	names := names(items, &diags)
	var out []*deploy.Object
	for i, it := range items {
		var found diag.List
		o := rule(it, names[i], &found)
		if !found.HasErrors() {
			out = append(out, o)
		}
		diags = append(diags, found...)
	}
	diags.Sort()
	return out, diags
}

// Hunting are the items that are no alerts.
func Hunting(items []*deploy.Item) []*deploy.Item { return alerts(items, false) }

func alerts(items []*deploy.Item, want bool) []*deploy.Item {
	var out []*deploy.Item
	for _, it := range items {
		if it.Hunt.Meta.Deployment.Alerts(it.Target) == want {
			out = append(out, it)
		}
	}
	return out
}

func names(items []*deploy.Item, diags *diag.List) []string {
	plain := func(title string) string {
		if title = deploy.OneLine(title, 0); title == "" {
			return "untitled"
		}
		return title
	}
	out := deploy.Names(items, plain, maxName)
	for i, it := range items {
		if out[i] != plain(it.Hunt.Meta.Title) {
			diags.Infof(codeName, it.Hunt.Meta.TitleSpan, "", "the rule is called %q, for names are unique and have at most %d characters", out[i], maxName)
		}
	}
	return out
}

func rule(it *deploy.Item, name string, diags *diag.List) *deploy.Object {
	s := deploy.SettingsOf(it)
	d := it.Detection
	o := &deploy.Object{ID: it.ID(), Name: name}
	if d == nil {
		return o
	}
	checkIdentity(it, d, diags)
	period := schedule(it, s, d, diags)
	if s.Every == ir.Continuous {
		checkContinuous(it, s, d, diags)
	}
	checkTimeFilter(it, d, diags)
	if s.Cron != "" {
		diags.Infof(codeSplunkOnly, diag.Span{Pos: cronAt(it)}, "", "\"cron\" is for Splunk; in Defender the rule runs every %s", everyWords(s.Every))
	}
	o.Set(keyName, name)
	o.Set(keyEnabled, "true")
	o.Set(keyQuery, d.Query)
	o.Set(keyPeriod, period)
	texts := &filler{it: it, d: d, diags: diags, service: "Defender"}
	o.Set(keyTitle, deploy.OneLine(texts.fill(s.Title, "title"), 0))
	o.Set(keyDescription, deploy.Prose(texts.fill(s.Description, "description")))
	o.Set(keySeverity, s.Level.Defender)
	category, techniques := noTactic, []string{}
	if len(s.Tactics) > 0 {
		category, techniques = s.Tactics[0].Name, append(techniques, s.Techniques...)
	}
	o.Set(keyCategory, category)
	o.Set(keyRecommended, deploy.Prose(s.Recommended))
	o.Set(keyTechniques, jsonText(techniques))
	o.Set(keyAssets, jsonText(impacted(it, s, d, diags)))
	o.Set(keyResponses, jsonText(responses(it, s, d, diags)))
	return o
}

func cronAt(it *deploy.Item) diag.Pos { return it.Hunt.Meta.Deployment.Schedule.CronAt.Pos }

func everyWords(every string) string {
	if every == ir.Continuous {
		return "time that an event comes in"
	}
	return every
}

// checkIdentity reports rows that do not say of which event they are.
func checkIdentity(it *deploy.Item, d *deploy.Detection, diags *diag.List) {
	if !d.Known {
		diags.Warnf(codeUnchecked, nativeAt(it), "Its rows have to have Timestamp, ReportId, DeviceId for tables of devices, and a column with a device, a user or a mailbox.",
			"the native query is not understood in full, so it is not known whether a custom detection can be made of it")
		return
	}
	want := []string{"Timestamp", "ReportId"}
	if slices.ContainsFunc(d.Tables, func(t string) bool { return strings.HasPrefix(t, "Device") }) {
		want = append(want, "DeviceId")
	}
	missing := slices.DeleteFunc(want, func(c string) bool { return slices.Contains(d.Columns, c) })
	if len(missing) == 0 {
		return
	}
	no := "no " + strings.Join(missing, ", no ")
	const hunting = " Or write \"alert: false\" in the hunt block, or \"alert: [splunk]\": then it is a hunting query here."
	switch {
	case d.Native:
		diags.Errorf(codeIdentity, nativeAt(it), "Keep the columns of the event in each row; where it sums events up: | summarize (Timestamp, ReportId) = arg_max(Timestamp, ReportId), … by DeviceId."+hunting,
			"the native query has %s, so no custom detection can be made of it", no)
	case d.Single || !d.Stage.Pos.IsValid():
		diags.Errorf(codeIdentity, it.Hunt, "Tables of states, such as those of inventory and vulnerabilities, have no events."+hunting,
			"%s has %s, so no custom detection can be made of the hunt", strings.Join(d.Tables, ", "), no)
	default:
		diags.Errorf(codeIdentity, d.Stage, "huntc takes them from the last event of each row, unless a column of the pipeline's own is called Timestamp, ReportId or DeviceId, or a table has none of them. Give such a column another name."+hunting,
			"from here on the rows have %s, so no custom detection can be made of the hunt", no)
	}
}

func nativeAt(it *deploy.Item) diag.Node {
	for _, n := range it.Hunt.Natives {
		if n.Target == it.Target {
			return n
		}
	}
	return it.Hunt
}

// schedule finds the frequency: that of the document, else the one of its level
// or the next rarer one with which the service looks back far enough.
func schedule(it *deploy.Item, s *deploy.Settings, d *deploy.Detection, diags *diag.List) string {
	list := tables().Frequencies
	i := slices.IndexFunc(list, func(f frequency) bool { return f.Every == s.Every })
	need := d.LookBack
	if c := it.Hunt.Correlation; c != nil {
		need = max(need, c.Timespan)
	}
	if d.Single {
		return list[i].Period // a row needs its own event only
	}
	if s.Every == ir.Continuous {
		return list[i].Period // refused elsewhere
	}
	if need > list[i].Back && !s.Given {
		for i < len(list)-1 && need > list[i].Back {
			i++
		}
		s.Every = list[i].Every
	}
	if need > list[i].Back {
		at := diag.Node(it.Hunt)
		if s.Given {
			at = s.EveryAt
		}
		hint := "The service keeps events for 30 days: shorten the window."
		if j := slices.IndexFunc(list, func(f frequency) bool { return f.Back >= need }); j >= 0 {
			hint = "Write \"every: " + list[j].Every + "\", with which the service looks back " + ir.SpanText(list[j].Back) + ", or shorten the window."
		}
		diags.Errorf(codeLookBack, at, hint, "the hunt looks back %s, and with \"every: %s\" the service gives it the events of %s", ir.SpanText(need), s.Every, ir.SpanText(list[i].Back))
	}
	s.LookBack = d.LookBack
	s.CheckGap(it, deploy.Interval(s.Every), diags)
	return list[i].Period
}

// checkTimeFilter warns of native text that looks back by itself.
func checkTimeFilter(it *deploy.Item, d *deploy.Detection, diags *diag.List) {
	if d.Native && (d.LookBack > 0 || strings.Contains(strings.ToLower(plainCode(d.Query)), "ago(")) {
		diags.Warnf(codeTimeFilter, nativeAt(it), "Leave the time range to the service, which looks back as far as the frequency needs.", "the native query filters by time, so events that come late can be missed")
	}
}

type impactedAsset struct {
	Type       string `json:"@odata.type"`
	Identifier string `json:"identifier"`
}

var assetTypes = map[string]string{
	"device":  "#microsoft.graph.security.impactedDeviceAsset",
	"user":    "#microsoft.graph.security.impactedUserAsset",
	"mailbox": "#microsoft.graph.security.impactedMailboxAsset",
}

// impacted are what an alert is about: one of each type, as the service wants.
func impacted(it *deploy.Item, s *deploy.Settings, d *deploy.Detection, diags *diag.List) []impactedAsset {
	out := []impactedAsset{}
	for _, a := range entities(it, s, d, diags) {
		out = append(out, impactedAsset{assetTypes[a.Type], a.Identifier})
	}
	if len(out) == 0 && d.Known && !diags.HasErrors() {
		diags.Errorf(codeNoEntity, it.Hunt, "Keep a column with a device, a user or a mailbox in the rows ("+strings.Join(columnsOf("", false), ", ")+"), or write \"alert: false\" in the hunt block, or \"alert: [splunk]\".",
			"the rows name no device, user or mailbox that an alert could be about: their columns are %s", strings.Join(d.Columns, ", "))
	}
	return out
}

// columnsOf are the columns that can be an entity of a type, or of any.
func columnsOf(typ string, sentinel bool) []string {
	var out []string
	for _, a := range tables().Assets {
		if (typ == "" || a.Type == typ) && (!sentinel || a.Sentinel != "") && !slices.Contains(out, a.Column) {
			out = append(out, a.Column)
		}
	}
	return out
}

// entities finds the assets of an alert: those that the document names, else
// the strongest of each type that the rows have.
func entities(it *deploy.Item, s *deploy.Settings, d *deploy.Detection, diags *diag.List) []asset {
	has := func(column string) bool { return slices.Contains(d.Columns, column) }
	find := func(typ string, ok func(a asset) bool) *asset {
		for _, a := range tables().Assets {
			if a.Type == typ && ok(a) {
				return &a
			}
		}
		return nil
	}
	var out []asset
	var types []string
	if !s.NamedEntities {
		for _, typ := range ir.EntityTypes {
			if a := find(typ, func(a asset) bool { return has(a.Column) }); a != nil && !(typ == "mailbox" && slices.Contains(types, "user")) {
				out, types = append(out, *a), append(types, typ)
			}
		}
		return out
	}
	for _, e := range s.Entities {
		if slices.Contains(types, e.Type) {
			diags.Errorf(codeEntity, e.Column, "Remove one of them.", "an alert of Defender has one %s at most", e.Type)
			continue
		}
		types = append(types, e.Type)
		column := it.Rows.Column(e.Column.Name)
		a := find(e.Type, func(a asset) bool { return a.Column == column })
		// The id of a device is beside its name in the rows of its own events, and
		// beside a name that the pipeline has for it.
		kind, _ := deploy.KindOf(it.Hunt, e.Column.Name)
		if e.Type == "device" && has("DeviceId") && (a == nil && kind == "device" || a != nil && a.Column == "DeviceName") {
			a = find(e.Type, func(a asset) bool { return a.Column == "DeviceId" })
		}
		if a == nil {
			diags.Errorf(codeEntity, e.Column, "Columns that can be one are "+strings.Join(columnsOf(e.Type, false), ", ")+".",
				"the column %s of the query for Defender cannot be the %s of an alert", column, e.Type)
			continue
		}
		out = append(out, *a)
	}
	return out
}

type responseAction struct {
	Type       string `json:"@odata.type"`
	Identifier string `json:"identifier"`
	Isolation  string `json:"isolationType,omitempty"`
}

func responses(it *deploy.Item, s *deploy.Settings, d *deploy.Detection, diags *diag.List) []responseAction {
	out := []responseAction{}
	for _, named := range s.Actions {
		i := slices.IndexFunc(tables().Actions, func(a action) bool { return a.Action == named.Name })
		a := tables().Actions[i]
		var columns []string
		found := false
		for _, c := range a.Columns {
			columns = append(columns, c.Column)
			if !found && (slices.Contains(d.Columns, c.Column) || !d.Known) {
				found = true
				out = append(out, responseAction{"#microsoft.graph.security." + a.Type, c.Identifier, a.Isolation})
			}
		}
		if !found {
			diags.Errorf(codeAction, named, "Show it with \"fields\", or remove the action. The columns are "+strings.Join(d.Columns, ", ")+".",
				"%s needs one of the columns %s in the rows", a.Action, strings.Join(columns, ", "))
		}
	}
	return out
}

// filler puts columns into texts as the service does: {{DeviceName}}.
type filler struct {
	it    *deploy.Item
	d     *deploy.Detection
	diags *diag.List
	// service is what fills the texts, in sentences.
	service string
}

func (f *filler) fill(parts []ir.AlertPart, what string) string {
	var b strings.Builder
	var filled []string
	for _, p := range parts {
		if p.Column == "" {
			// Doubled braces of the text itself would be taken for a column.
			b.WriteString(strings.NewReplacer("{{", "{ {", "}}", "} }").Replace(p.Text))
			continue
		}
		c := f.it.Rows.Column(p.Column)
		if !slices.Contains(filled, c) {
			filled = append(filled, c)
			if len(filled) == maxFilled+1 {
				at := diag.Node(f.it.Hunt)
				if d := f.it.Hunt.Meta.Deployment; d != nil && d.Finding != nil {
					at = d.Finding
				}
				f.diags.Warnf(codeTexts, at, "Name the columns that matter most first.", "the %s names more than %d columns, and %s fills in no more: the others stand there by name", what, maxFilled, f.service)
			}
		}
		if slices.Index(filled, c) >= maxFilled {
			b.WriteString(c)
			continue
		}
		b.WriteString("{{" + c + "}}")
	}
	return b.String()
}

// markerStart is how the line of a description begins by which a rule is known
// to be huntc's.
const markerStart = "huntc:"

// marked is a description with the mark of its rule, as the last line.
func marked(description string, m reconcile.Mark) string {
	return strings.TrimRight(description, "\n") + "\n\n" + markerStart + url.QueryEscape(m.Project) + ":" + m.ID + ":" + m.Hash
}

type (
	ruleBody struct {
		DisplayName string         `json:"displayName,omitempty"`
		IsEnabled   *bool          `json:"isEnabled,omitempty"`
		Query       *queryBody     `json:"queryCondition,omitempty"`
		Schedule    *scheduleBody  `json:"schedule,omitempty"`
		Action      *detectionBody `json:"detectionAction,omitempty"`
	}
	queryBody struct {
		Text string `json:"queryText"`
	}
	scheduleBody struct {
		Period string `json:"period"`
	}
	detectionBody struct {
		Alert     alertBody       `json:"alertTemplate"`
		Responses json.RawMessage `json:"responseActions"`
	}
	alertBody struct {
		Title       string          `json:"title"`
		Description string          `json:"description"`
		Severity    string          `json:"severity"`
		Category    string          `json:"category"`
		Recommended *string         `json:"recommendedActions"`
		Techniques  json.RawMessage `json:"mitreTechniques"`
		Assets      json.RawMessage `json:"impactedAssets"`
	}
)

// body is a rule as Graph takes it (detectionRule of the beta endpoint): those of
// its properties of the first level that hold one of the keys, each whole, for
// Graph replaces them whole. What huntc does not own, such as the organizational
// scope, is left out.
func body(o reconcile.Object, m reconcile.Mark, has func(key string) bool) []byte {
	values := map[string]string{}
	for _, f := range o.Fields {
		values[f.Key] = f.Value
	}
	any := func(keys ...string) bool { return slices.ContainsFunc(keys, has) }
	b := ruleBody{}
	if any(keyName) {
		b.DisplayName = values[keyName]
	}
	if any(keyEnabled) {
		on := values[keyEnabled] == "true"
		b.IsEnabled = &on
	}
	if any(keyQuery) {
		b.Query = &queryBody{values[keyQuery]}
	}
	if any(keyPeriod) {
		b.Schedule = &scheduleBody{values[keyPeriod]}
	}
	if any(keyTitle, keyDescription, keySeverity, keyCategory, keyRecommended, keyTechniques, keyAssets, keyResponses) {
		b.Action = &detectionBody{
			Alert: alertBody{Title: values[keyTitle], Description: marked(values[keyDescription], m), Severity: values[keySeverity], Category: values[keyCategory],
				Techniques: json.RawMessage(values[keyTechniques]), Assets: json.RawMessage(values[keyAssets])},
			Responses: json.RawMessage(values[keyResponses]),
		}
		if r := values[keyRecommended]; r != "" {
			b.Action.Alert.Recommended = &r
		}
	}
	return indented(b)
}

// JSON is the file of a rule: what Graph takes, with the project's mark.
func JSON(o *deploy.Object, project string) []byte {
	w := Wanted(o, "")
	return body(w, reconcile.Mark{ID: o.ID, Project: project, Hash: w.Hash()}, func(string) bool { return true })
}

func indented(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic("deploy/defender: " + err.Error()) // texts, and JSON that this package wrote
	}
	return b.Bytes()
}

func jsonText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("deploy/defender: " + err.Error()) // texts alone
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// HuntingQuery is the file of a hunt that people run: its query, under a comment
// that says what it is.
func HuntingQuery(it *deploy.Item) []byte {
	var b strings.Builder
	m := it.Hunt.Meta
	line := func(s string) {
		if s = deploy.OneLine(s, 0); s != "" {
			b.WriteString("// " + s + "\n")
		}
	}
	line(m.Title)
	if it.ID() != "" {
		line("id: " + it.ID())
	}
	for _, l := range strings.Split(deploy.Prose(m.Description), "\n") {
		line(l)
	}
	b.WriteString(it.Query + "\n")
	return []byte(b.String())
}
