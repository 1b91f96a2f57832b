package sigma

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// The keys below those of "hunt" that say how a hunt is deployed.
var (
	scheduleKeys = []string{"every", "cron"}
	throttleKeys = []string{"period", "by"}
	findingKeys  = []string{"title", "description", "domain"}
	riskKeys     = []string{"message", "score", "objects", "threats"}
	objectKeys   = []string{"column", "type", "score"}
	threatKeys   = []string{"column", "type"}
	entityKeys   = []string{"column", "type"}
	responseKeys = []string{"actions", "recommended"}
)

// deploymentOrder is the order of the keys at a place below "hunt"; nil if
// there is none.
func deploymentOrder(path []string) []string {
	switch strings.Join(path, "/") {
	case "schedule":
		return scheduleKeys
	case "throttle":
		return throttleKeys
	case "finding":
		return findingKeys
	case "risk":
		return riskKeys
	case "risk/objects/-":
		return objectKeys
	case "risk/threats/-", "entities/-":
		return threatKeys
	case "response":
		return responseKeys
	}
	return nil
}

// maxScore is the highest risk score; Enterprise Security adds them up.
const maxScore = 100

// deployment reads one of the keys of "hunt" that say how it is deployed.
func (d *document) deployment(p pair) {
	dep := d.hunt.Meta.Deployment
	if dep == nil {
		dep = &ir.Deployment{Span: d.src.span(p.key)}
		d.hunt.Meta.Deployment = dep
	}
	key, v := p.key.Value, resolve(p.value)
	at := d.src.span(p.key)
	switch key {
	case "alert":
		switch {
		case v.Kind == yaml.ScalarNode && v.ShortTag() == "!!bool" && strings.EqualFold(v.Value, "true"):
			dep.Alert, dep.AlertAt = ir.AlertOn, at
		case v.Kind == yaml.ScalarNode && v.ShortTag() == "!!bool":
			dep.Alert, dep.AlertAt = ir.AlertOff, at
		case v.Kind == yaml.SequenceNode && len(v.Content) > 0:
			dep.Alert, dep.AlertAt = ir.AlertSome, at
			for _, e := range d.texts(key, v, false) {
				if !d.target(e) {
					continue
				}
				if slices.Contains(dep.AlertOn, e.text) {
					d.diags.Errorf(codeTarget, e, "Remove one.", "the target %q stands there twice", e.text)
				}
				dep.AlertOn = append(dep.AlertOn, e.text)
			}
		default:
			d.diags.Errorf(codeWrongType, d.src.span(v), "Write \"alert: false\" for a hunt that people run, or \"alert: [splunk]\" for one that is an alert on some targets.",
				"%q has to be true, false or a list of targets, and this is %s", key, kindOf(v))
		}
	case "schedule":
		dep.Schedule = &ir.Schedule{Span: at}
		d.block(key, v, scheduleKeys, func(p pair, v *yaml.Node) {
			t, ok := d.textOf(p.key.Value, v)
			switch {
			case !ok:
			case p.key.Value == "every":
				if d.word("frequency", t, v, ir.Frequencies) {
					dep.Schedule.Every, dep.Schedule.EveryAt = t, d.src.span(v)
				}
			default:
				if bad := badCron(t); bad != "" {
					d.diags.Errorf(codeCron, d.src.span(v), "Write minute, hour, day of the month, month and day of the week, such as \"17 * * * *\".", "%q is no schedule: %s", t, bad)
				}
				dep.Schedule.Cron, dep.Schedule.CronAt = t, d.src.span(v)
			}
		})
	case "throttle":
		dep.Throttle = &ir.Throttle{Span: at}
		d.block(key, v, throttleKeys, func(p pair, v *yaml.Node) {
			switch p.key.Value {
			case "period":
				if t, ok := d.textOf("period", v); ok {
					dur, ok := parseDuration(t)
					if !ok || dur <= 0 {
						d.diags.Errorf(codeDuration, d.src.span(v), "Write a number and s, m, h, d or w, such as 30m or 7d.", "%q is not a length of time", t)
					}
					dep.Throttle.Period = dur
				}
			case "by":
				for _, c := range d.columns("by", v) {
					dep.Throttle.By = append(dep.Throttle.By, ir.ColumnRef{Span: c.Span, Name: c.text})
				}
			}
		})
		if dep.Throttle.Period == 0 && findPair(d.pairs(v), "period") == nil && v.Kind == yaml.MappingNode {
			d.diags.Errorf(codeMissingKey, at, "Say for how long: throttle: {period: 1d, by: [Computer]}.", "\"throttle\" needs a \"period\"")
		}
	case "finding":
		dep.Finding = &ir.Finding{Span: at}
		d.block(key, v, findingKeys, func(p pair, v *yaml.Node) {
			switch p.key.Value {
			case "title":
				if dep.Finding.Title = d.columnText(p.key.Value, v); dep.Finding.Title != nil && strings.ContainsAny(v.Value, "\r\n") {
					d.diags.Errorf(codeText, d.src.span(v), "Write it as one line; the rest belongs into \"description\".", "the title of a finding is one line")
				}
			case "description":
				dep.Finding.Description = d.columnText(p.key.Value, v)
			case "domain":
				if t, ok := d.textOf("domain", v); ok && d.word("domain", t, v, ir.SecurityDomains) {
					dep.Finding.Domain = t
				}
			}
		})
	case "risk":
		d.risk(dep, at, v)
	case "entities":
		d.each(key, v, entityKeys, func(at diag.Span, c ir.ColumnRef, n *yaml.Node, typ string, _ int) {
			if d.word("type of entity", typ, n, ir.EntityTypes) {
				dep.Entities = append(dep.Entities, ir.Entity{Column: c, Type: typ})
			}
		})
	case "response":
		dep.Response = &ir.Response{Span: at}
		d.block(key, v, responseKeys, func(p pair, v *yaml.Node) {
			switch p.key.Value {
			case "actions":
				for _, e := range d.texts("actions", v, true) {
					if !d.word("action", e.text, e.node, ir.ResponseActions) {
						continue
					}
					if slices.ContainsFunc(dep.Response.Actions, func(a ir.Action) bool { return a.Name == e.text }) {
						d.diags.Errorf(codeListEntry, e, "Remove one.", "the action %q stands there twice", e.text)
						continue
					}
					dep.Response.Actions = append(dep.Response.Actions, ir.Action{Span: e.Span, Name: e.text})
				}
			case "recommended":
				if t, ok := d.textOf("recommended", v); ok {
					dep.Response.Recommended = t
				}
			}
		})
	}
}

// block reads a map with some of the keys, one of them at least.
func (d *document) block(name string, v *yaml.Node, keys []string, read func(p pair, v *yaml.Node)) {
	if !d.isMap(name, v) {
		return
	}
	pairs := d.pairs(v)
	if len(pairs) == 0 {
		d.diags.Errorf(codeWrongType, d.src.span(v), "Its keys are "+strings.Join(keys, ", ")+".", "%q says nothing", name)
	}
	for _, p := range pairs {
		if !slices.Contains(keys, p.key.Value) {
			d.unknownKey(name, p.key, keys)
			continue
		}
		read(p, resolve(p.value))
	}
}

func (d *document) risk(dep *ir.Deployment, at diag.Span, v *yaml.Node) {
	r := &ir.Risk{Span: at}
	dep.Risk = r
	d.block("risk", v, riskKeys, func(p pair, v *yaml.Node) {
		switch p.key.Value {
		case "message":
			r.Message = d.columnText("message", v)
		case "score":
			r.Score = d.score(v)
		case "objects":
			d.each("objects", v, objectKeys, func(at diag.Span, c ir.ColumnRef, n *yaml.Node, typ string, score int) {
				if d.word("type of risk object", typ, n, ir.RiskObjectTypes) {
					r.Objects = append(r.Objects, ir.RiskObject{Column: c, Type: typ, Score: score})
				}
			})
		case "threats":
			d.each("threats", v, threatKeys, func(at diag.Span, c ir.ColumnRef, n *yaml.Node, typ string, _ int) {
				if d.word("type of threat object", typ, n, ir.ThreatObjectTypes) {
					r.Threats = append(r.Threats, ir.ThreatObject{Column: c, Type: typ})
				}
			})
		}
	})
}

// each reads a list of maps, each with a column and a type.
func (d *document) each(name string, v *yaml.Node, keys []string, read func(at diag.Span, c ir.ColumnRef, n *yaml.Node, typ string, score int)) {
	if v.Kind != yaml.SequenceNode || len(v.Content) == 0 {
		d.diags.Errorf(codeWrongType, d.src.span(v), "Write one a line: - {column: Computer, type: …}.", "%q has to be a list of columns with their types, and this is %s", name, kindOf(v))
		return
	}
	var seen []string
	for _, e := range v.Content {
		e = resolve(e)
		at := d.src.span(e)
		if !d.isMap(name, e) {
			continue
		}
		var c ir.ColumnRef
		var typ string
		var typeAt *yaml.Node
		score := 0
		before := d.errors()
		for _, p := range d.pairs(e) {
			v := resolve(p.value)
			switch {
			case !slices.Contains(keys, p.key.Value):
				d.unknownKey(name, p.key, keys)
			case p.key.Value == "column":
				if t, ok := d.textOf("column", v); ok && d.checkField(t, d.src.span(v)) {
					c = ir.ColumnRef{Span: d.src.span(v), Name: t}
				}
			case p.key.Value == "type":
				if t, ok := d.textOf("type", v); ok {
					typ, typeAt = t, v
				}
			case p.key.Value == "score":
				score = d.score(v)
			}
		}
		switch {
		case d.errors() > before:
		case c.Name == "" || typeAt == nil:
			d.diags.Errorf(codeMissingKey, at, "Write - {column: Computer, type: …}.", "an entry of %q needs \"column\" and \"type\"", name)
		case slices.Contains(seen, c.Name+"\x00"+typ):
			d.diags.Errorf(codeDuplicateCol, at, "Remove one.", "the column %q stands there twice with the type %s", c.Name, typ)
		default:
			seen = append(seen, c.Name+"\x00"+typ)
			read(at, c, typeAt, typ, score)
		}
	}
}

func (d *document) score(v *yaml.Node) int {
	n, err := strconv.Atoi(v.Value)
	if v.Kind != yaml.ScalarNode || err != nil || n < 1 || n > maxScore {
		d.diags.Errorf(codeScore, d.src.span(v), "Write a whole number from 1 to 100.", "a risk score is a whole number from 1 to %d", maxScore)
		return 0
	}
	return n
}

// columnText reads a text with columns in braces.
func (d *document) columnText(key string, v *yaml.Node) *ir.AlertText {
	t, ok := d.textOf(key, v)
	if !ok {
		return nil
	}
	if strings.TrimSpace(t) == "" {
		d.diags.Errorf(codeText, d.src.span(v), "Write the text, or remove the key.", "%q is empty", key)
		return nil
	}
	out := &ir.AlertText{Span: d.src.span(v)}
	parts, bad := textParts(t)
	if bad != "" {
		d.diags.Errorf(codeText, out, "A column stands in braces: {Computer}. A brace of the text itself is written twice: {{.", "%s", bad)
		return nil
	}
	out.Parts = parts
	return out
}

// textParts takes a text apart; bad says what is wrong with it.
func textParts(t string) (parts []ir.AlertPart, bad string) {
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			parts = append(parts, ir.AlertPart{Text: plain.String()})
			plain.Reset()
		}
	}
	for i := 0; i < len(t); i++ {
		switch {
		case (t[i] == '{' || t[i] == '}') && i+1 < len(t) && t[i+1] == t[i]:
			plain.WriteByte(t[i])
			i++
		case t[i] == '}':
			return nil, "a brace is closed that is not open"
		case t[i] == '{':
			end := strings.IndexAny(t[i+1:], "{}\n")
			if end < 0 || t[i+1+end] != '}' {
				return nil, "a brace is not closed"
			}
			name := t[i+1 : i+1+end]
			if name == "" || strings.TrimSpace(name) != name {
				return nil, fmt.Sprintf("%q names no column", "{"+name+"}")
			}
			flush()
			parts = append(parts, ir.AlertPart{Column: name})
			i += 1 + end
		default:
			plain.WriteByte(t[i])
		}
	}
	flush()
	return parts, ""
}

// cronField is what a field of a schedule is made of: a value, a range or all,
// and a step.
var cronField = regexp.MustCompile(`^(?:(\*)|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?$`)

// badCron says what is wrong with a schedule of Splunk; "" if nothing is.
func badCron(t string) string {
	names := []string{"minute", "hour", "day of the month", "month", "day of the week"}
	low, high := []int{0, 0, 1, 1, 0}, []int{59, 23, 31, 12, 7}
	fields := strings.Split(t, " ")
	if len(fields) != len(names) {
		return fmt.Sprintf("it has %d fields and not %d", len(fields), len(names))
	}
	var months [13]bool
	firstDay := 31
	for i, f := range fields {
		for _, part := range strings.Split(f, ",") {
			m := cronField.FindStringSubmatch(part)
			if m == nil {
				return fmt.Sprintf("%q is no %s", f, names[i])
			}
			from, to := low[i], high[i]
			if m[2] != "" {
				from, _ = strconv.Atoi(m[2]) // digits
				to = from
			}
			if m[3] != "" {
				to, _ = strconv.Atoi(m[3])
			}
			if from < low[i] || to > high[i] || from > to || m[4] != "" && strings.Trim(m[4], "0") == "" {
				return fmt.Sprintf("%q is no %s", f, names[i])
			}
			switch names[i] {
			case "day of the month":
				firstDay = min(firstDay, from)
			case "month":
				step := 1
				if m[4] != "" {
					if step, _ = strconv.Atoi(m[4]); m[1] == "" && m[3] == "" {
						to = high[i]
					}
				}
				for ; from <= to; from += step {
					months[from] = true
				}
			}
		}
	}
	// A day of the week would be enough.
	if fields[4] == "*" && !slices.ContainsFunc([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, func(m int) bool { return months[m] && firstDay <= longestMonth(m) }) {
		return "none of these months has such a day, so it would never run"
	}
	return ""
}

// longestMonth is how many days a month has at most.
func longestMonth(m int) int {
	return time.Date(2024, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() // a leap year
}

// deployment writes what a document says about its deployment.
func (w *writer) deployment(d *ir.Deployment) {
	if d == nil {
		return
	}
	y := &w.out
	switch d.Alert {
	case ir.AlertOn:
		y.line(1, "alert: true")
	case ir.AlertOff:
		y.line(1, "alert: false")
	case ir.AlertSome:
		y.row(1, "alert", d.AlertOn)
	}
	if s := d.Schedule; s != nil {
		y.line(1, "schedule:")
		y.text(2, "every", s.Every)
		if s.Cron != "" {
			y.line(2, "cron: "+quoted(s.Cron))
		}
	}
	if t := d.Throttle; t != nil {
		s, ok := durationText(t.Period)
		if !ok {
			cannot(t, "", "a period of %s", t.Period)
		}
		y.line(1, "throttle:")
		y.line(2, "period: "+s)
		by := make([]string, len(t.By))
		for i, c := range t.By {
			by[i] = c.Name
		}
		y.row(2, "by", by)
	}
	if f := d.Finding; f != nil {
		y.line(1, "finding:")
		y.text(2, "title", braced(f.Title))
		y.text(2, "description", braced(f.Description))
		y.text(2, "domain", f.Domain)
	}
	if r := d.Risk; r != nil {
		y.line(1, "risk:")
		y.text(2, "message", braced(r.Message))
		if r.Score != 0 {
			y.line(2, "score: "+strconv.Itoa(r.Score))
		}
		if len(r.Objects) > 0 {
			y.line(2, "objects:")
			for _, o := range r.Objects {
				w.typed(3, o.Column, o.Type)
				if o.Score != 0 {
					y.line(3, "  score: "+strconv.Itoa(o.Score))
				}
			}
		}
		if len(r.Threats) > 0 {
			y.line(2, "threats:")
			for _, o := range r.Threats {
				w.typed(3, o.Column, o.Type)
			}
		}
	}
	if len(d.Entities) > 0 {
		y.line(1, "entities:")
		for _, e := range d.Entities {
			w.typed(2, e.Column, e.Type)
		}
	}
	if r := d.Response; r != nil {
		y.line(1, "response:")
		actions := make([]string, len(r.Actions))
		for i, a := range r.Actions {
			actions[i] = a.Name
		}
		y.row(2, "actions", actions)
		y.text(2, "recommended", r.Recommended)
	}
}

func (w *writer) typed(depth int, c ir.ColumnRef, typ string) {
	w.out.line(depth, "- column: "+yamlScalar(c.Name, false))
	w.out.line(depth, "  type: "+typ)
}

// braced is a text as a document writes it.
func braced(t *ir.AlertText) string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	for _, p := range t.Parts {
		if p.Column != "" {
			b.WriteString("{" + p.Column + "}")
			continue
		}
		b.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(p.Text))
	}
	return b.String()
}

// deploymentText is a deployment as text, for comparing.
func deploymentText(d *ir.Deployment) string {
	if d == nil {
		return ""
	}
	w := &writer{h: &ir.Hunt{}}
	w.deployment(d)
	return strings.Join(w.out.lines, "\n") + "\n"
}
